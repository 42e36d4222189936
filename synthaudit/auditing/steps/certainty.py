"""How sure are the scores: intervals, nulls, p-values and the floor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from synthaudit.auditing.context import Context
from synthaudit.auditing.step import Step
from synthaudit.auditing.steps.detector import DetectorSection
from synthaudit.auditing.steps.duplicates import RadiusDuplicates
from synthaudit.auditing.steps.scores import ScoreSection
from synthaudit.measures.bootstrap import (
    DETECTOR_SCORES,
    detector_intervals,
    detector_spread,
    mean_interval,
    resample_radii,
    share_interval,
)
from synthaudit.measures.copies.duplicates import Duplicates
from synthaudit.measures.copies.radius import denser_radius
from synthaudit.measures.copies.rates import excess_p_value
from synthaudit.measures.detection.permutation import (
    PermutationNull,
    approximate_p_value,
    detector_null,
    unit_numbers,
)
from synthaudit.measures.detection.real_against_real import SPLITS, real_against_real
from synthaudit.measures.intervals import Interval, either_p_value, wilson
from synthaudit.measures.samples import Samples
from synthaudit.measures.scores import FourScores
from synthaudit.measures.search.neighbours import is_near
from synthaudit.result.section import Section
from synthaudit.settings import Settings
from synthaudit.threads import together

_DRAWS: Final = 200


@dataclass(frozen=True, kw_only=True)
class CertaintySection(Section):
    """What surrounds the four scores.

    Attributes:
        intervals: by score, at ``settings.confidence``; none after ``quick``.
        null: by score, its level when there is no difference; None where it has none.
        p_values: by score; never 0; None where there is no test.
        detector_p_value: likewise of the detector's ``auc``.
        floor: what the real images score against themselves; None with too few of them.
        classes: by class that both sides have, the intervals of its scores.
    """

    intervals: Mapping[str, Interval]
    null: Mapping[str, float | None]
    p_values: Mapping[str, float | None]
    detector_p_value: float | None
    floor: FourScores | None
    classes: Mapping[str, Mapping[str, Interval]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """All of it, by score."""
        contents: dict[str, Any] = {
            "null": dict(self.null),
            "p_values": dict(self.p_values),
            "detector": {"p_value": self.detector_p_value},
        }
        if self.intervals:
            ends = {name: [own.low, own.high] for name, own in self.intervals.items()}
            contents["intervals"] = ends
        if self.classes:
            contents["classes"] = {
                label: {"intervals": {name: [i.low, i.high] for name, i in own.items()}}
                for label, own in self.classes.items()
            }
        if self.floor is not None:
            contents["floor"] = dict(vars(self.floor))
        return contents


def surround(samples: Samples, context: Context) -> CertaintySection:
    """Surround the scores with what can be said of their certainty."""
    settings, detection = context.settings, context.section(DetectorSection).detection
    copies = context.section(RadiusDuplicates).found
    context.progress.start(
        "finding how sure the scores are", settings.permutations + 1 + settings.resamples + SPLITS
    )
    null, spread, floor = together(
        lambda: _permute(samples, context),
        lambda: _resample(samples, context),
        lambda: _audit_the_real(samples, context),
    )
    intervals = detector_intervals(
        samples.is_synthetic,
        detection,
        spread,
        least_spread=None if null is None else null.spreads,
        confidence=settings.confidence,
    )
    expected = None if copies.radius.is_absolute else settings.false_alarms
    return CertaintySection(
        intervals={**intervals, **_share_intervals(samples, copies, settings)},
        classes=_class_intervals(samples, copies, context, intervals),
        null={
            **{name: null.levels[name] if null else None for name in DETECTOR_SCORES},
            "unvaried": expected,
            "unoriginal": expected,
        },
        p_values={
            **{name: null.p_values[name] if null else None for name in DETECTOR_SCORES},
            **share_p_values(samples, copies),
        },
        detector_p_value=null.p_values["auc"] if null else None,
        floor=floor,
    )


def test_only(samples: Samples, context: Context) -> CertaintySection:
    """P-values that need neither permutations nor resamples."""
    copies = context.section(RadiusDuplicates).found
    units = unit_numbers(samples.is_synthetic, samples.groups)
    detection = context.section(DetectorSection).detection
    by_detector = None
    if detection.assignments:
        by_detector = approximate_p_value(detection.auc, samples.is_synthetic, units)
    expected = None if copies.radius.is_absolute else context.settings.false_alarms
    chance = 0.5 if by_detector is not None else None
    return CertaintySection(
        intervals={},
        null={
            **dict.fromkeys(DETECTOR_SCORES, chance),
            "unvaried": expected,
            "unoriginal": expected,
        },
        p_values={
            **dict.fromkeys(DETECTOR_SCORES, by_detector),
            **share_p_values(samples, copies),
        },
        detector_p_value=by_detector,
        floor=None,
    )


def _permute(samples: Samples, context: Context) -> PermutationNull | None:
    settings = context.settings
    return detector_null(
        samples,
        folds=settings.folds,
        permutations=settings.permutations,
        seed=settings.seed,
        validate=context.engine.validate,
        advance=context.progress.advance,
    )


def _resample(samples: Samples, context: Context) -> dict[str, float]:
    settings = context.settings
    return detector_spread(
        samples,
        context.section(DetectorSection).detection,
        resamples=settings.resamples,
        seed=settings.seed,
        validate=context.engine.validate,
        advance=context.progress.advance,
    )


def _audit_the_real(samples: Samples, context: Context) -> FourScores | None:
    settings = context.settings
    return real_against_real(
        samples.take(~samples.is_synthetic),
        synthetic_share=float(samples.is_synthetic.mean()),
        false_alarms=settings.false_alarms,
        distance=settings.duplicate_distance,
        false_discoveries=settings.false_discoveries,
        folds=settings.folds,
        seed=settings.seed,
        advance=context.progress.advance,
    )


def _share_intervals(
    samples: Samples, copies: Duplicates, settings: Settings
) -> dict[str, Interval]:
    radius = copies.radius
    synthetic_rows = samples.synthetic
    units = unit_numbers(samples.is_synthetic, copies.cluster)[synthetic_rows]
    if radius.is_learnt:
        real, dimensions = resample_radii(
            radius.real_distances,
            false_alarms=settings.false_alarms,
            resamples=_DRAWS,
            seed=settings.seed,
        )
        synthetic = denser_radius(
            real, dimensions, candidates=len(synthetic_rows), reference=radius.real_count
        )
    else:
        real, synthetic = np.full(_DRAWS, radius.real), np.full(_DRAWS, radius.synthetic)
    sides = {
        "unvaried": (copies.nearest_synthetic, radius.synthetic, synthetic),
        "unoriginal": (copies.nearest_real, radius.real, real),
    }
    flags = {
        "unvaried": copies.is_unvaried[synthetic_rows],
        "unoriginal": copies.is_unoriginal[synthetic_rows],
    }
    discovered = {"unvaried": copies.repeats.is_found, "unoriginal": copies.copies.is_found}
    intervals = {}
    for name, (near, own, radii) in sides.items():
        distance = near.distance[synthetic_rows, 0]
        # What a channel discovered is flagged whatever the radius.
        is_sure = discovered[name] | (flags[name] & ~is_near(distance, own))
        intervals[name] = share_interval(
            np.where(is_sure, 0.0, distance),
            own,
            units,
            radii,
            confidence=settings.confidence,
            seed=settings.seed,
        )
    return intervals


def _class_intervals(
    samples: Samples, copies: Duplicates, context: Context, whole: Mapping[str, Interval]
) -> dict[str, dict[str, Interval]]:
    """Intervals by class: its images drawn anew, and the detector as unsure as on the whole set."""
    quality = context.section(DetectorSection).detection.label_quality
    confidence = context.settings.confidence
    units = unit_numbers(samples.is_synthetic, copies.cluster)
    found = {}
    for label in context.section(ScoreSection).classes:
        rows = np.flatnonzero(samples.classes == label)
        own = samples.is_synthetic[rows]
        sides = {"unrealistic": rows[own], "unrepresentative": rows[~own]}
        fakes = sides["unrealistic"]
        count = float(len(np.unique(units[fakes])))
        flags = {"unvaried": copies.is_unvaried, "unoriginal": copies.is_unoriginal}
        found[label] = {
            **{
                name: mean_interval(quality[side], units[side], whole[name], confidence)
                for name, side in sides.items()
            },
            **{
                name: wilson(float(flag[fakes].mean()), count, confidence)
                for name, flag in flags.items()
            },
        }
    return found


def share_p_values(samples: Samples, copies: Duplicates) -> dict[str, float | None]:
    """How many lie within the radius, or how near the nearest are: either may tell."""
    by_number = _rate_p_values(samples, copies)
    found = {"unvaried": copies.repeats, "unoriginal": copies.copies}
    return {
        name: either_p_value(by_number.get(name), own.any_p_value) for name, own in found.items()
    }


def _rate_p_values(samples: Samples, copies: Duplicates) -> dict[str, float]:
    """Clusters within the radius against pairs of real images among themselves."""
    radius = copies.radius
    if not radius.is_learnt:
        return {}
    units = unit_numbers(samples.is_synthetic, copies.cluster)
    # Neighbours come in pairs: as many events as half the images that are near another.
    pairs = float((radius.real_distances < radius.real).sum()) / 2.0
    exposure = float(len(np.unique(units[samples.synthetic])))
    counts = {
        "unvaried": (copies.nearest_synthetic, radius.synthetic, float(radius.real_count)),
        # A copy is an event of its own, a pair of real images one event of two images.
        "unoriginal": (copies.nearest_real, radius.real, radius.real_count / 2.0),
    }
    own = samples.synthetic
    return {
        name: excess_p_value(
            len(np.unique(units[own[is_near(near.distance[own, 0], within)]])),
            exposure,
            reference_events=pairs,
            reference_exposure=reference,
        )
        for name, (near, within, reference) in counts.items()
    }


_NEEDS: Final = ("duplicates", "detector", "scores")
STEP: Final = Step(name="certainty", run=surround, needs=_NEEDS)
TESTS_ALONE: Final = Step(name="certainty", run=test_only, needs=_NEEDS)
