"""The duplicate radius: how near is too near, learnt from the real images alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from synthaudit.arrays import Floats, Integers
from synthaudit.measures.search.clusters import identical_groups, merge
from synthaudit.measures.search.neighbours import Directions, Neighbours, nearest
from synthaudit.measures.search.pairs import pairs_within

DUPLICATE_SHARE: Final = 0.13
"""Real images nearer than this share of the median nearest distance are one image (cleanlab's)."""

_TAIL_SHARE: Final = 0.2
_TAIL_LEAST: Final = 20
_FAR_NEIGHBOUR: Final = 16
_LEAST_FAR: Final = 5
_FAR_QUERIES: Final = 1000


@dataclass(frozen=True, kw_only=True)
class DuplicateRadius:
    """Cosine distances below which two images count as near-duplicates.

    Attributes:
        real: for an image compared with the N real ones.
        synthetic: for a synthetic image compared with the other synthetic ones; smaller than
            ``real`` when there are more of them, for nearest distances shrink as sets grow denser.
        real_count: N, the real images left after duplicates among them were collapsed to one.
        intrinsic_dimension: Hill estimate from the smallest real-real distances; None unknown.
        is_absolute: whether the caller fixed the distance.
        real_distances: (N,) distances of the distinct real images to their nearest neighbour.
    """

    real: float
    synthetic: float
    real_count: int
    intrinsic_dimension: float | None
    is_absolute: bool
    real_distances: Floats

    @property
    def is_learnt(self) -> bool:
        """Whether the real images decided it: neither the caller nor the lack of images."""
        return not self.is_absolute and self.real_count >= 2

    @property
    def largest(self) -> float:
        """The larger of the two radii."""
        return max(self.real, self.synthetic)


def duplicate_radius(
    directions: Directions,
    real: Integers,
    nearest_real: Neighbours,
    *,
    synthetic_count: int,
    false_alarms: float = 0.005,
    distance: float | None = None,
) -> DuplicateRadius:
    """Estimate the radius at which ``false_alarms`` of fresh real images would be flagged.

    The base is the ``false_alarms`` quantile of the distances from real images to their nearest
    other real image, duplicates among them collapsed first. Near a point the number of neighbours
    grows with the D-th power of the (Euclidean) length, the square root of twice the cosine
    distance. This power law, fitted to the smallest fifth of the distances, gives the quantile
    while fewer than 20 distances lie below it: the order statistic itself would be one pair of
    images, and its rate of false alarms as uncertain as large. It also shrinks the radius to
    r (N/n)^(2/D) where an image is compared with n > N candidates.

    Args:
        directions: all rows.
        real: (N,) row numbers of the real images.
        nearest_real: (N, k) the nearest other real images of each.
        synthetic_count: M, the number of synthetic images.
        false_alarms: the budget, in (0, 1).
        distance: an absolute radius, which overrides the estimate.

    Returns:
        ``DuplicateRadius``. With fewer than two distinct real images both radii are 0: only
        identical vectors then count.
    """
    if distance is not None:
        return DuplicateRadius(
            real=distance,
            synthetic=distance,
            real_count=len(real),
            intrinsic_dimension=None,
            is_absolute=True,
            real_distances=nearest_real.distance[:, 0],
        )
    distances = _distances_between_distinct(directions, real, nearest_real)
    count = len(distances)
    if count < 2:
        return DuplicateRadius(
            real=0.0,
            synthetic=0.0,
            real_count=count,
            intrinsic_dimension=None,
            is_absolute=False,
            real_distances=distances,
        )
    base, dimension = radius_of_distances(distances, false_alarms=false_alarms)
    denser = denser_radius(
        np.array(base), np.array(dimension), candidates=synthetic_count, reference=count
    )
    return DuplicateRadius(
        real=base,
        synthetic=float(denser),
        real_count=count,
        intrinsic_dimension=dimension,
        is_absolute=False,
        real_distances=distances,
    )


def denser_radius(radius: Floats, dimension: Floats, *, candidates: int, reference: int) -> Floats:
    """The radius among ``candidates`` images from that among ``reference`` ones, never larger."""
    return np.asarray(radius * max(candidates / reference, 1.0) ** (-2.0 / dimension))


def radius_of_distances(distances: Floats, *, false_alarms: float) -> tuple[float, float]:
    """The radius, and the intrinsic dimension, that (N,) nearest distances of distinct images tell.

    See ``duplicate_radius`` for how the two are found.
    """
    tail = _smallest(distances)
    dimension = intrinsic_dimension(tail)
    if len(distances) * false_alarms >= _TAIL_LEAST:
        return float(np.quantile(distances, false_alarms)), dimension
    below = len(distances) * false_alarms / len(tail)
    return float(tail[-1] * below ** (2.0 / dimension)), dimension


def intrinsic_dimension(smallest: Floats) -> float:
    """Dimension D in which the number of neighbours grows as length to the power D.

    Args:
        smallest: (k,) the smallest cosine distances to a nearest neighbour, ascending, k >= 2.

    Returns:
        The Hill estimate (Hill 1975; Levina and Bickel 2004), at least 1; k when all are equal.
    """
    lengths = np.sqrt(2.0 * smallest)
    spread = np.log(lengths[-1] / lengths[:-1])
    # The largest length stands for the threshold, which costs one degree of freedom.
    mean = float(spread.sum()) / max(len(spread) - 1, 1)
    return max(1.0 / mean, 1.0) if mean > 0.0 else float(len(smallest))


def _smallest(distances: Floats) -> Floats:
    count = min(max(int(len(distances) * _TAIL_SHARE), _TAIL_LEAST) + 1, len(distances))
    return np.sort(distances)[:count]


def _distances_between_distinct(
    directions: Directions, real: Integers, nearest_real: Neighbours
) -> Floats:
    """Nearest distances among real images after duplicates have been collapsed to one."""
    everyone = _Distinct(real, nearest_real.index[:, 0], nearest_real.distance[:, 0])
    heads = np.array([rows[0] for rows in identical_groups(directions.unit, real)])
    distinct = everyone.keep(heads, directions)
    if len(distinct.rows) < 2:
        return np.zeros(1)
    usual = max(float(np.median(distinct.distance)), _usual_nearest(directions, distinct.rows))
    threshold = DUPLICATE_SHARE * usual
    close = np.flatnonzero(distinct.distance < threshold)
    if len(close) == 0:
        return distinct.distance
    firsts = close[_first_of_each_cluster(directions.take(distinct.rows[close]), threshold)]
    alone = np.flatnonzero(distinct.distance >= threshold)
    return distinct.keep(np.union1d(alone, firsts), directions).distance


def _usual_nearest(directions: Directions, rows: Integers) -> float:
    """The nearest distance that the 8th to 16th neighbours foretell; 0 with too few images.

    Where every image has a few copies, the nearest distances are those of copies and say nothing of
    the images themselves. Farther neighbours do: their lengths grow with the power law of the
    intrinsic dimension, which leads back to the distance that the nearest should have.
    """
    far = min(_FAR_NEIGHBOUR, len(rows) // 3)
    near = far // 2
    if near < _LEAST_FAR:
        return 0.0
    queries = rows[:: max(len(rows) // _FAR_QUERIES, 1)]
    distance = nearest(directions, queries, rows, count=far).distance
    ratio = distance[:, far - 1] / np.maximum(distance[:, near - 1], 1e-300)
    growth = 0.5 * float(np.log(ratio[distance[:, near - 1] > 0]).mean()) if len(ratio) else 0.0
    steps = 1.0 / np.arange(1, far)
    if not growth > 0.0:
        return 0.0
    dimension = max(float(steps[near - 1 :].sum()) / growth, 1.0)
    return float(np.median(distance[:, far - 1])) * float(np.exp(-2.0 * steps.sum() / dimension))


@dataclass(frozen=True)
class _Distinct:
    """Real rows, and for each the nearest of them and its distance."""

    rows: Integers
    index: Integers
    distance: Floats

    def keep(self, positions: Integers, directions: Directions) -> _Distinct:
        """Some of the rows; those whose nearest is gone look for another."""
        rows = self.rows[positions]
        if len(rows) == len(self.rows):
            return self
        index, distance = self.index[positions], self.distance[positions].copy()
        stale = ~np.isin(index, rows)
        found = nearest(directions, rows[stale], rows)
        index[stale], distance[stale] = found.index[:, 0], found.distance[:, 0]
        return _Distinct(rows, index, distance)


def _first_of_each_cluster(directions: Directions, threshold: float) -> Integers:
    labels = np.arange(len(directions))
    for batch in pairs_within(directions, threshold):
        labels = merge(labels, batch.first, batch.second)
    first: Integers = np.unique(labels, return_index=True)[1]
    return first
