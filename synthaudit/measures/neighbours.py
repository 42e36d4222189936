"""Nearest neighbours and close pairs by cosine distance: FAISS finds, float64 decides."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from synthaudit.measures.blocks import blocks
from synthaudit.measures.cells import nearest_in_cells, part

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Vectors = npt.NDArray[np.floating[Any]]
Flags = npt.NDArray[np.bool_]

# FAISS returns this many candidates, of which float64 picks the nearest: float32 may swap
# neighbours whose distances agree to about 1e-7.
_CANDIDATES: Final = 4
_ROWS: Final = 2048
_FLOAT32_SLACK: Final = 1e-5
_MANY: Final = 500_000
_FEW: Final = 2_000
# Below this many rows the full width is searched at once; above, the leading axes come first.
_PROJECT_FROM: Final = 4096
_PROJECTED_AXES: Final = 48
_TILE: Final = 512
_FLAT_ROWS: Final = 65_536
# Up to 60,000 images, half of them real, every pair is looked at.
_EXACT_PRODUCT: Final = 2_000_000_000


CandidateSearch = Callable[
    [npt.NDArray[np.float32], Integers, Integers, int], Iterator[tuple[slice, Integers]]
]
"""Unit rows (n, d), the queries' and the candidates' row numbers, and how many to find; yields for
slices of the queries the rows that float32 takes for the nearest, -1 where there are fewer."""


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """For each query its nearest candidates, nearest first.

    ``index`` (n, k) holds row numbers, -1 where there are fewer than k candidates;
    ``distance`` (n, k) cosine distances in [0, 2], infinite there.
    """

    index: Integers
    distance: Floats

    def take(self, queries: Integers) -> Neighbours:
        """The neighbours of some queries."""
        return Neighbours(index=self.index[queries], distance=self.distance[queries])


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Pairs of rows, ``first < second``, and their cosine distances."""

    first: Integers
    second: Integers
    distance: Floats

    def __len__(self) -> int:
        return len(self.first)


class Directions:
    """Row vectors reduced to their directions, ready for repeated search.

    Args:
        vectors: (n, d) finite rows of non-zero length.
        candidates: finds what to look at; None for this machine.
    """

    def __init__(self, vectors: Vectors, candidates: CandidateSearch | None = None) -> None:
        self._vectors = vectors
        self.candidates = candidates or _candidates
        self._lengths = np.empty(len(vectors))
        self.unit: npt.NDArray[np.float32] = np.empty(vectors.shape, np.float32)
        # Block by block: a second copy of all vectors in float64 may not fit into memory.
        for block in blocks(len(vectors), _ROWS):
            rows = vectors[block].astype(np.float64)
            self._lengths[block] = np.linalg.norm(rows, axis=1)
            self.unit[block] = rows / self._lengths[block][:, None]

    def __len__(self) -> int:
        return len(self._vectors)

    def rows(self, index: Integers) -> Floats:
        """Unit rows in float64."""
        rows: Floats = self._vectors[index].astype(np.float64) / self._lengths[index][:, None]
        return rows

    def take(self, index: Integers) -> Directions:
        """The directions of some rows."""
        return Directions(self._vectors[index])

    def distance(self, first: Integers, second: Integers) -> Floats:
        """Cosine distance of row pairs in float64; exactly 0 for identical rows.

        Half the squared difference of unit vectors is 1 - cos without its cancellation.
        """
        result = np.empty(len(first), np.float64)
        for block in blocks(len(first), _ROWS):
            difference = self.rows(first[block]) - self.rows(second[block])
            result[block] = 0.5 * np.einsum("ij,ij->i", difference, difference)
        return result


