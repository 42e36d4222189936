"""Close pairs by cosine distance: the leading axes find, float64 decides."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from synthaudit.measures.blocks import blocks
from synthaudit.measures.neighbours import Directions, Floats, Integers, is_near

_ROWS: Final = 2048
_FLOAT32_SLACK: Final = 1e-5
_MANY: Final = 500_000
_FEW: Final = 2_000
# Below this many rows the full width is searched at once; above, the leading axes come first.
_PROJECT_FROM: Final = 4096
_PROJECTED_AXES: Final = 48
_TILE: Final = 512


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


def _select(first: Integers, second: Integers, distance: Floats, radius: float) -> Pairs:
    near = is_near(distance, radius)
    return Pairs(first=first[near], second=second[near], distance=distance[near])
