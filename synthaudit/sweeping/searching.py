"""A search: rounds of proposals on few images each, then a race of the best on more."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from synthaudit.arrays import Floats
from synthaudit.errors import PlanError
from synthaudit.measures.comparison.evidence import ArmEvidence
from synthaudit.measures.comparison.smoothing import smooth_values
from synthaudit.measures.intervals import normal_width
from synthaudit.sweeping.comparison import excluded_by_race
from synthaudit.sweeping.layout import LEAST_SLOTS
from synthaudit.sweeping.proposals import Proposer, Trial
from synthaudit.sweeping.search_space import Point, SearchSpace, key

USUAL_ARMS: Final = 48
"""A search makes as many images as so many whole arms have, unless the plan says otherwise."""

_SHARE_OF_GRID: Final = 3
_LEAST_ARMS: Final = 6
_LEAST_WHOLE: Final = 8
_SCOUTING: Final = 8
_FIRST: Final = 16
_AT_ONCE: Final = 8
_GROWTH: Final = 6
_SEMIFINALISTS: Final = 24
_LAST: Final = 5
_FINALISTS: Final = 3
_SHARES: Final = (0.25, 0.15)
_ENDS: Final = 0.95


@dataclass(frozen=True, kw_only=True)
class Searched:
    """What a search has come to.

    Attributes:
        space: as it was in the end.
        trials: all arms, in the order in which they were proposed.
        finalists: numbers of trials that are confirmed: the winner first, then the runners-up, and
            the first arm of all, which somebody who changes nothing would use.
        rounds: how many rounds of proposals there were.
        is_cut: whether the budget ended it early.
    """

    space: SearchSpace
    trials: Sequence[Trial]
    finalists: Sequence[int]
    rounds: int
    is_cut: bool = False


class OutOfBudget(Exception):  # noqa: N818 - an outcome, not a fault
    """The images of a round cannot all be made; those of earlier rounds are there."""


Measure = Callable[[SearchSpace, Sequence[Point], int], ArmEvidence]
"""Makes the first images of some points and measures them together; may raise ``OutOfBudget``."""


def images_allowed(space: SearchSpace) -> int:
    """How many images a search may make, the confirmation among them.

    As many as the whole arms that the plan names, 48 without; then at most a third of the whole
    grid, where that is more than eight arms and the arms are not written on the way.
    """
    plan = space.plan
    most = plan.arms or USUAL_ARMS
    if space.count is not None and plan.arms is None and plan.design == "search":
        most = min(most, max(math.ceil(space.count / _SHARE_OF_GRID), _LEAST_WHOLE))
    allowed = most * plan.images_per_arm
    return max(allowed, least_images(plan.images_per_arm)) if plan.arms is None else allowed


def images_to_search(space: SearchSpace, price: float | None) -> int:
    """How many images a search makes at most, by its plan and budget.

    Args:
        space: what may be tried.
        price: of an image; None where nobody has said.

    Raises:
        PlanError: too few to search and to confirm.
    """
    plan = space.plan
    allowed, least = images_allowed(space), least_images(plan.images_per_arm)
    if plan.budget.images is not None:
        allowed = min(allowed, plan.budget.images)
    if plan.budget.money is not None and price:
        allowed = min(allowed, int(plan.budget.money / price))
    if allowed < least:
        raise PlanError(
            f"a search of arms of {plan.images_per_arm} images needs {least:,} images at least, "
            "to try some and to confirm the best on fresh seeds, but "
            f"{allowed:,} are allowed: raise arms or the budget, or lower images_per_arm."
        )
    return allowed


def least_images(images: int) -> int:
    """How many images a search needs at least, for some arms of so many and the confirmation."""
    few = min(max(images // _SCOUTING, LEAST_SLOTS), images)
    half = max(images // 2, few)
    finals = _FINALISTS * (half - few) + 2 * (images - half)
    return _LEAST_ARMS * few + finals + (_FINALISTS + 1) * images


def search(
    space: SearchSpace,
    measure: Measure,
    proposer: Proposer,
    *,
    goal: str,
    images: int,
    allowed: int,
    seed: int,
) -> Searched:
    """Look for the arm that is best by the goal.

    Args:
        space: what may be tried.
        measure: makes and measures.
        proposer: proposes arms by what earlier ones scored.
        goal: what decides; less is better.
        images: of a whole arm.
        allowed: images that may be made, those of the confirmation among them.
        seed: decides.
    """
    return _Search(
        space, measure, proposer, goal=goal, images=images, allowed=allowed, seed=seed
    ).run()


class _Search:
    """One search."""

    def __init__(
        self,
        space: SearchSpace,
        measure: Measure,
        proposer: Proposer,
        *,
        goal: str,
        images: int,
        allowed: int,
        seed: int,
    ) -> None:
        self.space, self.measure, self.proposer = space, measure, proposer
        self.goal, self.images, self.seed = goal, images, seed
        self.few = min(max(images // _SCOUTING, LEAST_SLOTS), images)
        self.half = max(images // 2, self.few)
        rest = max(allowed - (_FINALISTS + 1) * images, 0)
        steps = (self.half - self.few, images - self.half)
        # A small search has small finals, so that enough is left for scouting.
        self.standing = [
            min(most, max(int(share * rest / max(step, 1)), least))
            for most, least, share, step in zip(
                (_SEMIFINALISTS, _LAST), (_FINALISTS, 2), _SHARES, steps, strict=True
            )
        ]
        later = sum(n * step for n, step in zip(self.standing, steps, strict=True))
        self.left = max(rest - later, self.few * _LEAST_ARMS)
        self.trials: list[Trial] = []
        self.variances: dict[int, float] = {}
        self.rounds = 0

    def run(self) -> Searched:
        """Scout, race, name the finalists."""
        is_cut = False
        try:
            self._scout()
            standing = list(range(len(self.trials)))
            for images, most in zip((self.half, self.images), self.standing, strict=True):
                standing = self._race(standing, images, most)
        except OutOfBudget:
            is_cut = True
            standing = list(range(len(self.trials)))
        order = sorted(standing, key=self._rank)
        finalists = [*order[:_FINALISTS], *([0] if 0 not in order[:_FINALISTS] else [])]
        return Searched(
            space=self.space,
            trials=self.trials,
            finalists=finalists if self.trials else [],
            rounds=self.rounds,
            is_cut=is_cut,
        )

    def _rank(self, number: int) -> tuple[int, float, int]:
        """Those with more images first: they were better before."""
        own = self.trials[number]
        return -own.images, own.smoothed, number

    def _scout(self) -> None:
        """Rounds of proposals, each arm on few images, until those that are left are used."""
        first = self.space.first
        points = [first]
        count = min(_FIRST, max(self.left // self.few // 2, _LEAST_ARMS)) - len(points)
        points += self.space.draw(count, self.seed, {key(own) for own in points})
        while points:
            points = points[: max(self.left // self.few, 0)]
            if not points:
                return
            self.rounds += 1
            known = [trial.point for trial in self.trials]
            evidence = self.measure(self.space, [*known, *points], self.few)
            self.left -= len(points) * self.few
            self.trials += [
                Trial(point=own, value=np.nan, smoothed=np.nan, images=self.few, round=self.rounds)
                for own in points
            ]
            self._take(list(range(len(self.trials))), evidence)
            wanted = max(_AT_ONCE, len(self.trials) // _GROWTH)
            self.space, points = self.proposer.propose(
                self.space, self.trials, wanted, self.rounds + 1
            )

    def _race(self, standing: Sequence[int], images: int, most: int) -> list[int]:
        """Of those that stand, the best get more images; those that surely lose are out."""
        chosen = sorted(standing, key=self._rank)[:most]
        points = [self.trials[number].point for number in chosen]
        evidence = self.measure(self.space, points, images)
        for number in chosen:
            self.trials[number] = replace(self.trials[number], images=images)
        self._take(chosen, evidence)
        comparisons = 2 * max(len(chosen) - 1, 1)
        lost = set(
            excluded_by_race(evidence, goal=self.goal, comparisons=comparisons, seed=self.seed)
        )
        return [number for place, number in enumerate(chosen) if place not in lost]

    def _take(self, numbers: Sequence[int], evidence: ArmEvidence) -> None:
        """Note what was measured; arms that were measured before tell of these as well.

        Values of two measurements may differ by as much for all arms, for the detector has learnt
        from others: hence a column that says which are of this one.
        """
        for place, (number, variance) in enumerate(
            zip(numbers, variances_of(evidence, self.goal), strict=True)
        ):
            value = float(evidence.values(place)[self.goal])
            self.trials[number] = replace(self.trials[number], value=value)
            self.variances[number] = float(variance)
        everyone = range(len(self.trials))
        is_of_these = np.isin(everyone, numbers)[:, None]
        features = self.space.features([own.point for own in self.trials])
        smoothed = smooth_values(
            np.concatenate([features, is_of_these, ~is_of_these], axis=1),
            np.array([own.value for own in self.trials]),
            np.array([self.variances[number] for number in everyone]),
        )
        for number in numbers:
            self.trials[number] = replace(self.trials[number], smoothed=float(smoothed[number]))


def variances_of(evidence: ArmEvidence, goal: str) -> Floats:
    """(A,) variance of what was measured of each arm.

    Half by its own images, half by those of all arms: of few images that are all alike the own
    part is 0, which would be taken for certainty.
    """
    found = []
    for arm in range(evidence.shape[0]):
        values = evidence.values(arm)
        ends = evidence.intervals(arm, values, _ENDS).get(goal)
        if ends is None:  # of what arms teach: a share of images
            found.append(values[goal] * (1.0 - values[goal]) / evidence.shape[1])
        else:
            found.append(((ends[1] - ends[0]) / 2.0 / normal_width(_ENDS)) ** 2)
    own_part = np.array(found, np.float64)
    variances: Floats = (own_part + own_part.mean()) / 2.0
    return variances
