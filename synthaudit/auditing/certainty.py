"""How sure are the scores: intervals, nulls, p-values and the floor of an audit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from synthaudit.arrays import Flags, Integers, Vectors
from synthaudit.measures.bootstrap import (
    Interval,
    detector_intervals,
    resample_radii,
    share_interval,
)
from synthaudit.measures.copies.duplicates import Duplicates
from synthaudit.measures.copies.radius import denser_radius
from synthaudit.measures.copies.rates import excess_p_value
from synthaudit.measures.detection.cross_validation import CrossValidate, cross_validate
from synthaudit.measures.detection.detector import Detection
from synthaudit.measures.detection.permutation import detector_null, unit_numbers
from synthaudit.measures.detection.real_against_real import floor
from synthaudit.measures.scores import FourScores
from synthaudit.progress import Progress
from synthaudit.settings import Settings

_DRAWS = 200


@dataclass(frozen=True, kw_only=True)
class Certainty:
    """What surrounds the four scores.

    Attributes:
        intervals: by score, at ``settings.confidence``.
        null: by score, its level when there is no difference; None where it has none.
        p_values: by score and for the detector's ``auc``; never 0; None where there is no test.
        floor: what perfect synthetic data would score; None with too few real images.
    """

    intervals: Mapping[str, Interval]
    null: Mapping[str, float | None]
    p_values: Mapping[str, float | None]
    floor: FourScores | None


def ascertain(
    vectors: Vectors,
    is_synthetic: Flags,
    *,
    groups: Integers,
    detection: Detection,
    copies: Duplicates,
    settings: Settings,
    progress: Progress,
    validate: CrossValidate = cross_validate,
) -> Certainty:
    """Surround the scores of an audit with what can be said of their certainty.

    Args:
        vectors: (n, d) embeddings.
        is_synthetic: (n,) the side of each.
        groups: (n,) clusters that no fold cuts, -1 for images alone.
        detection: what the detector said.
        copies: what the duplicate search said.
        settings: confidence, numbers of permutations and resamples, seed.
        progress: told of the stages.
        validate: cross-validates permutations and resamples.
    """
    progress.start("permuting for the null", 0)
    null = detector_null(
        vectors,
        is_synthetic,
        groups,
        folds=settings.folds,
        permutations=settings.permutations,
        seed=settings.seed,
        validate=validate,
    )
    progress.start("resampling for intervals", 0)
    intervals = detector_intervals(
        vectors,
        detection,
        is_synthetic,
        groups,
        least_spread=None if null is None else null.spreads,
        resamples=settings.resamples,
        confidence=settings.confidence,
        seed=settings.seed,
        validate=validate,
    )
    intervals |= _share_intervals(is_synthetic, copies, settings)
    progress.start("auditing the real images against themselves", 0)
    real = ~is_synthetic
    lowest = floor(
        vectors[real],
        groups[real],
        synthetic_share=float(is_synthetic.mean()),
        false_alarms=settings.false_alarms,
        distance=settings.duplicate_distance,
        folds=settings.folds,
        seed=settings.seed,
    )
    detector = ("unrealistic", "unrepresentative")
    expected = None if copies.radius.is_absolute else settings.false_alarms
    return Certainty(
        intervals=intervals,
        null={
            **{name: null.levels[name] if null else None for name in detector},
            "unvaried": expected,
            "unoriginal": expected,
        },
        p_values={
            **{name: null.p_values[name] if null else None for name in (*detector, "auc")},
            **share_p_values(is_synthetic, copies),
        },
        floor=lowest,
    )


def _share_intervals(
    is_synthetic: Flags, copies: Duplicates, settings: Settings
) -> dict[str, Interval]:
    radius = copies.radius
    units = unit_numbers(is_synthetic, copies.cluster)[is_synthetic]
    if radius.is_absolute or radius.real_count < 2:
        real, synthetic = np.full(_DRAWS, radius.real), np.full(_DRAWS, radius.synthetic)
    else:
        real, dimensions = resample_radii(
            radius.real_distances,
            false_alarms=settings.false_alarms,
            resamples=_DRAWS,
            seed=settings.seed,
        )
        synthetic = denser_radius(
            real, dimensions, candidates=int(is_synthetic.sum()), reference=radius.real_count
        )
    sides = {
        "unvaried": (copies.nearest_synthetic, radius.synthetic, synthetic),
        "unoriginal": (copies.nearest_real, radius.real, real),
    }
    return {
        name: share_interval(
            near.distance[is_synthetic, 0],
            own,
            units,
            radii,
            confidence=settings.confidence,
            seed=settings.seed,
        )
        for name, (near, own, radii) in sides.items()
    }


def share_p_values(is_synthetic: Flags, copies: Duplicates) -> dict[str, float | None]:
    """Clusters of flagged images against pairs of real images among themselves."""
    radius = copies.radius
    if radius.is_absolute or radius.real_count < 2:
        return {"unvaried": None, "unoriginal": None}
    units = unit_numbers(is_synthetic, copies.cluster)
    # Neighbours come in pairs: as many events as half the images that are near another.
    pairs = float((radius.real_distances < radius.real).sum()) / 2.0
    exposure = float(len(np.unique(units[is_synthetic])))
    counts = {
        "unvaried": (copies.is_unvaried, float(radius.real_count)),
        # A copy is an event of its own, a pair of real images one event of two images.
        "unoriginal": (copies.is_unoriginal, radius.real_count / 2.0),
    }
    return {
        name: excess_p_value(
            len(np.unique(units[flagged])),
            exposure,
            reference_events=pairs,
            reference_exposure=reference,
        )
        for name, (flagged, reference) in counts.items()
    }
