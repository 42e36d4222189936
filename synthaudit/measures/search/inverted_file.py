"""Search among very many vectors in an inverted file: a row looks only into the nearest cells.

Our own and not ``faiss.IndexIVFFlat``: a cell is multiplied once with all the rows that look into
it, which at 400,000 rows takes a third of FAISS's time at the same recall
(reports/inverted-file.md), and vectors are searched where they lie, without a second copy of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from synthaudit.arrays import Integers, Singles
from synthaudit.measures.blocks import blocks
from synthaudit.measures.randomness import sample_rows

PROBES: Final = 8
"""InvertedFile that each row looks into at least."""
WANTED_RECALL: Final = 0.999
"""Share of near neighbours that the search has to find."""

_NEAR_SHARE: Final = 0.1
_ROWS: Final = 8192
_QUERIES: Final = 65_536
_STEPS: Final = 8
_SAMPLES_A_CELL: Final = 64
_SEED: Final = 1


@dataclass(frozen=True, kw_only=True)
class InvertedFile:
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


@dataclass(frozen=True, kw_only=True)
class Reach:
    """How many cells a search has to look into, by rows whose nearest neighbour is known.

    Only the nearest tenth of those neighbours count: pairs within the duplicate radius are nearer
    still, and share cells more often.

    Attributes:
        probes: twice as many cells as find ``WANTED_RECALL`` of one half of them.
        recall: the share of the other half that so many cells find.
    """

    probes: int
    recall: float


def measure_reach(
    unit: Singles, index: InvertedFile, queries: Integers, nearest: Integers, similarity: Singles
) -> Reach:
    """Measure how far from its own row's cell a near neighbour's cell can be.

    Args:
        unit: (n, d) rows of length 1.
        index: of the candidates.
        queries: (m,) row numbers.
        nearest: (m,) the nearest candidate of each, by a search of all.
        similarity: (m,) their cosines.
    """
    near = np.argsort(-similarity, kind="stable")[: max(int(len(queries) * _NEAR_SHARE), 1)]
    order = np.argsort(index.members)
    places = order[np.searchsorted(index.members, nearest[near], sorter=order)]
    own = np.searchsorted(index.start, places, side="right") - 1
    away = _distances(unit[queries[near]], index.centres)
    rank = (away < away[np.arange(len(near)), own][:, None]).sum(axis=1)
    choosing, judging = rank[::2], rank[1::2]
    last = int(np.ceil(WANTED_RECALL * len(choosing))) - 1
    probes = min(max(2 * (int(np.sort(choosing)[last]) + 1), PROBES), len(index.centres))
    return Reach(probes=probes, recall=float((judging < probes).mean()) if len(judging) else 1.0)


def build_inverted_file(unit: Singles, rows: Integers) -> InvertedFile:
    """Part rows into about as many cells as each has members (k-means).

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
    return InvertedFile(centres=centres, members=rows[order], start=start)


def search_inverted_file(
    unit: Singles,
    queries: Integers,
    index: InvertedFile,
    *,
    width: int,
    probes: int = PROBES,
    start: int = 0,
) -> Iterator[tuple[slice, Integers]]:
    """For blocks of queries the nearest rows in the probed cells, by float32.

    Args:
        unit: (n, d) rows of length 1.
        queries: (m,) row numbers.
        index: of the candidates.
        width: how many to find.
        probes: cells that each query looks into at most.
        start: the first query.

    Yields:
        A slice of the queries, and (b, width) row numbers, -1 where there are fewer.
    """
    import faiss
    from threadpoolctl import ThreadpoolController

    libraries, count = ThreadpoolController(), int(faiss.omp_get_max_threads())
    probes = min(probes, len(index.centres))

    def search(block: slice) -> Integers:
        return search_block(unit, queries[block], index, probes, width)

    waiting = list(blocks(len(queries), _QUERIES, start))
    with ThreadPoolExecutor(count) as threads:
        while waiting:
            now, waiting = waiting[:count], waiting[count:]
            # A thread a block: half the time goes into what no matrix library does in parallel.
            with libraries.limit(limits=1):
                found = list(threads.map(search, now))
            yield from zip(now, found, strict=True)


def _nearest_cells(unit: Singles, queries: Integers, centres: Singles, probes: int) -> Integers:
    """(m, probes) the cells whose centres are nearest, the nearest first."""
    found = np.empty((len(queries), probes), np.int64)
    for block in blocks(len(queries), _ROWS):
        away = _distances(unit[queries[block]], centres)
        probed = np.argpartition(away, probes - 1, axis=1)[:, :probes]
        nearer = np.argsort(np.take_along_axis(away, probed, axis=1), axis=1)
        found[block] = np.take_along_axis(probed, nearer, axis=1)
    return found


def search_block(
    unit: Singles, queries: Integers, index: InvertedFile, probes: int, width: int
) -> Integers:
    """(m, width) the nearest rows of the probed cells by float32, -1 where there are fewer."""
    probed = _nearest_cells(unit, queries, index.centres, probes)
    everyone = np.arange(len(queries))
    found: list[tuple[Integers, Integers, Singles]] = []
    least = np.full(len(queries), -np.inf, np.float32)
    # The nearest cell first: what it holds says what is worth keeping of the others.
    for cell, looking in _by_cell(probed[:, 0], everyone):
        members = index.of(cell)
        kept = min(width, len(members))
        if kept == 0:
            continue
        similar = unit[queries[looking]] @ unit[members].T
        top = np.argpartition(similar, len(members) - kept, axis=1)[:, len(members) - kept :]
        similar = np.take_along_axis(similar, top, axis=1)
        found.append((np.repeat(looking, kept), members[top].ravel(), similar.ravel()))
        if kept == width:
            least[looking] = similar.min(axis=1)
    others = probed[:, 1:].ravel()
    for cell, looking in _by_cell(others, np.repeat(everyone, probes - 1)):
        members = index.of(cell)
        if len(members):
            similar = unit[queries[looking]] @ unit[members].T
            here, there = np.nonzero(similar > least[looking][:, None])
            found.append((looking[here], members[there], similar[here, there]))
    return _leading(found, len(queries), width)


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
