"""Joining: pairs of near-duplicates, and the clusters that they make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from synthaudit.arrays import Flags, Integers
from synthaudit.measures.copies.radius import DuplicateRadius
from synthaudit.measures.search.clusters import identical_groups, merge, number_clusters
from synthaudit.measures.search.neighbours import Directions, is_near
from synthaudit.measures.search.pairs import Pairs, pairs_within

MAX_LISTED_PAIRS: Final = 1_000_000
_MOST_EDGES: Final = 4 * MAX_LISTED_PAIRS
_NO_ROWS: Final = np.empty(0, np.int64)
_NO_PAIRS: Final = Pairs(first=_NO_ROWS, second=_NO_ROWS, distance=np.empty(0))


@dataclass(frozen=True, kw_only=True)
class Joined:
    """Pairs of n images, and the components that they make.

    Attributes:
        labels: (n,) of the component of each image.
        pairs: the nearest ones, at most ``MAX_LISTED_PAIRS``.
        pair_count: how many there are.
    """

    labels: Integers
    pairs: Pairs
    pair_count: int

    @property
    def cluster(self) -> Integers:
        """(n,) number of each component of several images, -1 for images alone."""
        return number_clusters(self.labels)


def join_near(
    directions: Directions, candidates: Integers, is_synthetic: Flags, radius: DuplicateRadius
) -> Joined:
    """Join what lies within the radius.

    Args:
        directions: (n, d) all images.
        candidates: rows that can be part of a pair.
        is_synthetic: (n,) the side of each.
        radius: of either side.
    """
    labels = np.arange(len(directions))
    if len(candidates) == 0:
        return Joined(labels=labels, pairs=_NO_PAIRS, pair_count=0)
    # Identical rows stand in for each other, so thousands of copies cost no more than one.
    members = [candidates[rows] for rows in identical_groups(directions.unit, candidates)]
    heads = np.array([rows[0] for rows in members])
    sizes = np.array([len(rows) for rows in members])
    labels = merge(labels, np.repeat(heads, sizes), np.concatenate(members))
    held, total = _within_groups(members), int((sizes * (sizes - 1) // 2).sum())
    representatives = directions.take(heads)
    for found in pairs_within(representatives, radius.largest):
        batch = _expand(found, members)
        batch = _pick(batch, _is_within_own_radius(batch, is_synthetic, radius))
        labels = merge(labels, batch.first, batch.second)
        total += len(batch)
        held = _nearest_first(_concatenate(held, batch))
    exact = directions.distance(held.first, held.second)
    held = _nearest_first(Pairs(first=held.first, second=held.second, distance=exact))
    return Joined(labels=labels, pairs=held, pair_count=total)


def join_alike(
    joined: Joined,
    directions: Directions,
    edges: Sequence[tuple[Integers, Integers]],
    is_synthetic: Flags,
    radius: DuplicateRadius,
) -> Joined:
    """Join further pairs that a channel finds alike, wherever their embeddings lie.

    Args:
        joined: what lies within the radius.
        directions: (n, d) all images.
        edges: both ends of the pairs, by parts; a pair may come more than once.
        is_synthetic: (n,) the side of each.
        radius: of either side.
    """
    labels = joined.labels
    for one, other in edges:
        labels = merge(labels, one, other)
    first = np.concatenate([np.minimum(one, other) for one, other in edges])[:_MOST_EDGES]
    second = np.concatenate([np.maximum(one, other) for one, other in edges])[:_MOST_EDGES]
    first, second = np.divmod(np.unique(first * len(directions) + second), len(directions))
    named = Pairs(first=first, second=second, distance=directions.distance(first, second))
    added = _pick(named, ~_is_within_own_radius(named, is_synthetic, radius))
    return Joined(
        labels=labels,
        pairs=_nearest_first(_concatenate(joined.pairs, added)),
        pair_count=joined.pair_count + len(added),
    )


def _is_within_own_radius(pairs: Pairs, is_synthetic: Flags, radius: DuplicateRadius) -> Flags:
    both = is_synthetic[pairs.first] & is_synthetic[pairs.second]
    own = np.where(both, radius.synthetic, radius.real)
    return is_near(pairs.distance, own)


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
