"""What the detector scores when there is nothing to detect: sides of whole clusters permuted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import ndtr

from synthaudit.arrays import Flags, Floats, Integers
from synthaudit.measures.detection.assignment import assign
from synthaudit.measures.detection.cross_validation import (
    CrossValidate,
    OutOfFold,
    cross_validate,
    principal_axes,
)
from synthaudit.measures.detection.detector import area_under_curve, label_quality
from synthaudit.measures.randomness import stream
from synthaudit.measures.samples import Samples
from synthaudit.measures.search.clusters import number_clusters
from synthaudit.threads import Advance, ignore

# Bounds the cost; the test then speaks of these images and is as honest, if less sharp.
_WIDER: Final = 1.5
_LEAST_P_VALUE: Final = 1e-300
_ROWS: Final = 3000


@dataclass(frozen=True, kw_only=True)
class PermutationNull:
    """The detector's null: ``unrealistic``, ``unrepresentative`` and ``auc`` without a difference.

    Attributes:
        spreads: the standard deviation of each over the permutations, for sides of this size.
        levels: the mean of each over the permutations. Grouped folds with few clusters push it
            below 0.5, so it is the level that a score is to be held against.
        p_values: share of permutations, the true sides among them, that score at least as high;
            in [1 / (permutations + 1), 1], small for a real difference.
        permutations: how many.
    """

    levels: Mapping[str, float]
    spreads: Mapping[str, float]
    p_values: Mapping[str, float]
    permutations: int


def detector_null(
    samples: Samples,
    *,
    folds: int = 5,
    permutations: int = 99,
    seed: int = 0,
    validate: CrossValidate = cross_validate,
    advance: Advance = ignore,
) -> PermutationNull | None:
    """Repeat the detector's whole procedure with the sides of whole clusters permuted.

    The units are the parts of each cluster on either side, and images that stand alone; copies
    always move together, so an image is never recognised by its copy on the other side.

    Args:
        samples: the images, by their embeddings.
        folds: of the cross-validation.
        permutations: how many.
        seed: decides them.
        validate: does the work.
        advance: told of permutations that are done, the true sides among them.

    Returns:
        ``PermutationNull``; None when a side has fewer than two units to permute.
    """
    rng = stream(seed, "permutation")
    units = unit_numbers(samples.is_synthetic, samples.groups)
    rows = sample_units(samples.is_synthetic, units, _ROWS, rng)
    is_synthetic, groups = samples.is_synthetic[rows], samples.groups[rows]
    # Numbered anew, for dealing folds takes as long as there are numbers.
    groups = number_clusters(np.where(groups >= 0, groups, -1 - np.arange(len(rows))))
    _, first, units = np.unique(units[rows], return_index=True, return_inverse=True)
    side_of_unit = is_synthetic[first]
    fewer = min(int(side_of_unit.sum()), int((~side_of_unit).sum()))
    if fewer < 2:
        return None
    folds = min(folds, int(is_synthetic.sum()), int((~is_synthetic).sum()))
    sides = [is_synthetic]
    while len(sides) <= permutations:
        permuted = rng.permutation(side_of_unit)[units]
        if 2 <= permuted.sum() <= len(permuted) - 2:
            sides.append(permuted)
    outcomes = validate(
        # Twice as fast as float64, and ranks agree to 1e-7.
        principal_axes(samples.vectors[rows]).astype(np.float32),
        [assign(side, groups, folds=folds, rng=rng) for side in sides],
        tolerance=1e-4,
        advance=advance,
    )
    values = [_statistics(outcome, side) for outcome, side in zip(outcomes, sides, strict=True)]
    scale = float(np.sqrt(len(rows) / len(samples)))
    return PermutationNull(
        levels={name: float(np.mean([v[name] for v in values[1:]])) for name in values[0]},
        spreads={
            name: scale * float(np.std([v[name] for v in values[1:]], ddof=1)) for name in values[0]
        },
        p_values={
            name: float(np.mean([v[name] >= values[0][name] for v in values])) for name in values[0]
        },
        permutations=permutations,
    )


def approximate_p_value(auc: float, is_synthetic: Flags, units: Integers) -> float | None:
    """How likely chance alone gives such an AUC, without permutations.

    The normal approximation of the Mann-Whitney test on clusters, its standard deviation widened by
    half: that of a cross-validated AUC of two halves of 80 to 1,250 real photos was 1.37 to 1.41
    times that of independent scores. So it is a little too careful.

    Args:
        auc: of out-of-fold probabilities.
        is_synthetic: (n,) the side of each image.
        units: (n,) its unit, see ``unit_numbers``.

    Returns:
        p in (0, 1]; None when a side has fewer than two units.
    """
    real, synthetic = (len(np.unique(units[side])) for side in (~is_synthetic, is_synthetic))
    if min(real, synthetic) < 2:
        return None
    deviation = _WIDER * np.sqrt((real + synthetic + 1.0) / (12.0 * real * synthetic))
    return max(float(ndtr(-(auc - 0.5) / deviation)), _LEAST_P_VALUE)


def unit_numbers(is_synthetic: Flags, groups: Integers) -> Integers:
    """(n,) number of each image's unit: the part of its cluster on its side, or itself alone."""
    labels = np.where(groups >= 0, 2 * groups + is_synthetic, -1 - np.arange(len(groups)))
    units: Integers = np.unique(labels, return_inverse=True)[1]
    return units


def sample_units(
    is_synthetic: Flags, units: Integers, limit: int, rng: np.random.Generator
) -> Integers:
    """Rows of whole units drawn at random, about ``limit`` of them, the sides as even as can be."""
    if len(units) <= limit:
        return np.arange(len(units))
    counts = np.array([(~is_synthetic).sum(), is_synthetic.sum()])
    fewer = min(int(counts.min()), limit // 2)
    room = np.minimum(counts, max(limit - fewer, limit // 2))
    kept = np.zeros(len(units), bool)
    for side, target in ((~is_synthetic, room[0]), (is_synthetic, room[1])):
        numbers, sizes = np.unique(units[side], return_counts=True)
        order = rng.permutation(len(numbers))
        taken = order[: int(np.searchsorted(np.cumsum(sizes[order]), target)) + 1]
        kept |= side & np.isin(units, numbers[taken])
    return np.flatnonzero(kept)


def _statistics(outcome: OutOfFold, is_synthetic: Flags) -> dict[str, float]:
    quality: Floats = label_quality(outcome.probability, is_synthetic)
    return {
        "unrealistic": float(quality[is_synthetic].mean()),
        "unrepresentative": float(quality[~is_synthetic].mean()),
        "auc": area_under_curve(outcome.probability, is_synthetic),
    }
