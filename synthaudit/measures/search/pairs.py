"""Close pairs by cosine distance: the leading axes find, float64 decides."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from synthaudit.arrays import Floats, Integers, Singles
from synthaudit.measures.blocks import blocks
from synthaudit.measures.search.neighbours import Directions, is_near

_ROWS: Final = 2048
_FLOAT32_SLACK: Final = 1e-5
_MANY: Final = 500_000
_FEW: Final = 2_000
# Below this many rows the full width is searched at once; above, the leading axes come first.
_PROJECT_FROM: Final = 4096
# First a few axes; where they leave many pairs, some more.
_AXES: Final = (48, 64)
_SAMPLED: Final = 8192
_CENTRES: Final = 256
_ROWS_A_CENTRE: Final = 64
_TILE: Final = 256


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Pairs of rows, ``first < second``, and their cosine distances."""

    first: Integers
    second: Integers
    distance: Floats

    def __len__(self) -> int:
        return len(self.first)


def pairs_within(directions: Directions, radius: float) -> Iterator[Pairs]:
    """All pairs of rows nearer than ``radius`` or identical, in batches of bounded size.

    An orthogonal projection never lengthens a distance, so the pairs that are near on some axes
    hold all pairs that are near; only those are measured in full.

    Args:
        directions: all rows.
        radius: cosine distance; pairs at exactly this distance are left out.

    Yields:
        ``Pairs``, each pair once. Which pairs are in is decided in float64; where very many are,
        the distance of those far from the radius is float32's, right to 1e-5.
    """
    unit = directions.unit
    is_projected = len(unit) >= _PROJECT_FROM and unit.shape[1] > sum(_AXES)
    leading = _Leading(unit) if is_projected else None
    order = np.arange(len(unit)) if leading is None else leading.order
    limit = 2.0 * (max(radius, 0.0) + _FLOAT32_SLACK)
    for block in blocks(len(unit), _ROWS):
        # Each block looks at itself and those before it, so that no pair is looked at twice.
        near = None if leading is None else leading.near(block, limit)
        if near is None:
            one, other, squared = _near_in_full(unit, order[: block.stop], block.start, limit)
        else:
            one, other, squared = _still_near(unit, *near, limit)
        first, second = np.minimum(one, other), np.maximum(one, other)
        if len(first) <= _MANY:
            yield _select(first, second, directions.distance(first, second), radius)
        else:
            distance = squared.astype(np.float64) / 2
            doubtful = (np.abs(distance - radius) < _FLOAT32_SLACK) | (distance < _FLOAT32_SLACK)
            distance[doubtful] = directions.distance(first[doubtful], second[doubtful])
            yield _select(first, second, distance, radius)


class _Leading:
    """Rows on their leading axes, a few and then some more, in an order that puts like by like.

    Args:
        unit: (n, d) rows of length 1.
    """

    def __init__(self, unit: Singles) -> None:
        from threadpoolctl import ThreadpoolController

        # Made once: it looks through all libraries that are loaded.
        self._libraries = ThreadpoolController()
        turned = unit @ _leading_axes(unit)
        # Rows that are alike come to lie in few tiles, and most tiles hold nothing that is near.
        self.order = _alike_together(turned[:, : _AXES[0]])
        turned = turned[self.order]
        few, more = np.split(turned, [_AXES[0]], axis=1)
        self._few, self._more = _AugmentedRows(few), _AugmentedRows(more)

    def near(self, block: slice, limit: float) -> tuple[Integers, Integers, Singles] | None:
        """Pairs of the block's rows with those before them, and their squared distances.

        None where there are so many that they are better looked for in full.
        """
        import faiss

        count = int(faiss.omp_get_max_threads())
        # A thread a stripe: looking through a product takes as long as the product itself, which
        # would otherwise wait for it.
        with self._libraries.limit(limits=1), ThreadPoolExecutor(count) as threads:
            stripes = threads.map(
                lambda number: self._near_in_stripe(block, limit, number, count), range(count)
            )
            parts = [part for stripe in stripes for part in stripe]
        if not parts:
            return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32)
        first, second, squared = (np.concatenate(each) for each in zip(*parts, strict=True))
        return None if len(first) > _MANY else (self.order[first], self.order[second], squared)

    def _near_in_stripe(
        self, block: slice, limit: float, number: int, count: int
    ) -> list[tuple[Integers, Integers, Singles]]:
        """The same of every ``count``-th tile, of one pair too many at most a tile's worth."""
        found: list[tuple[Integers, Integers, Singles]] = []
        least, total = np.float32(-limit / 2), 0
        # A tile fits into the processor's cache, where it is multiplied and looked through.
        rooms = np.empty((2, block.stop - block.start, _TILE), np.float32)
        for start in range(number * _TILE, block.stop, count * _TILE):
            columns = slice(start, min(start + _TILE, block.stop))
            tile, rest = rooms[:, :, : columns.stop - start]
            self._few.multiply(block, columns, tile)
            if not tile.max() > least:
                continue
            if np.count_nonzero(tile > least) > _FEW:
                self._more.multiply(block, columns, rest)
                tile += rest
            second, first = np.nonzero(tile > least)
            squared = -2.0 * tile[second, first]
            first, second = first + start, second + block.start
            earlier = first < second
            found.append((first[earlier], second[earlier], squared[earlier]))
            total += int(earlier.sum())
            if total > _MANY:
                break
        return found


