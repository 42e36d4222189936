"""Arms side by side: effects of the axis values, and which arm is best beyond noise."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synthaudit.arrays import Floats
from synthaudit.measures.comparison.evidence import MEASURES, OVERALL, ArmEvidence
from synthaudit.measures.comparison.permutation import (
    Difference,
    compare_arms,
    holm,
)
from synthaudit.measures.comparison.teaching import USELESS
from synthaudit.sweeping.arms import Arm

_INTERACTIONS = 60


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What an axis value changes against the first value of its axis, by one measure.

    Attributes:
        axis: its axis; two joined by `` x `` for an interaction.
        value: the value, or both.
        measure: one of ``MEASURES``.
        difference: negative is better.
        low, high: interval.
        p_value: by itself.
        adjusted: corrected for all effects of the sweep.
        pairs: how many pairs of arms differ in this alone.
    """

    axis: str
    value: str
    measure: str
    difference: float
    low: float
    high: float
    p_value: float
    adjusted: float
    pairs: int


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """The best arm, and whether it is better than each other one beyond noise.

    Attributes:
        arms: by number, the best by the goal first.
        values: by arm, the measures, ``overall`` with them.
        better_than: arms that the best beats beyond noise: significantly better by some measure,
            significantly worse by none, corrected for all pairs.
        against: by other arm, the difference of the best less it by the goal.
    """

    arms: list[int]
    values: list[dict[str, float]]
    better_than: list[int]
    against: dict[int, Difference]


def effects_of(
    arms: Sequence[Arm], evidence: ArmEvidence, *, confidence: float, seed: int
) -> list[Effect]:
    """Main effects of all axis values, each against the first of its axis."""
    found: list[tuple[str, str, int, dict[str, Difference]]] = []
    for axis in arms[0].values:
        for number in sorted({arm.values[axis] for arm in arms} - {0}):
            pairs = _matched(arms, axis, number)
            label = next(arm.labels[axis] for arm in arms if arm.values[axis] == number)
            if pairs:
                differences = compare_arms(evidence, pairs, confidence=confidence, seed=seed)
                found.append((axis, label, len(pairs), differences))
    return _corrected(found, measures=evidence.measures)


def interactions_of(
    arms: Sequence[Arm], evidence: ArmEvidence, *, confidence: float
) -> list[Effect]:
    """Where two axis values together do more or less than each by itself.

    The difference of two differences: two pairs of arms, the second exchanged with opposite sign.
    Only image by image measures have it; the others do not add up over images.
    """
    place = {tuple(arm.values.items()): number for number, arm in enumerate(arms)}
    found = []
    for one, other in itertools.combinations(arms[0].values, 2):
        for arm in arms:
            first, second = arm.values[one], arm.values[other]
            rest = {n: v for n, v in arm.values.items() if n not in (one, other)}
            if not first or not second or any(rest.values()):
                continue
            corners = [
                place.get(tuple({**arm.values, one: a, other: b}.items()))
                for a, b in ((first, second), (0, second), (first, 0), (0, 0))
            ]
            if any(corner is None for corner in corners):
                continue
            a, b, c, d = (int(corner or 0) for corner in corners)
            corners_of = [evidence.fakeness[number] for number in (a, b, c, d)]
            label = f"{arm.labels[one]} x {arm.labels[other]}"
            found.append(
                (
                    f"{one} x {other}",
                    label,
                    1,
                    {"unrealistic": _crossed(corners_of, evidence, confidence)},
                )
            )
    return _corrected(found[:_INTERACTIONS], measures=("unrealistic",))


def _crossed(corners: Sequence[Floats], evidence: ArmEvidence, confidence: float) -> Difference:
    """A difference of differences, with Student's t, or Welch's where slots are no pairs."""
    from scipy.stats import t as student

    signs = (1.0, -1.0, -1.0, 1.0)
    slots = evidence.shape[1]
    value = sum(sign * float(own.mean()) for sign, own in zip(signs, corners, strict=True))
    if evidence.strata is None:
        per_slot = sum(sign * own for sign, own in zip(signs, corners, strict=True))
        parts = [float(np.var(per_slot, ddof=1)) / slots]
    else:
        parts = [float(np.var(own, ddof=1)) / slots for own in corners]
    spread = float(np.sqrt(sum(parts)))
    squares = sum(part**2 for part in parts)
    freedom = (slots - 1) * (sum(parts) ** 2 / squares if squares else 1.0)
    width = float(student.ppf(0.5 + confidence / 2.0, freedom)) * spread
    p_value = 2.0 * float(student.sf(abs(value) / spread, freedom)) if spread else 1.0
    return Difference(
        value=value, low=value - width, high=value + width, p_value=max(p_value, 1e-12)
    )


