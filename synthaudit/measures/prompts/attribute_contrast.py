"""What one kind of picture shows and another does not, over a vocabulary of attributes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from synthaudit.arrays import Flags, Floats, Integers
from synthaudit.measures.randomness import sample_rows, stream

_PERMUTATIONS: Final = 999
_TOP: Final = 0.1
# Of a standard deviation: a smaller difference nobody would see.
_SEEN: Final = 0.2
# Of the largest difference: what is left of the others' below it are crumbs of what has no name.
_BESIDE_LARGEST: Final = 0.25
# What others say of an attribute nearly wholly is no attribute of its own.
_OWN_SHARE: Final = 0.1
LEAST_PICTURES: Final = 20
"""Of either kind, below which nothing is said."""


@dataclass(frozen=True, kw_only=True)
class AttributeContrast:
    """An attribute in which two kinds of pictures differ.

    Attributes:
        number: of the attribute.
        difference: of how much the first kind shows it, less the second, in standard deviations,
            class by class, beyond what the attributes before it say; 0 by chance.
        p_value: adjusted for all attributes.
        first: share of the first kind among the tenth of all pictures that show it most, as a share
            of its own number; 0.1 where the kinds are alike.
        second: the same of the second kind.
    """

    number: int
    difference: float
    p_value: float
    first: float
    second: float


def attribute_contrasts(
    likeness: Floats,
    texts: Floats,
    is_first: Flags,
    *,
    strata: Integers,
    groups: Integers,
    most: int = 20,
    level: float = 0.05,
    seed: int = 0,
) -> list[AttributeContrast]:
    """Name attributes in which two kinds of pictures differ, the largest difference first.

    The attribute of the largest difference is named; what it says is taken out of the others, so
    that those that only resemble it are not, and the next one is looked for. The kinds are permuted
    in whole clusters within their classes; the largest difference of any attribute in each
    permutation adjusts for their number (Westfall and Young 1993), so the rate of families with
    any false discovery is at most ``level``. Telling two sets of images apart in words: VisDiff
    (Dunlap et al., CVPR 2024).

    Args:
        likeness: (n, a) cosine of pictures with attributes.
        texts: (a, d) directions of the attributes, rows of length 1.
        is_first: (n,) the kind of each picture.
        strata: (n,) number of each picture's class; only classes of both kinds count, and where
            there are none, classes do not count.
        groups: (n,) clusters of near-duplicates, -1 for images alone.
        most: how many are named at most.
        level: of false discoveries.
        seed: decides the permutations.

    Returns:
        What was found; nothing with too few pictures of one kind.
    """
    both = np.intersect1d(strata[is_first], strata[~is_first])
    if not len(both):
        strata = both = np.zeros(len(strata), np.int64)
    kept = np.isin(strata, both)
    fewest = min(int((kept & is_first).sum()), int((kept & ~is_first).sum()))
    if fewest < LEAST_PICTURES or likeness.shape[1] < 2:
        return []
    # What texts have in common says nothing of any of them.
    centred = texts - texts.mean(axis=0)
    shown = likeness[kept] - likeness[kept].mean(axis=1, keepdims=True)
    rows, kind, classes = _units(shown, is_first[kept], strata[kept], groups[kept])
    rng = stream(seed, "attributes")
    # Kinds of very different size would be told apart by their spread.
    even = _evenly(kind, classes, rng)
    if len(even) < 2 * LEAST_PICTURES:
        return []
    rows, kind, classes = rows[even], kind[even], np.unique(classes[even], return_inverse=True)[1]
    designs = [_contrast(kind, classes)]
    designs += [_contrast(_permuted(kind, classes, rng), classes) for _ in range(_PERMUTATIONS)]
    first, second = _shares(shown, is_first[kept])
    return [
        AttributeContrast(
            number=number,
            difference=difference,
            p_value=p_value,
            first=float(first[number]),
            second=float(second[number]),
        )
        for number, difference, p_value in _one_by_one(
            rows, centred @ centred.T, (kind, classes), np.stack(designs, axis=1), (most, level)
        )
    ]


def _one_by_one(
    rows: Floats,
    alike: Floats,
    cells: tuple[Flags, Integers],
    designs: Floats,
    limits: tuple[int, float],
) -> list[tuple[int, float, float]]:
    """Number, difference and p-value of each attribute that is named."""
    most, level = limits
    named: list[int] = []
    found = []
    largest = 0.0
    own = np.maximum(np.diag(alike), 1e-12)
    while len(named) < most:
        left, size = rows, own
        if named:
            # As by regression on the texts that are named already.
            weights = np.linalg.lstsq(alike[np.ix_(named, named)], alike[named], rcond=1e-9)[0]
            left = rows - rows[:, named] @ weights
            size = own - np.einsum("ka,ka->a", alike[named], weights)
        usable = np.flatnonzero(size > _OWN_SHARE * own)
        if not len(usable):
            break
        left = left[:, usable] / np.sqrt(size[usable])
        values = left.T @ designs
        spread = np.maximum(np.sqrt(_spread(left, *cells)), 1e-12)
        highest = np.abs(values[:, 1:] / spread[:, None]).max(axis=0)
        standard = values[:, 0] / spread
        p_values = 1.0 + (highest[None, :] >= np.abs(standard)[:, None] - 1e-12).sum(axis=1)
        p_values = p_values / (1.0 + len(highest))
        clear = (p_values <= level) & (np.abs(standard) >= _SEEN)
        if not clear.any():
            break
        best = int(np.argmax(np.where(clear, np.abs(values[:, 0]), -1.0)))
        largest = max(largest, abs(values[best, 0]))
        if abs(values[best, 0]) < _BESIDE_LARGEST * largest:
            break
        named.append(int(usable[best]))
        found.append((named[-1], float(standard[best]), float(p_values[best])))
    return found


def _units(
    shown: Floats, is_first: Flags, strata: Integers, groups: Integers
) -> tuple[Floats, Flags, Integers]:
    """The mean of each cluster's part of either kind and class, in place of its pictures."""
    own = np.where(groups >= 0, groups, -1 - np.arange(len(groups)))
    keys = np.stack([own, is_first.astype(np.int64), strata])
    _, first, unit = np.unique(keys, axis=1, return_index=True, return_inverse=True)
    unit = unit.ravel()
    sums = np.zeros((len(first), shown.shape[1]))
    np.add.at(sums, unit, shown)
    return sums / np.bincount(unit)[:, None], is_first[first], strata[first]


