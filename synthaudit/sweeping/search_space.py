"""What a search may try: combinations of axis values, and of numbers from ranges."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from synthaudit.arrays import Floats
from synthaudit.errors import PlanError
from synthaudit.measures.randomness import stream
from synthaudit.sweeping.arms import is_excluded
from synthaudit.sweeping.plan import Plan, Range

Point = Mapping[str, int | float]
"""By axis, the position of a listed value, or the number itself of a range."""

_DIGITS: Final = 3
_TRIES: Final = 200
_LOOKED_AT: Final = 10_000


@dataclass(frozen=True, kw_only=True)
class SearchSpace:
    """The points of a plan's axes.

    Attributes:
        plan: whose axes they are.
    """

    plan: Plan

    @property
    def count(self) -> int | None:
        """How many points there are; None for a range that has no end of them."""
        total = 1
        for own in self.plan.axes.values():
            if not isinstance(own, Range):
                total *= len(own)
            elif own.is_whole:
                total *= int(own.high - own.low) + 1
            else:
                return None
        return total

    @property
    def first(self) -> Point:
        """The first value of each axis, the lower end of ranges: what is compared against.

        Where a rule is against that, the first combination that none is against.

        Raises:
            PlanError: rules exclude everything that was looked at.
        """
        columns = {
            name: [own.low, own.high] if isinstance(own, Range) else range(len(own))
            for name, own in self.plan.axes.items()
        }
        for values in itertools.islice(itertools.product(*columns.values()), _LOOKED_AT):
            point = dict(zip(columns, values, strict=True))
            if self.is_allowed(point):
                return point
        raise PlanError("the rules under not: exclude every arm that was tried: drop one of them.")

    def is_allowed(self, point: Point) -> bool:
        """Whether no rule of the plan is against it."""
        plan, combinations = self.realise([point])
        return not is_excluded(plan, combinations[0])

    def realise(self, points: Sequence[Point]) -> tuple[Plan, list[dict[str, int]]]:
        """A plan whose axes list all values of some points, and the points by positions in it."""
        axes = {}
        positions: dict[str, list[int]] = {}
        for name, own in self.plan.axes.items():
            if not isinstance(own, Range):
                axes[name] = own
                positions[name] = [int(point[name]) for point in points]
                continue
            # Its ends are no values of their own unless they are tried.
            values = list(dict.fromkeys(point[name] for point in points))
            axes[name] = list(values)
            positions[name] = [values.index(point[name]) for point in points]
        plan = self.plan.model_copy(update={"axes": axes})
        names = list(axes)
        return plan, [{name: positions[name][n] for name in names} for n in range(len(points))]

    def draw(self, count: int, seed: int, taken: set[tuple[int | float, ...]]) -> list[Point]:
        """Points spread over the space, each value of an axis about equally often.

        Args:
            count: how many; fewer where there are no more.
            seed: decides.
            taken: points that are not wanted, by ``key``.
        """
        rng = stream(seed, "first points of a search")
        found: list[Point] = []
        for _ in range(_TRIES):
            if len(found) >= count:
                break
            columns = {name: self._column(name, count, rng) for name in self.plan.axes}
            for n in range(count):
                point = {name: own[n] for name, own in columns.items()}
                if key(point) not in taken and self.is_allowed(point):
                    taken.add(key(point))
                    found.append(point)
        return found[:count]

    def _column(self, name: str, count: int, rng: np.random.Generator) -> list[int | float]:
        own = self.plan.axes[name]
        if not isinstance(own, Range):
            return [int(n) for n in rng.permutation(np.resize(rng.permutation(len(own)), count))]
        shares = (rng.permutation(count) + rng.random(count)) / count
        return [self.number(name, float(share)) for share in shares]

    def number(self, name: str, share: float) -> int | float:
        """The number of a range at a share of its length."""
        own = self.plan.axes[name]
        assert isinstance(own, Range)
        low, high = float(own.low), float(own.high)
        if own.log:
            value = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
        else:
            value = low + share * (high - low)
        return self.tidy(name, value)

    def tidy(self, name: str, value: float) -> int | float:
        """A number of a range, with no more digits than a person would give it."""
        own = self.plan.axes[name]
        assert isinstance(own, Range)
        if own.is_whole:
            return round(min(max(value, own.low), own.high))
        width = float(own.high - own.low) if not own.log else abs(value)
        digits = _DIGITS - 1 - math.floor(math.log10(width)) if width else _DIGITS
        return min(max(round(value, digits), float(own.low)), float(own.high))

    def features(self, points: Sequence[Point]) -> Floats:
        """(A, F) an indicator of each listed value; of a range its place, and hats over it."""
        columns = []
        for name, own in self.plan.axes.items():
            if not isinstance(own, Range):
                positions = np.array([int(point[name]) for point in points])
                columns.append(np.eye(len(own))[positions])
                continue
            numbers = np.array([float(point[name]) for point in points])
            ends = np.array([float(own.low), float(own.high)])
            if own.log:
                numbers, ends = np.log(numbers), np.log(ends)
            place = (numbers - ends[0]) / (ends[1] - ends[0])
            knots = np.linspace(0.0, 1.0, 6)
            columns.append(np.maximum(1.0 - 5.0 * np.abs(place[:, None] - knots), 0.0))
        return np.concatenate(columns, axis=1) if columns else np.ones((len(points), 1))

    def neighbours(self, point: Point, seed: int) -> Iterator[Point]:
        """Points that differ from one in a single axis, in random order."""
        rng = stream(seed, "neighbours of a point")
        names = list(self.plan.axes)
        for _ in range(_TRIES):
            name = names[int(rng.integers(len(names)))]
            value = self._column(name, 1, rng)[0]
            if value != point[name]:
                yield {**point, name: value}


def key(point: Point) -> tuple[int | float, ...]:
    """What tells a point from others."""
    return tuple(point.values())
