"""From a ranking to a recommendation with its reasons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from synthaudit.measures.comparison.evidence import MEASURES
from synthaudit.measures.comparison.permutation import pareto_front
from synthaudit.measures.comparison.teaching import USELESS
from synthaudit.sweeping.arms import Arm
from synthaudit.sweeping.comparison import Effect, Ranking
from synthaudit.sweeping.result import ArmResult, Recommendation, SearchResult

_WORDS = {
    "unrealistic": "looks more real",
    "uncovered": "covers more of the real variety",
    "unvaried": "repeats itself less",
    "unoriginal": "copies less",
    USELESS: "teaches more",
}

_NOISE = "within noise"
_TRADE = "better by some measures, worse by others"


def recommend(
    arms: Sequence[Arm],
    ranking: Ranking,
    effects: Sequence[Effect],
    *,
    goal: str,
    search: SearchResult | None = None,
) -> Recommendation:
    """The best arm, and in sentences why, or that nothing is better beyond noise."""
    best = ranking.arms[0]
    runner_up = ranking.arms[1] if len(ranking.arms) > 1 else None
    # Arm 0 is the plan's first values: what somebody who changes nothing would use.
    sure = bool(ranking.better_than) and (best == 0 or 0 in ranking.better_than)
    names = [arms[number].name for number in ranking.better_than]
    return Recommendation(
        arm=arms[best].name,
        prompts=list(dict.fromkeys(job.prompt for job in arms[best].jobs)),
        runner_up=None if runner_up is None else arms[runner_up].name,
        is_beyond_noise=sure,
        better_than=names,
        reasons=_reasons(arms, ranking, effects, goal=goal, search=search),
    )


def mark_pareto(results: Sequence[ArmResult]) -> list[ArmResult]:
    """The arms, those marked that none beats in all measures and in usefulness."""
    table = np.array(
        [
            [*(arm.measures[name] for name in MEASURES), 1.0 - (arm.usefulness or 0.0)]
            for arm in results
        ]
    )
    front = pareto_front(table)
    return [replace(arm, is_pareto=number in front) for number, arm in enumerate(results)]


def best_by_subject(results: Sequence[ArmResult]) -> dict[str, str]:
    """By subject, the arm whose images of it look most real."""
    best: dict[str, ArmResult] = {}
    for arm in results:
        for subject, value in arm.by_subject.items():
            if subject not in best or value < best[subject].by_subject[subject]:
                best[subject] = arm
    return {subject: best[subject].arm for subject in sorted(best)}


def _how_sure(ranking: Ranking, other: int) -> str:
    """Whether the best beats another arm: surely, in exchange for something, or not surely."""
    if other in ranking.better_than:
        return "beyond noise"
    gap = ranking.against[other]
    return _TRADE if gap.high < 0.0 else _NOISE


def _lead(goal: str, value: float, listed: str, search: SearchResult | None) -> list[str]:
    """What speaks for the best arm, and of a search how much its choice had flattered it."""
    if search is None:
        return [f"It has the lowest {goal} of all arms, {value:.3f}: {listed}."]
    flattery = search.confirmed_value - search.searched_value
    how = "better" if flattery > 0 else "worse"
    rounds = f"{search.rounds} round{'s' if search.rounds != 1 else ''}"
    return [
        f"The search has chosen it among {search.tried:,} arms in {rounds}.",
        f"On fresh seeds, which no choice has seen, its {goal} is {value:.3f}: {listed}.",
        f"On the images that have chosen it it looked {abs(flattery):.3f} {how}.",
    ]


def _reasons(
    arms: Sequence[Arm],
    ranking: Ranking,
    effects: Sequence[Effect],
    *,
    goal: str,
    search: SearchResult | None,
) -> list[str]:
    best = ranking.arms[0]
    values = ranking.values[best]
    listed = ", ".join(f"{name} {values[name]:.3f}" for name in MEASURES if name != goal)
    reasons = _lead(goal, values[goal], listed, search)
    if len(ranking.arms) > 1:
        runner_up = ranking.arms[1]
        gap = ranking.against[runner_up]
        reasons.append(
            f"The runner-up {arms[runner_up].name} is {abs(gap.value):.3f} "
            f"{'better' if gap.value > 0.0 else 'worse'} "
            f"({-gap.high:z.3f} to {-gap.low:z.3f}): {_how_sure(ranking, runner_up)}."
        )
        others = len(ranking.arms) - 1
        if ranking.better_than:
            count = len(ranking.better_than)
            reasons.append(f"It beats {count} of {others} other arms beyond noise.")
        elif all(_how_sure(ranking, other) == _NOISE for other in ranking.arms[1:]):
            reasons.append("No arm is better beyond noise: choose by other reasons, or make more.")
        else:
            reasons.append(
                "It beats no arm in every way: each that it beats by some measure beats it by "
                "another. Decide which measure counts, and set goal: to it."
            )
    for effect in effects:
        is_own = arms[best].labels.get(effect.axis) == effect.value
        if is_own and effect.adjusted <= 0.05 and effect.difference < 0:
            reasons.append(
                f"{effect.axis} {effect.value!r} {_WORDS[effect.measure]} than the first value "
                f"({effect.difference:+z.3f}, adjusted p {effect.adjusted:.2g})."
            )
    return reasons
