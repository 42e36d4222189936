"""Designs: which combinations of axis values are arms."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Final

import numpy as np

from synthaudit.errors import PlanError
from synthaudit.measures.randomness import stream
from synthaudit.sweeping.plan import SEARCHES, Plan

MOST_ARMS: Final = 2000


def combinations_of(plan: Plan) -> list[dict[str, int]]:
    """By arm and axis, the position of the value; rules are not heeded here.

    Raises:
        PlanError: there are too many.
    """
    sizes = {name: len(plan.values_of(name)) for name in plan.axes}
    first = dict.fromkeys(sizes, 0)
    # What a search may try is checked value by value; its arms are proposed on the way.
    if plan.design in ("one-factor", *SEARCHES):
        others = [{**first, name: n} for name, size in sizes.items() for n in range(1, size)]
        return [first, *others]
    count = int(np.prod([float(size) for size in sizes.values()])) if sizes else 1
    if plan.design == "fractional" and plan.arms is not None and plan.arms < count:
        return _fraction(sizes, plan.arms, plan.seed)
    if count > 50 * MOST_ARMS:
        raise PlanError(f"the plan has {count:,} combinations: use design: one-factor.")
    return [
        dict(zip(sizes, numbers, strict=True))
        for numbers in itertools.product(*(range(size) for size in sizes.values()))
    ]


def _fraction(sizes: Mapping[str, int], arms: int, seed: int) -> list[dict[str, int]]:
    """Balanced columns: every value of an axis about equally often, pairs of values spread."""
    rng = stream(seed, "fractional design")
    best: list[dict[str, int]] = []
    fewest = np.inf
    for _ in range(200):
        columns = {
            name: rng.permutation(np.resize(rng.permutation(size), arms))
            for name, size in sizes.items()
        }
        rows = [{name: int(column[n]) for name, column in columns.items()} for n in range(arms)]
        counts = [
            np.unique(np.stack([columns[a], columns[b]]), axis=1, return_counts=True)[1]
            for a, b in itertools.combinations(sizes, 2)
        ]
        repeated = arms - len({tuple(row.values()) for row in rows})
        crowding = 1e6 * repeated + sum(float(np.square(c).sum()) for c in counts)
        if crowding < fewest:
            best, fewest = rows, crowding
    return best