def nearest(
    directions: Directions, queries: Integers, candidates: Integers, *, count: int = 1
) -> Neighbours:
    """The ``count`` nearest candidates of each query, itself excepted.

    A row is recognised by its number, never by being first in the list, so exact duplicates
    count as neighbours at distance 0. Ties go to the lower row number.

    Args:
        directions: all rows.
        queries: (n,) row numbers to search for.
        candidates: (m,) row numbers to search among.
        count: how many neighbours, k.

    Returns:
        ``Neighbours`` of shape (n, k).
    """
    index = np.full((len(queries), count), -1, np.int64)
    distance = np.full((len(queries), count), np.inf)
    if len(queries) == 0 or len(candidates) == 0:
        return Neighbours(index=index, distance=distance)
    width = min(count + _CANDIDATES, len(candidates))
    for block, found in directions.candidates(directions.unit, queries, candidates, width):
        rows = queries[block]
        exact = directions.distance(np.repeat(rows, found.shape[1]), found.ravel())
        exact = exact.reshape(found.shape)
        exact[(found == rows[:, None]) | (found < 0)] = np.inf
        order = np.lexsort((found, exact), axis=1)[:, :count]
        kept = order.shape[1]
        distance[block, :kept] = np.take_along_axis(exact, order, axis=1)
        index[block, :kept] = np.take_along_axis(found, order, axis=1)
    index[np.isinf(distance)] = -1
    return Neighbours(index=index, distance=distance)


def is_exact(queries: int, candidates: int) -> bool:
    """Whether ``nearest`` looks at every candidate, or only into cells."""
    return queries * candidates <= _EXACT_PRODUCT


def _candidates(
    unit: npt.NDArray[np.float32], queries: Integers, candidates: Integers, width: int
) -> Iterator[tuple[slice, Integers]]:
    """For blocks of queries the nearest candidates by float32, in any order."""
    import faiss

    if not is_exact(len(queries), len(candidates)):
        cells = part(unit, candidates)
        yield from nearest_in_cells(unit, queries, cells, width=width)
        return
    best = np.full((len(queries), width), -np.inf, np.float32)
    found = np.full((len(queries), width), -1, np.int64)
    # Part by part, for the index holds a second copy of what it searches.
    for chosen in blocks(len(candidates), _FLAT_ROWS):
        own = candidates[chosen]
        flat = faiss.IndexFlatIP(unit.shape[1])
        flat.add(unit[own])
        for block in blocks(len(queries), _ROWS):
            similar, place = flat.search(unit[queries[block]], min(width, len(own)))
            best[block], found[block] = most_similar(
                [best[block], similar], [found[block], own[place]], width
            )
    for block in blocks(len(queries), _ROWS):
        yield block, found[block]


def most_similar(
    similar: Sequence[npt.NDArray[np.float32]], names: Sequence[Integers], width: int
) -> tuple[npt.NDArray[np.float32], Integers]:
    """The ``width`` most similar of what several parts have found, (n, width) each, in order.

    Args:
        similar: by part, (n, k) similarities.
        names: by part, (n, k) what they belong to.
        width: how many are kept.
    """
    both = np.concatenate(similar, axis=1), np.concatenate(names, axis=1)
    order = np.argsort(-both[0], axis=1, kind="stable")[:, :width]
    return np.take_along_axis(both[0], order, axis=1), np.take_along_axis(both[1], order, axis=1)


def pairs_within(directions: Directions, radius: float) -> Iterator[Pairs]:
    """All pairs of rows nearer than ``radius`` or identical, in batches of bounded size.

    An orthogonal projection never lengthens a distance, so the pairs that are near on the leading
    principal axes hold all pairs that are near; only those are measured in full.

    Args:
        directions: all rows.
        radius: cosine distance; pairs at exactly this distance are left out.

    Yields:
        ``Pairs``, each pair once. Which pairs are in is decided in float64; where very many are,
        the distance of those far from the radius is float32's, right to 1e-5.
    """
    unit = directions.unit
    is_projected = len(unit) >= _PROJECT_FROM and unit.shape[1] > _PROJECTED_AXES
    turned = _to_principal_axes(unit) if is_projected else unit
    leading = _Leading(turned[:, :_PROJECTED_AXES]) if is_projected else None
    limit = 2.0 * (max(radius, 0.0) + _FLOAT32_SLACK)
    for block in blocks(len(unit), _ROWS):
        # Each block looks at itself and those before it, so that no pair is looked at twice.
        near = None if leading is None else leading.near(block, limit)
        if near is None:
            first, second, squared = _near_in_full(unit, block, limit)
        else:
            first, second, squared = near
            kept = _still_near(turned, first, second, squared, limit)
            first, second, squared = first[kept], second[kept], squared[kept]
        if len(first) <= _MANY:
            yield _select(first, second, directions.distance(first, second), radius)
        else:
            distance = squared.astype(np.float64) / 2
            doubtful = (np.abs(distance - radius) < _FLOAT32_SLACK) | (distance < _FLOAT32_SLACK)
            distance[doubtful] = directions.distance(first[doubtful], second[doubtful])
            yield _select(first, second, distance, radius)


