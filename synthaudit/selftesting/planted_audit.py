"""One audit after another of planted faults, and what its readings and flags say of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from synthaudit.arrays import Flags
from synthaudit.auditing.copying import judge_copying
from synthaudit.auditing.measuring import Measurement, measure
from synthaudit.measures.fidelity.prdc import neighbourhoods
from synthaudit.measures.search.neighbours import Directions
from synthaudit.measures.usefulness.label_fidelity import label_fidelity
from synthaudit.progress import NoProgress
from synthaudit.selftesting.faults import Planted
from synthaudit.settings import Settings

READINGS = (
    "unrealistic",
    "unrepresentative",
    "unvaried",
    "unoriginal",
    "uncovered",
    "memorised",
    "wrong_labels",
)
"""What every trial is read for: the four scores, 1 - coverage, the shares of discovered copies and
of wrong-looking labels. Higher is worse for all."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What an audit says of two sides: readings by name, and (n,) flags by reading."""

    readings: Mapping[str, float]
    flags: Mapping[str, Flags]


def audit_planted(planted: Planted, settings: Settings) -> Trial:
    """Audit two sides quickly, by the same steps as ``score``.

    Args:
        planted: the sides.
        settings: of the audit; ``quick``.
    """
    sides = planted.vectors, planted.is_synthetic, planted.classes
    found = measure(*sides, settings, NoProgress())
    assert found.duplicates is not None
    assert found.fold_group is not None
    copying = judge_copying(
        planted.is_synthetic,
        found.duplicates,
        planted.patterns,
        settings=settings,
    )
    labels = label_fidelity(
        found.axes,
        planted.is_synthetic,
        planted.classes,
        found.fold_group,
        seed=settings.seed,
    )
    uncovered, coverage = _coverage(planted)
    flags = {
        **_flags(found, settings),
        "unrepresentative": uncovered,
        "uncovered": uncovered,
        "memorised": _of_synthetic(copying.found_by != "", planted.is_synthetic),
        "wrong_labels": np.zeros(len(uncovered), bool) if labels is None else labels.is_wrong,
    }
    synthetic = planted.is_synthetic
    readings = {
        **{name: float(value) for name, value in vars(found.scores).items()},
        "uncovered": 1.0 - coverage,
        "memorised": float(flags["memorised"][synthetic].mean()),
        "wrong_labels": float(flags["wrong_labels"][synthetic].mean()),
    }
    return Trial(readings=readings, flags=flags)


def _flags(found: Measurement, settings: Settings) -> dict[str, Flags]:
    return {
        "unrealistic": found.detection.probability_synthetic >= settings.obvious,
        "unvaried": found.is_unvaried,
        "unoriginal": found.is_unoriginal,
    }


def _coverage(planted: Planted) -> tuple[Flags, float]:
    """(n,) real images without a synthetic one in their neighbourhood, and coverage."""
    directions = Directions(planted.vectors)
    sides = (np.flatnonzero(~planted.is_synthetic), np.flatnonzero(planted.is_synthetic))
    near = neighbourhoods(*(directions.rows(rows) for rows in sides))
    uncovered = np.zeros(len(planted.vectors), bool)
    uncovered[sides[0]] = near.uncoveredness > 1.0
    return uncovered, near.coverage


def _of_synthetic(flagged: Flags, is_synthetic: Flags) -> Flags:
    everyone = np.zeros(len(is_synthetic), bool)
    everyone[is_synthetic] = flagged
    return everyone


def recall_and_precision(flags: Flags, truth: Flags) -> tuple[float, float | None]:
    """Share of the truth that is flagged, and of the flagged that is true; None for no flags."""
    right = float((flags & truth).sum())
    return right / max(float(truth.sum()), 1.0), right / flags.sum() if flags.any() else None
