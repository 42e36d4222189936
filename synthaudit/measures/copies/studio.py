"""Near-duplicates by Cleanlab's rule, for people who compare with Cleanlab Studio's numbers.

The rule is described in the documentation of cleanlab's Datalab and in the score function of
cleanlab-studio; both are oracles in the tests. Its threshold hangs on the pooled median distance,
which the set under audit can move, and a cluster with one real image counts whole as unoriginal:
that is why it is not the default.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from synthaudit.arrays import Floats, Integers, Vectors
from synthaudit.measures.copies.duplicates import NearDuplicates
from synthaudit.measures.copies.joining import MAX_LISTED_PAIRS
from synthaudit.measures.samples import Samples
from synthaudit.measures.search.clusters import identical_groups, merge, number_clusters
from synthaudit.measures.search.neighbours import Directions, Neighbours, nearest
from synthaudit.measures.search.pairs import Pairs

NEIGHBOURS: Final = 10
SHARE_OF_MEDIAN: Final = 0.13
_LEAST_MEDIAN: Final = 1e-6
_EUCLIDEAN_UP_TO: Final = 3


@dataclass(frozen=True, kw_only=True)
class StudioDuplicates(NearDuplicates):
    """Near-duplicates by Cleanlab's rule.

    Attributes:
        threshold: pairs strictly nearer than this count. Of a synthetic image, ``is_unvaried`` says
            that its cluster holds no real image, ``is_unoriginal`` that it holds one.
        metric: ``cosine``, or ``euclidean`` up to three dimensions.
    """

    threshold: float
    metric: str


def find_studio_duplicates(samples: Samples) -> StudioDuplicates:
    """Apply Cleanlab's near-duplicate rule to the pooled images.

    Each image looks at its 10 nearest others; those nearer than 0.13 times the median nearest
    distance of the pool are its duplicates, and it theirs. Exact duplicates always count.

    Args:
        samples: the images, by their embeddings.

    Returns:
        ``StudioDuplicates``.
    """
    vectors, is_synthetic, count = samples.vectors, samples.is_synthetic, len(samples)
    metric = "euclidean" if vectors.shape[1] <= _EUCLIDEAN_UP_TO else "cosine"
    found = _pooled_neighbours(vectors, min(NEIGHBOURS, count - 1), metric)
    nearest_distance = found.distance[:, 0] if found.distance.shape[1] else np.full(count, np.inf)
    median = float(np.median(nearest_distance)) if count > 1 else 0.0
    threshold = SHARE_OF_MEDIAN * max(median, _LEAST_MEDIAN)
    close = found.distance < threshold
    rows = np.nonzero(close)[0]
    first, second = np.minimum(rows, found.index[close]), np.maximum(rows, found.index[close])
    cluster = number_clusters(merge(np.arange(count), first, second))
    holds_real = np.zeros(int(cluster.max(initial=-1)) + 1, bool)
    holds_real[cluster[(cluster >= 0) & ~is_synthetic]] = True
    flagged = is_synthetic & (cluster >= 0)
    mixed = np.zeros(count, bool)
    mixed[flagged] = holds_real[cluster[flagged]]
    pairs = _list_pairs(first, second, found.distance[close])
    directions, everyone = Directions(vectors), np.arange(count)
    return StudioDuplicates(
        nearest_real=nearest(directions, everyone, samples.real),
        nearest_synthetic=nearest(directions, everyone, samples.synthetic),
        threshold=threshold,
        metric=metric,
        is_unvaried=flagged & ~mixed,
        is_unoriginal=mixed,
        cluster=cluster,
        pairs=Pairs(
            first=pairs.first[:MAX_LISTED_PAIRS],
            second=pairs.second[:MAX_LISTED_PAIRS],
            distance=pairs.distance[:MAX_LISTED_PAIRS],
        ),
        pair_count=len(pairs),
    )


def _pooled_neighbours(vectors: Vectors, count: int, metric: str) -> Neighbours:
    everyone = np.arange(len(vectors))
    if metric == "euclidean":
        found = _euclidean(vectors.astype(np.float64), count)
    else:
        found = nearest(Directions(vectors), everyone, everyone, count=count)
    return _put_identical_first(vectors, found)


def _euclidean(vectors: Floats, count: int) -> Neighbours:
    from scipy.spatial import KDTree

    distance, index = KDTree(vectors).query(vectors, k=min(count + 1, len(vectors)))
    distance, index = np.atleast_2d(distance), np.atleast_2d(index).astype(np.int64)
    distance[index == np.arange(len(vectors))[:, None]] = np.inf
    order = np.argsort(distance, axis=1, kind="stable")[:, :count]
    return Neighbours(
        index=np.take_along_axis(index, order, axis=1),
        distance=np.take_along_axis(distance, order, axis=1),
    )


def _put_identical_first(vectors: Vectors, found: Neighbours) -> Neighbours:
    """Let each row list its identical rows first, at distance 0.

    Where more rows are identical than a list can hold, all of them list the group's first ones,
    as cleanlab has it.
    """
    index, distance = found.index.copy(), found.distance.copy()
    width = index.shape[1]
    for members in identical_groups(vectors):
        if len(members) < 2:
            continue
        head = members[: width + 1]
        for row in members:
            same = head[head != row][:width]
            others = ~np.isin(index[row], members)
            room = width - len(same)
            index[row] = np.concatenate([same, index[row][others][:room]])
            tail = distance[row][others][:room]
            distance[row] = np.concatenate([np.zeros(len(same)), tail])
    return Neighbours(index=index, distance=distance)


def _list_pairs(first: Integers, second: Integers, distance: Floats) -> Pairs:
    """Each pair once, nearest first."""
    order = np.lexsort((second, first, distance))
    first, second, distance = first[order], second[order], distance[order]
    _, once = np.unique(np.stack([first, second], axis=1), axis=0, return_index=True)
    once = np.sort(once)
    return Pairs(first=first[once], second=second[once], distance=distance[once])
