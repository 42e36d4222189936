"""Cross-validation on a Ray cluster: batches of permutations and resamples to all workers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from synthaudit.arrays import Vectors
from synthaudit.backends.ray_cluster import connect
from synthaudit.measures.detection.assignment import Assignment
from synthaudit.measures.detection.cross_validation import OutOfFold, cross_validate, in_batches
from synthaudit.threads import Advance, ignore


def cross_validate_on_ray(
    rows: Vectors,
    assignments: Sequence[Assignment],
    *,
    advance: Advance = ignore,
    **options: Any,
) -> list[OutOfFold]:
    """``cross_validate``, each of whose batches is a task; one that is lost is done again.

    Batches are those of one machine, which know nothing of each other, so that outcomes are the
    same to the last digit that the matrix library's own order of summation allows.
    """
    batches = list(in_batches(assignments))
    if len(batches) == 1:
        return cross_validate(rows, assignments, advance=advance, **options)
    ray = connect()
    held = ray.put(rows)
    task = ray.remote(cross_validate).options(max_retries=-1)
    outcomes: list[OutOfFold] = []
    for begun in [task.remote(held, list(batch), **options) for batch in batches]:
        found = ray.get(begun)
        outcomes += found
        advance(len(found))
    return outcomes
