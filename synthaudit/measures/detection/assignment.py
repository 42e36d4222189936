"""Ways to cross-validate: which image is in which fold, and what it weighs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from synthaudit.arrays import Flags, Floats, Integers
from synthaudit.measures.detection.folds import grouped_folds, plain_folds

INNER_FOLDS: Final = 3
"""Folds inside the training rows of a fold, in which its penalty is chosen."""


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """One way to cross-validate n images.

    Attributes:
        is_synthetic: (n,) the side of each image, true or permuted.
        fold: (n,) its fold in [0, folds).
        inner: (n, folds) its inner fold while that fold is held out, -1 for those held out.
        counts: (n,) how often each image counts, equal within groups; None for once.
    """

    is_synthetic: Flags
    fold: Integers
    inner: Integers
    counts: Floats | None = None

    @property
    def training(self) -> Flags:
        """(n, folds) who trains while each fold is held out."""
        return self.inner >= 0

    def take(self, rows: Integers) -> Assignment:
        """The same folds for some of the images."""
        return Assignment(
            is_synthetic=self.is_synthetic[rows],
            fold=self.fold[rows],
            inner=self.inner[rows],
            counts=None if self.counts is None else self.counts[rows],
        )

    def weigh(self, chosen: Flags) -> Floats:
        """(n, K) the counts of those that are chosen, 0 of the others."""
        weights = chosen.astype(np.float64)
        return weights if self.counts is None else weights * self.counts[:, None]


def assign(
    is_synthetic: Flags, groups: Integers | None, *, folds: int, rng: np.random.Generator
) -> Assignment:
    """Deal outer and inner folds; ``groups`` (n,) are never cut, None deals without regard."""
    fold = _deal(is_synthetic, groups, folds, rng)
    inner = np.full((len(fold), folds), -1, np.int64)
    for held in range(folds):
        inside = fold != held
        own = None if groups is None else groups[inside]
        inner[inside, held] = _deal(is_synthetic[inside], own, INNER_FOLDS, rng)
    return Assignment(is_synthetic=is_synthetic, fold=fold, inner=inner)


def side_weights(counts: Floats, is_synthetic: Flags) -> Floats:
    """(n, K) weights that give both sides half of each model's rows, as scikit-learn does."""
    totals = np.stack([counts[~is_synthetic].sum(axis=0), counts[is_synthetic].sum(axis=0)])
    share = totals.sum(axis=0) / (2.0 * np.maximum(totals, 1e-12))
    weights: Floats = share[is_synthetic.astype(np.int64)]
    return weights


def both_sides(training: Flags, is_synthetic: Flags) -> Flags:
    """(K,) columns whose rows hold both sides."""
    return np.asarray(training[is_synthetic].any(axis=0) & training[~is_synthetic].any(axis=0))


def _deal(
    is_synthetic: Flags, groups: Integers | None, folds: int, rng: np.random.Generator
) -> Integers:
    if groups is None:
        return plain_folds(is_synthetic, folds=folds, rng=rng)
    return grouped_folds(is_synthetic, groups, folds=folds, rng=rng)
