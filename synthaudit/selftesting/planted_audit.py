"""One audit after another of planted faults, and what its statistics and flags say of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from synthaudit.arrays import Flags
from synthaudit.auditing.context import Context
from synthaudit.auditing.step import walk
from synthaudit.auditing.steps import detector, duplicates, labels, scores
from synthaudit.auditing.steps.detector import DetectorSection
from synthaudit.auditing.steps.duplicates import RadiusDuplicates
from synthaudit.auditing.steps.labels import LabelSection
from synthaudit.auditing.steps.scores import ScoreSection
from synthaudit.measures.fidelity.prdc import prdc
from synthaudit.measures.samples import Samples
from synthaudit.measures.search.neighbours import Directions
from synthaudit.selftesting.faults import PlantedSides
from synthaudit.settings import Settings

STATISTICS: Final = (
    "unrealistic",
    "unrepresentative",
    "unvaried",
    "unoriginal",
    "uncovered",
    "wrong_labels",
)
"""What every trial is read for: the four scores, 1 - coverage, the share of wrong-looking labels.
Higher is worse for all."""

_STEPS: Final = (
    duplicates.BY_RADIUS,
    detector.AXES,
    detector.ONCE,
    scores.BALANCED,
    labels.STEP,
)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What an audit says of two sides: statistics by name, and (n,) flags by statistic."""

    statistics: Mapping[str, float]
    flags: Mapping[str, Flags]


def audit_planted(planted: PlantedSides, settings: Settings) -> Trial:
    """Audit two sides quickly, by the same steps as ``score``.

    Args:
        planted: the sides.
        settings: of the audit; ``quick``.
    """
    samples, found = walk(_STEPS, planted.samples, Context(settings=settings))
    copies = found.section(RadiusDuplicates).found
    wrong = found.find(LabelSection)
    uncovered, coverage = _coverage(samples)
    probability = found.section(DetectorSection).detection.probability_synthetic
    flags = {
        "unrealistic": probability >= settings.obvious,
        "unvaried": copies.is_unvaried,
        "unoriginal": copies.is_unoriginal,
        "unrepresentative": uncovered,
        "uncovered": uncovered,
        "wrong_labels": np.zeros(len(samples), bool)
        if wrong is None
        else wrong.flags(len(samples)),
    }
    synthetic = samples.synthetic
    statistics = {
        **{name: float(value) for name, value in vars(found.section(ScoreSection).scores).items()},
        "uncovered": 1.0 - coverage,
        "wrong_labels": float(flags["wrong_labels"][synthetic].mean()),
    }
    return Trial(statistics=statistics, flags=flags)


def _coverage(samples: Samples) -> tuple[Flags, float]:
    """(n,) real images without a synthetic one in their neighbourhood, and coverage."""
    directions = Directions(samples.vectors)
    near = prdc(directions.rows(samples.real), directions.rows(samples.synthetic))
    uncovered = np.zeros(len(samples), bool)
    uncovered[samples.real] = near.distance_ratio > 1.0
    return uncovered, near.coverage


def recall_and_precision(flags: Flags, truth: Flags) -> tuple[float, float | None]:
    """Share of the truth that is flagged, and of the flagged that is true; None for no flags."""
    right = float((flags & truth).sum())
    return right / max(float(truth.sum()), 1.0), right / flags.sum() if flags.any() else None
