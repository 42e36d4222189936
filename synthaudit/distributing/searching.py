"""Search on a Ray cluster: each worker holds a part of the candidates, and all are asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from synthaudit.distributing.connecting import connect
from synthaudit.measures.blocks import blocks
from synthaudit.measures.neighbours import Found, Integers, most_similar

_QUERIES: Final = 4096
_LEAST: Final = 2000


def candidates_on_ray(
    unit: npt.NDArray[np.float32],
    queries: Integers,
    candidates: Integers,
    width: int,
    start: int = 0,
) -> Iterator[Found]:
    """For blocks of queries the nearest candidates by float32, found by all workers together.

    Every pair is looked at, as on one machine up to 2e9 pairs; what is nearest of all the parts
    is nearest of the whole. A search is a task of its own: one that is lost is done again.

    Args:
        unit: (n, d) rows of length 1.
        queries: (m,) row numbers.
        candidates: (k,) row numbers.
        width: how many to find.
        start: the first query.
    """
    ray = connect()
    workers = max(int(ray.cluster_resources().get("CPU", 1)), 1)
    count = max(min(workers, len(candidates) // _LEAST), 1)
    parts = np.array_split(candidates, count)
    held = [ray.put(unit[part]) for part in parts]
    search = ray.remote(_search).options(max_retries=-1)
    for block in blocks(len(queries), _QUERIES, start):
        rows = ray.put(unit[queries[block]])
        found = ray.get([search.remote(shard, rows, width) for shard in held])
        names = [part[places] for part, (_, places) in zip(parts, found, strict=True)]
        yield Found(block, most_similar([similar for similar, _ in found], names, width)[1])


def _search(shard: npt.NDArray[Any], rows: npt.NDArray[Any], width: int) -> Any:
    """Similarities and places of the nearest; without an index, which would copy the shard."""
    import faiss

    return faiss.knn(rows, shard, min(width, len(shard)), faiss.METRIC_INNER_PRODUCT)
