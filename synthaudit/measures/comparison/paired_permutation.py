"""Are two arms different? Exchange their images slot by slot: under the null nothing changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import stdtr, stdtrit

from synthaudit.arrays import Floats
from synthaudit.measures.blocks import blocks
from synthaudit.measures.comparison.evidence import MEASURES, OVERALL, ArmEvidence
from synthaudit.measures.intervals import Estimate
from synthaudit.measures.randomness import stream

PERMUTATIONS: Final = 999
_ENOUGH: Final = 10
_BLOCK: Final = 4096


@dataclass(frozen=True, kw_only=True)
class Difference(Estimate):
    """How much worse one arm is than another by one measure, in [-1, 1]; negative is better.

    Attributes:
        p_value: two-sided, never 0.
    """

    p_value: float


def compare_arms(
    evidence: ArmEvidence,
    pairs: Sequence[tuple[int, int]],
    *,
    exchanges: int = PERMUTATIONS,
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[str, Difference]:
    """Mean difference over pairs of arms, the first less the second, by every measure.

    If the two arms of every pair come from one process, exchanging their images in any slot leaves
    the joint distribution as it is; the differences after random exchanges are the null. The
    exchanges are the same for all pairs, for slots share their seeds. Where fewer than ten
    exchanges reach the difference, the tail of Student's t at their spread gives the p-value.

    Args:
        evidence: of all arms.
        pairs: arms by number; an arm paired with several others is the average over them.
        exchanges: how many.
        confidence: of the intervals, which have the spread under exchange as their width.
        seed: of the exchanges.

    Returns:
        By measure, and ``overall``, the ``Difference``.
    """
    slots = evidence.shape[1]
    swaps = stream(seed, "exchange").integers(0, 2, (exchanges + 1, slots)).astype(np.float64)
    swaps[0] = 0.0  # as it is
    found = {name: np.zeros(exchanges + 1) for name in (*MEASURES, OVERALL)}
    for one, other in pairs:
        for name, values in _differences(evidence, one, other, swaps).items():
            found[name] += values / len(pairs)
    return {
        name: _judge(values, slots=slots, confidence=confidence) for name, values in found.items()
    }


def _differences(
    evidence: ArmEvidence, one: int, other: int, swaps: Floats
) -> Mapping[str, Floats]:
    """(E,) differences of two arms after each exchange."""
    signs = 1.0 - 2.0 * swaps
    slots = swaps.shape[1]
    copied = evidence.is_copy.astype(float)
    found = {
        "unrealistic": signs @ (evidence.fakeness[one] - evidence.fakeness[other]) / slots,
        "uncovered": _uncovered(evidence, one, other, swaps)
        - _uncovered(evidence, one, other, 1.0 - swaps),
        "unvaried": _unvaried(evidence, one, other, swaps),
        "unoriginal": signs @ (copied[one] - copied[other]) / slots,
    }
    badness = signs @ (evidence.badness[one] - evidence.badness[other]) / slots
    others = found["uncovered"] + found["unvaried"] + found["unoriginal"]
    return {**found, OVERALL: (badness + others) / len(MEASURES)}


def _uncovered(evidence: ArmEvidence, one: int, other: int, swaps: Floats) -> Floats:
    """(E,) share of real images that the first arm does not cover after each exchange."""
    first, second = evidence.covers[one], evidence.covers[other]
    covered, count = np.zeros(len(swaps)), first.shape[1]
    for block in blocks(count, _BLOCK):
        hits = (1.0 - swaps) @ first[:, block].astype(np.float32)
        hits += swaps @ second[:, block].astype(np.float32)
        covered += (hits > 0).sum(axis=1)
    return np.asarray(1.0 - covered / count, np.float64)


def _unvaried(evidence: ArmEvidence, one: int, other: int, swaps: Floats) -> Floats:
    """(E,) difference of the shares of repeats after each exchange."""
    slots = swaps.shape[1]
    first, second = evidence.near_pairs(one, other)
    difference = np.zeros(len(swaps))
    if len(first) == 0:
        return difference
    # Which arm each of the 2 S images is in after an exchange.
    for number, swap in enumerate(swaps):
        place = np.concatenate([swap, 1.0 - swap])
        together = place[first] == place[second]
        flagged = np.zeros(2 * slots, bool)
        flagged[first[together]] = flagged[second[together]] = True
        in_first = flagged & (place == 0.0)
        difference[number] = (2.0 * in_first.sum() - flagged.sum()) / slots
    return difference


def _judge(values: Floats, *, slots: int, confidence: float) -> Difference:
    observed, null = float(values[0]), values[1:]
    spread = float(np.sqrt(np.mean(null**2)))
    reached = int((np.abs(null) >= abs(observed) - 1e-12).sum())
    p_value = (1.0 + reached) / (1.0 + len(null))
    if reached < _ENOUGH and spread > 0.0:
        tail = 2.0 * float(stdtr(max(slots - 1, 1), -abs(observed) / spread))
        p_value = min(max(tail, 1e-12), (1.0 + _ENOUGH) / (1.0 + len(null)))
    width = float(stdtrit(max(slots - 1, 1), 0.5 + confidence / 2.0)) * spread
    return Difference(
        value=observed,
        low=max(observed - width, -1.0),
        high=min(observed + width, 1.0),
        p_value=p_value,
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values corrected for their number (Holm, Scandinavian Journal of Statistics 1979)."""
    order = np.argsort(p_values, kind="stable")
    steps = np.asarray(p_values, float)[order] * (len(order) - np.arange(len(order)))
    adjusted = np.empty(len(order))
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return [float(value) for value in adjusted]


def pareto_front(values: Floats) -> list[int]:
    """Rows (n, m) that no other row beats or equals everywhere and beats somewhere; low is good."""
    worse = [
        bool(((values <= row).all(axis=1) & (values < row).any(axis=1)).any()) for row in values
    ]
    return [number for number, is_worse in enumerate(worse) if not is_worse]