class _AugmentedRows:
    """Rows (n, d), one product of which is minus half a squared distance."""

    def __init__(self, rows: Singles) -> None:
        half = -0.5 * np.einsum("ij,ij->i", rows, rows)[:, None]
        ones = np.ones_like(half)
        self._left = np.concatenate([rows, half, ones], axis=1)
        self._right = np.concatenate([rows, ones, half], axis=1)

    def multiply(self, rows: slice, columns: slice, out: Singles) -> None:
        """All pairs of two stretches of rows."""
        np.matmul(self._left[rows], self._right[columns].T, out=out)


def _near_in_full(
    unit: Singles, order: Integers, start: int, limit: float
) -> tuple[Integers, Integers, Singles]:
    """Pairs of the rows from ``start`` on with those before them in an order, on all axes."""
    import faiss

    index = faiss.IndexFlatL2(unit.shape[1])
    index.add(unit[order])
    bounds, squared, found = index.range_search(unit[order[start:]], limit)
    found_by = bounds[1:].astype(np.int64) - bounds[:-1].astype(np.int64)
    second = start + np.repeat(np.arange(len(order) - start), found_by)
    earlier = found < second
    return order[found[earlier]], order[second[earlier]], squared[earlier]


def _leading_axes(unit: Singles) -> Singles:
    """(d, k) axes of most variation, in a sample; any axes would do, only less well."""
    sample = unit[:: max(len(unit) // _SAMPLED, 1)]
    _, axes = np.linalg.eigh(sample.T @ sample)
    return np.ascontiguousarray(axes[:, ::-1][:, : sum(_AXES)])


def _alike_together(rows: Singles) -> Integers:
    """An order of the rows by the nearest of some centres."""
    import faiss

    count = max(min(len(rows) // _ROWS_A_CENTRE, _CENTRES), 1)
    means: Any = faiss.Kmeans(rows.shape[1], count, niter=4, seed=1, min_points_per_centroid=1)
    rows = np.ascontiguousarray(rows)
    means.train(rows[:: max(len(rows) // (_ROWS_A_CENTRE * count), 1)])
    own: Integers = means.index.search(rows, 1)[1][:, 0]
    return np.argsort(own, kind="stable")


def _still_near(
    unit: Singles, first: Integers, second: Integers, squared: Singles, limit: float
) -> tuple[Integers, Integers, Singles]:
    """The pairs that are near on all axes, where there are more than a few to measure."""
    if len(first) <= _FEW:
        return first, second, squared
    squared = np.empty(len(first), np.float32)
    for block in blocks(len(first), _ROWS):
        difference = unit[first[block]] - unit[second[block]]
        squared[block] = np.einsum("ij,ij->i", difference, difference)
    kept = squared < limit
    return first[kept], second[kept], squared[kept]


def _select(first: Integers, second: Integers, distance: Floats, radius: float) -> Pairs:
    near = is_near(distance, radius)
    return Pairs(first=first[near], second=second[near], distance=distance[near])