def _spread(rows: Floats, kind: Flags, classes: Integers) -> Floats:
    """(a,) variance within kind and class."""
    cells = 2 * classes + kind
    sizes = np.bincount(cells)
    sums = np.zeros((len(sizes), rows.shape[1]))
    np.add.at(sums, cells, rows)
    means = sums / np.maximum(sizes, 1)[:, None]
    left = np.square(rows - means[cells]).sum(axis=0)
    return np.asarray(left / max(len(rows) - int((sizes > 0).sum()), 1))


def _evenly(kind: Flags, classes: Integers, rng: np.random.Generator) -> Integers:
    """Rows with as many of either kind in each class."""
    taken = []
    for number in np.unique(classes):
        own = [np.flatnonzero((classes == number) & (kind == side)) for side in (True, False)]
        fewer = min(len(rows) for rows in own)
        taken += [sample_rows(rows, fewer, rng) for rows in own]
    return np.sort(np.concatenate(taken))


def _contrast(kind: Flags, classes: Integers) -> Floats:
    """(n,) weights that give the mean of the first kind less that of the second, by class.

    Classes count as often as they are told apart surely: by the harmonic mean of their sizes.
    """
    first, second = (
        np.bincount(classes[own], minlength=classes.max() + 1) for own in (kind, ~kind)
    )
    weight = first * second / np.maximum(first + second, 1)
    weight = weight / weight.sum()
    of_first, of_second = weight / np.maximum(first, 1), weight / np.maximum(second, 1)
    return np.asarray(np.where(kind, of_first[classes], -of_second[classes]), np.float64)


def _permuted(kind: Flags, classes: Integers, rng: np.random.Generator) -> Flags:
    order = np.lexsort((rng.random(len(kind)), classes))
    permuted = np.empty_like(kind)
    permuted[np.argsort(classes, kind="stable")] = kind[order]
    return permuted


def _shares(shown: Floats, is_first: Flags) -> tuple[Floats, Floats]:
    """Shares of both kinds above the level that a tenth of both, counted alike, exceed."""
    weights = np.where(is_first, 0.5 / is_first.sum(), 0.5 / (~is_first).sum())
    order = np.argsort(-shown, axis=0, kind="stable")
    passed = np.cumsum(weights[order], axis=0)
    levels = np.take_along_axis(shown, order, axis=0)[
        (passed >= _TOP - 1e-12).argmax(axis=0), np.arange(shown.shape[1])
    ]
    above = shown >= levels
    return above[is_first].mean(axis=0), above[~is_first].mean(axis=0)
