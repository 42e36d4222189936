"""Cross-validation folds: stratified by side, and never cutting through a cluster of copies."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from synthaudit.arrays import Flags, Floats, Integers
from synthaudit.measures.search.clusters import merge, number_clusters
from synthaudit.measures.search.neighbours import Directions
from synthaudit.measures.search.pairs import pairs_within

_HALVINGS: Final = 3


def fold_groups(
    directions: Directions,
    cluster: Integers,
    is_synthetic: Flags,
    *,
    radius: float,
    folds: int,
) -> Integers:
    """Near-duplicate clusters, cut up where one is too large to be held out whole.

    Chains of similar images can join a set that looks nothing like the real one into a single
    cluster, and a detector that never sees it while it trains can say nothing of it. A cluster
    that holds more than a fold's share of a side is therefore joined anew at half the radius, a
    quarter and an eighth, near the distance at which real images count as the same one. Copies
    proper stay together at that distance.

    Args:
        directions: (n, d) all images.
        cluster: (n,) cluster numbers at ``radius``, -1 for an image alone.
        is_synthetic: (n,) the side of each.
        radius: the duplicate radius.
        folds: how many folds there will be.

    Returns:
        (n,) group numbers, -1 for an image alone.
    """
    everyone = np.arange(len(cluster))
    groups = cluster
    for step in range(1, _HALVINGS + 1):
        large = _too_large(groups, is_synthetic, folds)
        members = everyone[np.isin(groups, large)]
        if len(members) == 0:
            break
        # Rows of one label form a component; those of oversized groups start on their own again.
        labels = np.where(groups >= 0, len(groups) + groups, everyone)
        labels[members] = members
        for batch in pairs_within(directions.take(members), radius / 2**step):
            labels = merge(labels, members[batch.first], members[batch.second])
        groups = number_clusters(labels)
    return groups


def _too_large(groups: Integers, is_synthetic: Flags, folds: int) -> Integers:
    counts = np.stack(
        [
            np.bincount(groups[side & (groups >= 0)], minlength=int(groups.max(initial=-1)) + 1)
            for side in (is_synthetic, ~is_synthetic)
        ]
    )
    share = np.array([[is_synthetic.sum()], [(~is_synthetic).sum()]]) / folds
    large: Integers = np.flatnonzero((counts > share).any(axis=0))
    return large


def grouped_folds(
    stratum: npt.NDArray[np.integer[Any] | np.bool_],
    cluster: Integers,
    *,
    folds: int,
    rng: np.random.Generator,
) -> Integers:
    """Deal images to folds so that all strata are spread evenly and clusters stay whole.

    Clusters go first, the largest ahead, each to the fold where it leaves the strata most even;
    images that stand alone then fill up what is missing.

    Args:
        stratum: (n,) the side of each image, or its class by number.
        cluster: (n,) cluster number, -1 for an image alone.
        folds: how many folds, at least 2.
        rng: the source of randomness.

    Returns:
        (n,) fold numbers in [0, folds). A fold may lack a stratum when a cluster is very large.
    """
    fold = np.full(len(cluster), -1, np.int64)
    sides = [stratum == number for number in range(max(int(stratum.max(initial=0)) + 1, 2))]
    target = np.array([max(side.sum(), 1) / folds for side in sides])
    filled = np.zeros((folds, len(sides)))
    grouped = cluster >= 0
    if grouped.any():
        count = int(cluster.max()) + 1
        sizes = np.stack(
            [np.bincount(cluster[side & grouped], minlength=count) for side in sides], axis=1
        )
        order = rng.permutation(count)
        order = order[np.argsort(-(sizes[order] / target).max(axis=1), kind="stable")]
        home = np.empty(count, np.int64)
        for number in order:
            after = (filled + sizes[number]) / target
            load = np.max(after * (sizes[number] > 0), axis=1) + 1e-3 * after.sum(axis=1)
            home[number] = int(np.argmin(load))
            filled[home[number]] += sizes[number]
        fold[grouped] = home[cluster[grouped]]
    for column, side in enumerate(sides):
        alone = rng.permutation(np.flatnonzero(side & ~grouped))
        fold[alone] = _fill_up(filled[:, column], len(alone), rng)
    return fold


def _fill_up(filled: Floats, count: int, rng: np.random.Generator) -> Integers:
    """Fold numbers of ``count`` images that bring all folds to one level, lowest first."""
    level = np.sort(filled)
    room = np.arange(1, len(level) + 1) * level - np.cumsum(level)
    open_folds = int(np.searchsorted(room, count, side="right"))
    height = (count + level[:open_folds].sum()) / open_folds
    share = np.clip(height - filled, 0.0, None)
    whole = np.floor(share + 1e-9).astype(np.int64)
    left = count - int(whole.sum())
    extra = rng.permutation(np.flatnonzero(share > 0.0))
    # Rounding leaves fewer images than there are open folds: one more to some of them.
    whole[np.resize(extra, left)] += 1
    return np.repeat(np.arange(len(filled)), whole)


def plain_folds(is_synthetic: Flags, *, folds: int, rng: np.random.Generator) -> Integers:
    """Folds stratified by side that take no notice of copies (Cleanlab Studio's way)."""
    alone = np.full(len(is_synthetic), -1, np.int64)
    return grouped_folds(is_synthetic, alone, folds=folds, rng=rng)
