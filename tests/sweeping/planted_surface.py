"""Surfaces over axes with known truth, measured with the noise of a detector's verdicts."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from synthaudit.measures.comparison.evidence import ArmEvidence
from synthaudit.sweeping.plan import Plan
from synthaudit.sweeping.search_space import Point, SearchSpace, key

# Of 2,000 CIFAKE images, by the built-in embedder: the spread of the detector's probabilities.
NOISE = 0.24
_SHARED = 0.4


class PlantedSurface:
    """Arms whose mean fakeness is known: axis values that add up, and pairs that do not.

    A part of an image's luck is its slot's, the same in every arm.
    """

    def __init__(
        self, seed: int, *, sizes: Sequence[int] | None = None, spread: float = 0.06
    ) -> None:
        self.rng = np.random.default_rng(seed)
        while sizes is None:
            drawn = self.rng.integers(2, 9, self.rng.integers(3, 7))
            if 100 <= np.prod(drawn) <= 5000:
                sizes = [int(own) for own in drawn]
        self.sizes = list(sizes)
        self._main = [self.rng.normal(0.0, spread, own) for own in self.sizes]
        pairs = itertools.combinations(range(len(self.sizes)), 2)
        self._pairs = {
            (a, b): self.rng.normal(0.0, spread / 2.0, (self.sizes[a], self.sizes[b]))
            for a, b in pairs
            if self.rng.random() < 0.3
        }
        self._seed, self.images = seed, 0
        self._made: dict[tuple[float, ...], int] = {}
        grid = itertools.product(*(range(own) for own in self.sizes))
        self.best = min(self.truth(point) for point in grid)

    @property
    def space(self) -> SearchSpace:
        axes = {f"axis{n}": [f"value{v}" for v in range(own)] for n, own in enumerate(self.sizes)}
        plan = Plan.model_validate(
            {
                "real": "anywhere",
                "images_per_arm": 96,
                "generator": {"name": "augment"},
                "prompt": " ".join(f"{{{name}}}" for name in axes),
                "axes": axes,
                "design": "search",
            }
        )
        return SearchSpace(plan=plan)

    @property
    def count(self) -> int:
        return int(np.prod(self.sizes))

    def truth(self, values: Sequence[int]) -> float:
        total = 0.5 + sum(own[values[n]] for n, own in enumerate(self._main))
        total += sum(own[values[a], values[b]] for (a, b), own in self._pairs.items())
        return float(total)

    def true_value(self, point: Point) -> float:
        return self.truth([int(own) for own in key(point)])

    def measure(
        self, space: SearchSpace, points: Sequence[Point], images: int, *, fresh: bool = False
    ) -> ArmEvidence:
        """What a sweep would measure; the images of a point stay the same."""
        self.images += sum(max(images - self._made.get((*key(own), fresh), 0), 0) for own in points)
        for own in points:
            self._made[*key(own), fresh] = max(images, self._made.get((*key(own), fresh), 0))
        shared = _normal([self._seed, 7, fresh], images) * NOISE * np.sqrt(_SHARED)
        rows = [
            self.true_value(own)
            + shared
            + _normal([self._seed, *map(int, key(own)), fresh], images)
            * NOISE
            * np.sqrt(1.0 - _SHARED)
            for own in points
        ]
        lonely = np.eye(images)
        return ArmEvidence(
            fakeness=np.array(rows),
            is_copy=np.zeros((len(points), images), bool),
            covers=[np.ones((images, 1), bool)] * len(points),
            vectors=[lonely] * len(points),
            repeat_radius=0.0,
            patterns=None,
            pattern_radius=0.0,
        )


def _normal(seed: Sequence[int], count: int) -> np.ndarray:
    return np.random.default_rng([int(own) for own in seed]).normal(size=200)[:count]
