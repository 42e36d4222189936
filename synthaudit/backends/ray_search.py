"""Search on a Ray cluster: every machine holds the vectors, every worker searches for some."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, Final

from synthaudit.arrays import Integers, Singles
from synthaudit.backends.ray_cluster import connect
from synthaudit.measures.blocks import blocks
from synthaudit.measures.search.inverted_file import search_block
from synthaudit.measures.search.neighbours import Found, SearchPlan, look_at_all, plan_search

_QUERIES: Final = 16_384
_AHEAD: Final = 2


def candidates_on_ray(
    unit: Singles,
    queries: Integers,
    candidates: Integers,
    width: int,
    start: int = 0,
) -> Iterator[Found]:
    """For blocks of queries the nearest candidates by float32, in the manner of one machine.

    The vectors lie once in the shared memory of each machine. A block of queries is a task of its
    own: one that is lost is done again.

    Args:
        unit: (n, d) rows of length 1.
        queries: (m,) row numbers.
        candidates: (k,) row numbers.
        width: how many to find.
        start: the first query.
    """
    ray = connect()
    plan = plan_search(unit, queries, candidates)
    held = [ray.put(each) for each in (unit, candidates, plan)]
    search = ray.remote(_search).options(max_retries=-1)
    workers = max(int(ray.cluster_resources().get("CPU", 1)), 1)
    pending: deque[tuple[slice, Any]] = deque()
    for block in blocks(len(queries), _QUERIES, start):
        pending.append((block, search.remote(*held, queries[block], width)))
        if len(pending) > _AHEAD * workers:
            yield _collect(ray, pending, plan)
    while pending:
        yield _collect(ray, pending, plan)


def _collect(ray: Any, pending: deque[tuple[slice, Any]], plan: SearchPlan) -> Found:
    block, task = pending.popleft()
    return Found(block, ray.get(task), plan.recall)


def _search(
    unit: Singles,
    candidates: Integers,
    plan: SearchPlan,
    queries: Integers,
    width: int,
) -> Integers:
    width = min(width, len(candidates))
    if plan.index is None:
        return look_at_all(unit, queries, candidates, width)[1]
    return search_block(unit, queries, plan.index, plan.probes, width)