class _Leading:
    """Rows on their leading axes, one product of which is minus half a squared distance.

    Args:
        rows: (n, d) float32.
    """

    def __init__(self, rows: npt.NDArray[np.float32]) -> None:
        from threadpoolctl import ThreadpoolController

        # Made once: it looks through all libraries that are loaded.
        self._libraries = ThreadpoolController()
        half = -0.5 * np.einsum("ij,ij->i", rows, rows)[:, None]
        ones = np.ones_like(half)
        self._left = np.concatenate([rows, half, ones], axis=1)
        self._right = np.ascontiguousarray(np.concatenate([rows, ones, half], axis=1))

    def near(
        self, block: slice, limit: float
    ) -> tuple[Integers, Integers, npt.NDArray[np.float32]] | None:
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
        return None if len(first) > _MANY else (first, second, squared)

    def _near_in_stripe(
        self, block: slice, limit: float, number: int, count: int
    ) -> list[tuple[Integers, Integers, npt.NDArray[np.float32]]]:
        """The same of every ``count``-th tile, of one pair too many at most a tile's worth."""
        found: list[tuple[Integers, Integers, npt.NDArray[np.float32]]] = []
        least, total = np.float32(-limit / 2), 0
        # A tile fits into the processor's cache, where it is multiplied and looked through.
        room = np.empty((block.stop - block.start, _TILE), np.float32)
        for start in range(number * _TILE, block.stop, count * _TILE):
            stop = min(start + _TILE, block.stop)
            tile = room[:, : stop - start]
            np.matmul(self._left[block], self._right[start:stop].T, out=tile)
            if not tile.max() > least:
                continue
            second, first = np.nonzero(tile > least)
            squared = -2.0 * tile[second, first]
            first, second = first + start, second + block.start
            earlier = first < second
            found.append((first[earlier], second[earlier], squared[earlier]))
            total += int(earlier.sum())
            if total > _MANY:
                break
        return found


def _near_in_full(
    unit: npt.NDArray[np.float32], block: slice, limit: float
) -> tuple[Integers, Integers, npt.NDArray[np.float32]]:
    """Pairs of the block's rows with those before them, on all axes."""
    import faiss

    index = faiss.IndexFlatL2(unit.shape[1])
    index.add(unit[: block.stop])
    bounds, squared, found = index.range_search(unit[block], limit)
    found_by = bounds[1:].astype(np.int64) - bounds[:-1].astype(np.int64)
    second = block.start + np.repeat(np.arange(block.stop - block.start), found_by)
    earlier = found < second
    return found[earlier].astype(np.int64), second[earlier], squared[earlier]


def _to_principal_axes(unit: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Rows turned so that the axes of most variation come first."""
    _, axes = np.linalg.eigh(unit.T @ unit)
    turned: npt.NDArray[np.float32] = unit @ np.ascontiguousarray(axes[:, ::-1])
    return turned


def _still_near(
    turned: npt.NDArray[np.float32],
    first: Integers,
    second: Integers,
    squared: npt.NDArray[np.float32],
    limit: float,
) -> Integers:
    """Positions of the pairs that stay near when further axes are added, a few at a time."""
    kept = np.arange(len(first))
    for start in range(_PROJECTED_AXES, turned.shape[1], _PROJECTED_AXES):
        if len(kept) <= _FEW:
            break
        axes = slice(start, start + _PROJECTED_AXES)
        part = np.ascontiguousarray(turned[:, axes])
        difference = part[first[kept]] - part[second[kept]]
        squared = squared + np.einsum("ij,ij->i", difference, difference)
        near = squared < limit
        kept, squared = kept[near], squared[near]
    return kept


def is_near(distance: Floats, radius: Floats | float) -> Flags:
    """Which distances lie within the radius: nearer than it, or 0, whatever the radius."""
    near: Flags = (distance < radius) | (distance == 0.0)
    return near


def _select(first: Integers, second: Integers, distance: Floats, radius: float) -> Pairs:
    near = is_near(distance, radius)
    return Pairs(first=first[near], second=second[near], distance=distance[near])
