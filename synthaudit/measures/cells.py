"""Search among very many vectors: each row looks only into the cells whose centres are nearest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from synthaudit.measures.blocks import blocks
from synthaudit.measures.randomness import sample_rows

PROBES: Final = 8
"""Cells that each row looks into. Near-duplicates nearly always share the nearest few; random
vectors without any structure would need more."""

_ROWS: Final = 32_768
_STEPS: Final = 8
_SAMPLES_A_CELL: Final = 64
_SEED: Final = 1

Singles = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Cells:
    """Rows parted by the nearest of k centres (an inverted file, Jegou et al. 2011).

    Attributes:
        centres: (k, d).
        members: row numbers, cell by cell.
        start: (k + 1,) where each cell begins in ``members``.
    """

    centres: Singles
    members: Integers
    start: Integers

    def of(self, cell: int) -> Integers:
        """The rows of a cell."""
        return self.members[self.start[cell] : self.start[cell + 1]]


def part(unit: Singles, rows: Integers) -> Cells:
    """Part rows into about as many cells as each has members.

    Args:
        unit: (n, d) rows of length 1.
        rows: which of them.
    """
    import faiss

    count = max(int(np.sqrt(len(rows)) * 1.5), 1)
    sample = sample_rows(rows, count * _SAMPLES_A_CELL, np.random.default_rng(_SEED))
    means: Any = faiss.Kmeans(
        unit.shape[1], count, niter=_STEPS, seed=_SEED, min_points_per_centroid=1
    )
    means.train(np.ascontiguousarray(unit[sample]))
    centres = np.ascontiguousarray(means.centroids, dtype=np.float32)
    own = np.empty(len(rows), np.int64)
    for block in blocks(len(rows), _ROWS):
        own[block] = _distances(unit[rows[block]], centres).argmin(axis=1)
    order = np.argsort(own, kind="stable")
    start = np.searchsorted(own[order], np.arange(count + 1)).astype(np.int64)
    return Cells(centres=centres, members=rows[order], start=start)


def nearest_in_cells(
    unit: Singles,
    queries: Integers,
    cells: Cells,
    *,
    width: int,
    probes: int = PROBES,
) -> Iterator[tuple[slice, Integers]]:
    """For blocks of queries the nearest rows in the probed cells, by float32.

    Args:
        unit: (n, d) rows of length 1.
        queries: (m,) row numbers.
        cells: of the candidates.
        width: how many to find.
        probes: cells that each query looks into at most.

    Yields:
        A slice of the queries, and (b, width) row numbers, -1 where there are fewer.
    """
    probes = min(probes, len(cells.centres))
    for block in blocks(len(queries), _ROWS):
        rows = unit[queries[block]]
        away = _distances(rows, cells.centres)
        probed = np.argpartition(away, probes - 1, axis=1)[:, :probes]
        nearer = np.argsort(np.take_along_axis(away, probed, axis=1), axis=1)
        probed = np.take_along_axis(probed, nearer, axis=1)
        yield block, _search_block(unit, rows, cells, probed, width)


def _search_block(
    unit: Singles, rows: Singles, cells: Cells, probed: Integers, width: int
) -> Integers:
    """The nearest cell first: what it holds says what is worth keeping of the others."""
    everyone = np.arange(len(rows))
    found: list[tuple[Integers, Integers, Singles]] = []
    least = np.full(len(rows), -np.inf, np.float32)
    for cell, looking in _by_cell(probed[:, 0], everyone):
        members = cells.of(cell)
        kept = min(width, len(members))
        if kept == 0:
            continue
        similar = rows[looking] @ unit[members].T
        top = np.argpartition(similar, len(members) - kept, axis=1)[:, len(members) - kept :]
        similar = np.take_along_axis(similar, top, axis=1)
        found.append((np.repeat(looking, kept), members[top].ravel(), similar.ravel()))
        if kept == width:
            least[looking] = similar.min(axis=1)
    others = probed[:, 1:].ravel()
    for cell, looking in _by_cell(others, np.repeat(everyone, probed.shape[1] - 1)):
        members = cells.of(cell)
        if len(members):
            similar = rows[looking] @ unit[members].T
            here, there = np.nonzero(similar > least[looking][:, None])
            found.append((looking[here], members[there], similar[here, there]))
    return _leading(found, len(rows), width)


def _by_cell(cell: Integers, row: Integers) -> Iterator[tuple[int, Integers]]:
    """The rows that look into each cell."""
    order = np.argsort(cell, kind="stable")
    cell, row = cell[order], row[order]
    starts = np.flatnonzero(np.diff(cell, prepend=-1))
    for start, stop in zip(starts, [*starts[1:], len(cell)], strict=True):
        yield int(cell[start]), row[start:stop]


def _leading(found: list[tuple[Integers, Integers, Singles]], count: int, width: int) -> Integers:
    """(count, width) the most similar of what was found for each row, -1 where there is less."""
    result = np.full((count, width), -1, np.int64)
    if not found:
        return result
    row, name, similar = (np.concatenate(parts) for parts in zip(*found, strict=True))
    order = np.lexsort((-similar, row))
    row, name = row[order], name[order]
    rank = np.arange(len(row)) - np.searchsorted(row, row)
    kept = rank < width
    result[row[kept], rank[kept]] = name[kept]
    return result


def _distances(rows: Singles, centres: Singles) -> Singles:
    """Euclidean distances of rows of length 1 to centres."""
    squared = 1.0 + np.einsum("ij,ij->i", centres, centres) - 2.0 * (rows @ centres.T)
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)), dtype=np.float32)