def _corrected(
    found: Sequence[tuple[str, str, int, dict[str, Difference]]],
    measures: Sequence[str] = MEASURES,
) -> list[Effect]:
    rows = [(entry, measure) for entry in found for measure in measures]
    adjusted = holm([entry[3][measure].p_value for entry, measure in rows])
    return [
        Effect(
            axis=axis,
            value=value,
            measure=measure,
            difference=differences[measure].value,
            low=differences[measure].low,
            high=differences[measure].high,
            p_value=differences[measure].p_value,
            adjusted=corrected,
            pairs=pairs,
        )
        for ((axis, value, pairs, differences), measure), corrected in zip(
            rows, adjusted, strict=True
        )
    ]


def _matched(arms: Sequence[Arm], axis: str, number: int) -> list[tuple[int, int]]:
    """Arms with a value, each with the arm that has the first value and is else the same.

    In a fraction of a grid few arms have such a partner: then all arms with the value are paired
    with all that have the first one.
    """
    place = {tuple(arm.values.items()): n for n, arm in enumerate(arms)}
    own = [n for n, arm in enumerate(arms) if arm.values[axis] == number]
    partners = [place.get(tuple({**arms[n].values, axis: 0}.items())) for n in own]
    pairs = [(n, partner) for n, partner in zip(own, partners, strict=True) if partner is not None]
    if pairs:
        return pairs
    first = [n for n, arm in enumerate(arms) if arm.values[axis] == 0]
    return list(itertools.product(own, first))


def rank_arms(
    evidence: ArmEvidence,
    *,
    goal: str,
    confidence: float,
    seed: int,
    level: float = 0.05,
    best: int | None = None,
) -> Ranking:
    """Order the arms by the goal, and test the best against each other one.

    The best was chosen by the data, so that p-values are corrected for all pairs of arms, not only
    for those with it, and for the four measures; by what arms teach alone where that is the goal.

    Args:
        evidence: of the arms.
        goal: what decides.
        confidence: of the intervals.
        seed: of the exchanges.
        level: of all tests together.
        best: which arm is the best, where other images than these have decided it; then p-values
            are corrected for the pairs with it alone.
    """
    count = evidence.shape[0]
    values = [evidence.values(arm) for arm in range(count)]
    order = sorted(range(count), key=lambda arm: (arm != best, values[arm][goal], arm))
    # Chosen by these images it could have been any pair; chosen by others it is one against each.
    comparisons = max(count * (count - 1) // 2 if best is None else count - 1, 1)
    best = order[0]
    against, better = {}, []
    for other in order[1:]:
        found = compare_arms(evidence, [(best, other)], confidence=confidence, seed=seed)
        against[other] = found[goal]
        names = (USELESS,) if goal == USELESS else MEASURES
        adjusted = holm([min(found[name].p_value * comparisons, 1.0) for name in names])
        signs = [
            float(np.sign(found[name].value))
            for name, p_value in zip(names, adjusted, strict=True)
            if p_value <= level
        ]
        if signs and max(signs) < 0:
            better.append(other)
    return Ranking(arms=order, values=values, better_than=better, against=against)


def excluded_by_race(
    evidence: ArmEvidence, *, goal: str, comparisons: int, seed: int, level: float = 0.05
) -> list[int]:
    """Arms that the leader beats by the goal beyond noise, at most half of all, the worst first.

    Args:
        evidence: of what is made so far.
        goal: what decides.
        comparisons: how many tests the whole race may make, for which the level is corrected.
        seed: of the exchanges.
        level: of the race as a whole.
    """
    count = evidence.shape[0]
    values = [evidence.values(arm)[goal] for arm in range(count)]
    order = sorted(range(count), key=lambda arm: (values[arm], arm))
    dropped: list[int] = []
    for other in reversed(order[1:]):
        if len(dropped) >= count // 2:
            break
        found = compare_arms(evidence, [(order[0], other)], seed=seed)
        names = (goal,) if goal != OVERALL else (OVERALL, *MEASURES)
        p_value = min(found[name].p_value for name in names) * len(names) * comparisons
        if p_value <= level and found[goal].value < 0:
            dropped.append(other)
    return dropped
