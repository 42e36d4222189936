"""Search on a GPU: every pair is looked at, however many there are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from synthaudit.arrays import Integers, Singles
from synthaudit.backends.gpu_precision import full_precision
from synthaudit.measures.blocks import blocks
from synthaudit.measures.search.neighbours import Found

_QUERIES: Final = 4096
_CANDIDATES: Final = 262_144


def candidates_on_gpu(
    unit: Singles,
    queries: Integers,
    candidates: Integers,
    width: int,
    start: int = 0,
    *,
    device: str,
) -> Iterator[Found]:
    """For blocks of queries the nearest candidates by float32, by FAISS or else by torch.

    Args:
        unit: (n, d) rows of length 1.
        queries: (m,) row numbers.
        candidates: (k,) row numbers.
        width: how many to find.
        start: the first query.
        device: of torch.
    """
    import faiss

    if device.startswith("cuda") and hasattr(faiss, "StandardGpuResources"):
        number = int(device.partition(":")[2] or 0)
        index: Any = faiss.GpuIndexFlatIP(
            faiss.StandardGpuResources(), unit.shape[1], _flat_on(number)
        )
        for chosen in blocks(len(candidates), _CANDIDATES):
            index.add(unit[candidates[chosen]])
        for block in blocks(len(queries), _QUERIES, start):
            _, places = index.search(unit[queries[block]], width)
            yield Found(block, candidates[places])
        return
    yield from _by_torch(unit, queries, candidates, width, start=start, device=device)


def _by_torch(
    unit: Singles,
    queries: Integers,
    candidates: Integers,
    width: int,
    *,
    start: int,
    device: str,
) -> Iterator[Found]:
    import torch

    parts = [
        (chosen.start, torch.from_numpy(unit[candidates[chosen]]).to(device))
        for chosen in blocks(len(candidates), _CANDIDATES)
    ]
    for block in blocks(len(queries), _QUERIES, start):
        rows = torch.from_numpy(unit[queries[block]]).to(device)
        values, places = [], []
        for first, part in parts:
            with full_precision():
                best = (rows @ part.T).topk(min(width, len(part)), dim=1)
            values.append(best.values)
            places.append(best.indices + first)
        every = torch.cat(values, dim=1).topk(width, dim=1).indices
        found = torch.cat(places, dim=1).gather(1, every)
        yield Found(block, candidates[found.cpu().numpy()])


def _flat_on(number: int) -> Any:
    import faiss

    config = faiss.GpuIndexFlatConfig()
    config.device = number
    return config
