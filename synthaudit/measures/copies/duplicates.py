"""Near-duplicates: who lies within the radius of whom, joined into clusters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from synthaudit.arrays import Flags, Integers
from synthaudit.measures.copies.radius import DuplicateRadius, duplicate_radius
from synthaudit.measures.search.clusters import identical_groups, merge, number_clusters
from synthaudit.measures.search.neighbours import Directions, Neighbours, is_near, nearest
from synthaudit.measures.search.pairs import Pairs, pairs_within

MAX_LISTED_PAIRS: Final = 1_000_000


@dataclass(frozen=True, kw_only=True)
class NearDuplicates:
    """What is near what, over all n images of both sides, by whichever rule.

    Attributes:
        nearest_real: (n, k) the nearest other real images of each image.
        nearest_synthetic: (n, 1) the nearest other synthetic image of each image.
        is_unvaried: (n,) synthetic images that repeat another one.
        is_unoriginal: (n,) synthetic images that copy a real one.
        cluster: (n,) number of the connected component of near-duplicates, -1 for images alone.
        pairs: the near-duplicate pairs, nearest first, at most ``MAX_LISTED_PAIRS`` of them.
        pair_count: how many pairs there are in all.
    """

    nearest_real: Neighbours
    nearest_synthetic: Neighbours
    is_unvaried: Flags
    is_unoriginal: Flags
    cluster: Integers
    pairs: Pairs
    pair_count: int

    @property
    def cluster_count(self) -> int:
        """How many clusters there are."""
        return int(self.cluster.max(initial=-1)) + 1


@dataclass(frozen=True, kw_only=True)
class Duplicates(NearDuplicates):
    """Near-duplicates within a radius that the real images decide.

    Attributes:
        radius: the duplicate radius and how it came about. Of a synthetic image, ``is_unvaried``
            says whether another synthetic one lies within it, ``is_unoriginal`` whether a real one.
    """

    radius: DuplicateRadius

    @property
    def search_recall(self) -> float | None:
        """Measured share of near neighbours found; None where every pair was looked at."""
        recalls = [near.recall for near in (self.nearest_real, self.nearest_synthetic)]
        return min((recall for recall in recalls if recall is not None), default=None)


def find_duplicates(
    directions: Directions,
    is_synthetic: Flags,
    *,
    false_alarms: float = 0.005,
    distance: float | None = None,
    advance: Callable[[int], None] = lambda _: None,
) -> Duplicates:
    """Find near-duplicates within a radius that only the real images decide.

    Args:
        directions: (n, d) all images.
        is_synthetic: (n,) the side of each.
        false_alarms: share of fresh images from the real distribution that the radius may flag.
        distance: an absolute cosine distance to use instead of the estimated radius.
        advance: told of every image, once for each side that it is looked for on.

    Returns:
        ``Duplicates``.
    """
    everyone = np.arange(len(directions))
    real, synthetic = everyone[~is_synthetic], everyone[is_synthetic]
    nearest_real = nearest(directions, everyone, real, count=2, advance=advance)
    nearest_synthetic = nearest(directions, everyone, synthetic, advance=advance)
    radius = duplicate_radius(
        directions,
        real,
        nearest_real.take(real),
        synthetic_count=len(synthetic),
        false_alarms=false_alarms,
        distance=distance,
    )
    near_real = is_near(nearest_real.distance[:, 0], radius.real)
    near_synthetic = is_near(
        nearest_synthetic.distance[:, 0], np.where(is_synthetic, radius.synthetic, radius.real)
    )
    # Both ends of a pair lie within its radius of something, so only these rows can form pairs.
    candidates = everyone[near_real | near_synthetic]
    cluster, pairs, pair_count = _join(directions, candidates, is_synthetic, radius)
    return Duplicates(
        radius=radius,
        nearest_real=nearest_real,
        nearest_synthetic=nearest_synthetic,
        is_unvaried=is_synthetic & near_synthetic,
        is_unoriginal=is_synthetic & near_real,
        cluster=cluster,
        pairs=pairs,
        pair_count=pair_count,
    )


def _join(
    directions: Directions, candidates: Integers, is_synthetic: Flags, radius: DuplicateRadius
) -> tuple[Integers, Pairs, int]:
    """Clusters of all rows, the nearest pairs, and the number of pairs."""
    labels = np.arange(len(directions))
    if len(candidates) == 0:
        empty = np.empty(0, np.int64)
        return number_clusters(labels), Pairs(first=empty, second=empty, distance=np.empty(0)), 0
    # Identical rows stand in for each other, so thousands of copies cost no more than one.
    members = [candidates[rows] for rows in identical_groups(directions.unit, candidates)]
    heads = np.array([rows[0] for rows in members])
    sizes = np.array([len(rows) for rows in members])
    labels = merge(labels, np.repeat(heads, sizes), np.concatenate(members))
    held, total = _within_groups(members), int((sizes * (sizes - 1) // 2).sum())
    representatives = directions.take(heads)
    for found in pairs_within(representatives, radius.largest):
        batch = _within_own_radius(_expand(found, members), is_synthetic, radius)
        labels = merge(labels, batch.first, batch.second)
        total += len(batch)
        held = _nearest_first(_concatenate(held, batch))
    exact = directions.distance(held.first, held.second)
    held = _nearest_first(Pairs(first=held.first, second=held.second, distance=exact))
    return number_clusters(labels), held, total


def _within_own_radius(pairs: Pairs, is_synthetic: Flags, radius: DuplicateRadius) -> Pairs:
    both = is_synthetic[pairs.first] & is_synthetic[pairs.second]
    own = np.where(both, radius.synthetic, radius.real)
    return _pick(pairs, is_near(pairs.distance, own))


def _within_groups(members: list[Integers]) -> Pairs:
    first, second, room = [], [], MAX_LISTED_PAIRS
    for group in members:
        if len(group) < 2 or room <= 0:
            continue
        # As many leading rows as can form pairs within the room that is left.
        rows = group[: int(np.sqrt(2 * room)) + 2]
        i, j = np.triu_indices(len(rows), 1)
        first.append(rows[i])
        second.append(rows[j])
        room -= len(i)
    empty = [np.empty(0, np.int64)]
    a, b = np.concatenate(first or empty), np.concatenate(second or empty)
    return Pairs(first=np.minimum(a, b), second=np.maximum(a, b), distance=np.zeros(len(a)))


def _expand(pairs: Pairs, members: list[Integers]) -> Pairs:
    """Pairs of representatives to pairs of all the rows that they stand for."""
    sizes = np.fromiter((len(rows) for rows in members), np.int64, len(members))
    flat = np.concatenate(members)
    offset = np.cumsum(sizes) - sizes
    across = sizes[pairs.second]
    repeat = sizes[pairs.first] * across
    pair = np.repeat(np.arange(len(pairs)), repeat)
    within = np.arange(len(pair)) - np.repeat(np.cumsum(repeat) - repeat, repeat)
    a = flat[offset[pairs.first[pair]] + within // across[pair]]
    b = flat[offset[pairs.second[pair]] + within % across[pair]]
    return Pairs(first=np.minimum(a, b), second=np.maximum(a, b), distance=pairs.distance[pair])


def _pick(pairs: Pairs, chosen: Flags | Integers) -> Pairs:
    return Pairs(
        first=pairs.first[chosen], second=pairs.second[chosen], distance=pairs.distance[chosen]
    )


def _concatenate(a: Pairs, b: Pairs) -> Pairs:
    return Pairs(
        first=np.concatenate([a.first, b.first]),
        second=np.concatenate([a.second, b.second]),
        distance=np.concatenate([a.distance, b.distance]),
    )


def _nearest_first(pairs: Pairs) -> Pairs:
    order = np.lexsort((pairs.second, pairs.first, pairs.distance))[:MAX_LISTED_PAIRS]
    return _pick(pairs, order)
