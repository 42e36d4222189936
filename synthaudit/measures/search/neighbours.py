"""Nearest neighbours by cosine distance: float32 finds, float64 decides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, Protocol

import numpy as np

from synthaudit.arrays import Flags, Floats, Integers, Singles, Vectors
from synthaudit.measures.blocks import Allocate, blocks
from synthaudit.measures.randomness import sample_rows
from synthaudit.measures.search.inverted_file import (
    PROBES,
    InvertedFile,
    build_inverted_file,
    measure_reach,
    search_inverted_file,
)

# FAISS returns this many candidates, of which float64 picks the nearest: float32 may swap
# neighbours whose distances agree to about 1e-7.
_CANDIDATES: Final = 4
_ROWS: Final = 2048
_FLAT_ROWS: Final = 65_536
_QUERIES: Final = 131_072
# Up to 60,000 images, half of them real, every pair is looked at.
_EXACT_PRODUCT: Final = 2_000_000_000
_SAMPLED: Final = 4096
# Looking into more of the cells than this takes as long as looking at every pair.
_CELL_SHARE: Final = 0.25
_SEED: Final = 2


class Found(NamedTuple):
    """What a search found for a slice of its queries.

    Attributes:
        block: the slice.
        rows: (b, width) what float32 takes for the nearest, -1 where there are fewer.
        recall: measured share of near neighbours that are found; None where every pair was
            looked at.
    """

    block: slice
    rows: Integers
    recall: float | None = None


class CandidateSearch(Protocol):
    """Finds what to look at."""

    def __call__(
        self,
        unit: Singles,
        queries: Integers,
        candidates: Integers,
        width: int,
        start: int = 0,
    ) -> Iterator[Found]:
        """Of unit rows (n, d) the ``width`` nearest candidates, by slices of the queries in order.

        ``start`` is the first query that is still to be done.
        """


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """For each query its nearest candidates, nearest first.

    Attributes:
        index: (n, k) row numbers, -1 where there are fewer than k candidates.
        distance: (n, k) cosine distances in [0, 2], infinite there.
        recall: measured share of near neighbours that the search finds; None where every pair was
            looked at.
    """

    index: Integers
    distance: Floats
    recall: float | None = None

    def take(self, queries: Integers) -> Neighbours:
        """The neighbours of some queries."""
        return replace(self, index=self.index[queries], distance=self.distance[queries])


class Directions:
    """Row vectors reduced to their directions, ready for repeated search.

    Args:
        vectors: (n, d) finite rows of non-zero length.
        candidates: finds what to look at; None for this machine.
        allocate: where a copy of all vectors lies.
    """

    def __init__(
        self,
        vectors: Vectors,
        candidates: CandidateSearch | None = None,
        allocate: Allocate = np.empty,
    ) -> None:
        self._vectors = vectors
        self.candidates = candidates or find_candidates
        self._lengths = np.empty(len(vectors))
        self.unit: Singles = allocate(vectors.shape, np.float32)
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
    directions: Directions,
    queries: Integers,
    candidates: Integers,
    *,
    count: int = 1,
    advance: Callable[[int], None] = lambda _: None,
) -> Neighbours:
    """The ``count`` nearest candidates of each query, itself excepted.

    A row is recognised by its number, never by being first in the list, so exact duplicates
    count as neighbours at distance 0. Ties go to the lower row number.

    Args:
        directions: all rows.
        queries: (n,) row numbers to search for.
        candidates: (m,) row numbers to search among.
        count: how many neighbours, k.
        advance: told how many queries have been done.

    Returns:
        ``Neighbours`` of shape (n, k).
    """
    index = np.full((len(queries), count), -1, np.int64)
    distance = np.full((len(queries), count), np.inf)
    if len(queries) == 0 or len(candidates) == 0:
        return Neighbours(index=index, distance=distance)
    width = min(count + _CANDIDATES, len(candidates))
    recall = None
    for batch in directions.candidates(directions.unit, queries, candidates, width):
        rows, found, recall = queries[batch.block], batch.rows, batch.recall
        exact = directions.distance(np.repeat(rows, found.shape[1]), found.ravel())
        exact = exact.reshape(found.shape)
        exact[(found == rows[:, None]) | (found < 0)] = np.inf
        order = np.lexsort((found, exact), axis=1)[:, :count]
        kept = order.shape[1]
        distance[batch.block, :kept] = np.take_along_axis(exact, order, axis=1)
        index[batch.block, :kept] = np.take_along_axis(found, order, axis=1)
        advance(len(rows))
    index[np.isinf(distance)] = -1
    return Neighbours(index=index, distance=distance, recall=recall)


def is_exact(queries: int, candidates: int) -> bool:
    """Whether there are few enough pairs to look at every one without asking whether cells do."""
    return queries * candidates <= _EXACT_PRODUCT


@dataclass(frozen=True, kw_only=True)
class SearchPlan:
    """How a search is done: among all candidates, or in the cells nearest to each query.

    Attributes:
        index: of the candidates; None to look at all of them.
        probes: how many cells each query looks into.
        recall: measured share of near neighbours that are found so; None with all candidates.
    """

    index: InvertedFile | None = None
    probes: int = 0
    recall: float | None = None


def plan_search(unit: Singles, queries: Integers, candidates: Integers) -> SearchPlan:
    """Up to 2e9 pairs are all looked at; of more, as many cells as a sample asks for.

    That many find 99.9 % of the sample's near neighbours; where it takes very many cells, all
    candidates are looked at after all.
    """
    if is_exact(len(queries), len(candidates)) or len(candidates) <= 2:
        return SearchPlan()
    index = build_inverted_file(unit, candidates)
    sample = sample_rows(queries, _SAMPLED, np.random.default_rng(_SEED))
    similar, rows = look_at_all(unit, sample, candidates, 2)
    other = np.where(rows[:, 0] == sample, 1, 0)[:, None]
    reach = measure_reach(
        unit,
        index,
        sample,
        np.take_along_axis(rows, other, axis=1)[:, 0],
        np.take_along_axis(similar, other, axis=1)[:, 0],
    )
    if reach.probes > max(_CELL_SHARE * len(index.centres), PROBES):
        return SearchPlan()
    return SearchPlan(index=index, probes=reach.probes, recall=reach.recall)


def find_candidates(
    unit: Singles,
    queries: Integers,
    candidates: Integers,
    width: int,
    start: int = 0,
) -> Iterator[Found]:
    """For blocks of queries the nearest candidates by float32, in any order.

    All are looked at, or some, as ``plan_search`` says.
    """
    plan = plan_search(unit, queries, candidates)
    if plan.index is not None:
        for block, found in search_inverted_file(
            unit, queries, plan.index, width=width, probes=plan.probes, start=start
        ):
            yield Found(block, found, plan.recall)
        return
    for block in blocks(len(queries), _QUERIES, start):
        yield Found(block, look_at_all(unit, queries[block], candidates, width)[1])


def look_at_all(
    unit: Singles, queries: Integers, candidates: Integers, width: int
) -> tuple[Singles, Integers]:
    """Cosines and row numbers of the nearest candidates, (m, width) each; every pair counts."""
    import faiss

    best = np.full((len(queries), width), -np.inf, np.float32)
    found = np.full((len(queries), width), -1, np.int64)
    # Part by part, for the index holds a second copy of what it searches.
    for chosen in blocks(len(candidates), _FLAT_ROWS):
        own = candidates[chosen]
        flat = faiss.IndexFlatIP(unit.shape[1])
        flat.add(unit[own])
        for block in blocks(len(queries), _ROWS):
            similar, place = flat.search(unit[queries[block]], min(width, len(own)))
            both = np.concatenate([best[block], similar], axis=1)
            names = np.concatenate([found[block], own[place]], axis=1)
            order = np.argsort(-both, axis=1, kind="stable")[:, :width]
            best[block] = np.take_along_axis(both, order, axis=1)
            found[block] = np.take_along_axis(names, order, axis=1)
    return best, found


def is_near(distance: Floats, radius: Floats | float) -> Flags:
    """Which distances lie within the radius: nearer than it, or 0, whatever the radius."""
    near: Flags = (distance < radius) | (distance == 0.0)
    return near
