"""Are two arms different? Exchange their images at random: under the null nothing changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import stdtr, stdtrit

from synthaudit.arrays import Floats
from synthaudit.measures.blocks import blocks
from synthaudit.measures.comparison.evidence import OVERALL, ArmEvidence
from synthaudit.measures.comparison.teaching import USELESS
from synthaudit.measures.intervals import Estimate
from synthaudit.measures.randomness import stream

PERMUTATIONS: Final = 999
_ENOUGH: Final = 10
# Each is a probe trained twice; the tail of Student's t does the rest.
_LESSONS: Final = 199
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
    exchanges are the same for all pairs, for slots share their seeds. Where the images of a slot
    share nothing (``evidence.strata``), all images of a stratum are dealt out to the two arms anew
    instead. Where fewer than ten exchanges reach the difference, the tail of Student's t at their
    spread gives the p-value.

    Args:
        evidence: of all arms.
        pairs: arms by number; an arm paired with several others is the average over them.
        exchanges: how many.
        confidence: of the intervals, which have the spread under exchange as their width.
        seed: of the exchanges.

    Returns:
        By measure, and ``overall``, the ``Difference``. What arms teach is measured after 199
        exchanges.
    """
    slots = evidence.shape[1]
    place = deal(evidence, exchanges, seed)
    found: dict[str, Floats] = {}
    for one, other in pairs:
        for name, values in _differences(evidence, one, other, place).items():
            found[name] = found.get(name, 0.0) + values / len(pairs)
    return {
        name: _judge(values, slots=slots, confidence=confidence) for name, values in found.items()
    }


def deal(evidence: ArmEvidence, exchanges: int, seed: int) -> Floats:
    """Which images of two arms change places.

    Args:
        evidence: with its slots, and the strata of images that share nothing within a slot.
        exchanges: E.
        seed: of the exchanges.

    Returns:
        (E + 1, 2 S) of the images of the first arm and then of the second, 1 where one counts for
        the second; in the first row all are where they were.
    """
    slots = evidence.shape[1]
    rng = stream(seed, "exchange")
    if evidence.strata is None:
        swaps = rng.integers(0, 2, (exchanges + 1, slots)).astype(np.float64)
        place = np.concatenate([swaps, 1.0 - swaps], axis=1)
    else:
        place = np.zeros((exchanges + 1, 2 * slots))
        for stratum in np.unique(evidence.strata):
            own = np.flatnonzero(evidence.strata == stratum)
            both = np.concatenate([own, slots + own])
            order = np.argsort(rng.random((exchanges + 1, len(both))), axis=1)
            np.put_along_axis(place, both[order[:, len(own) :]], 1.0, axis=1)
    place[0] = np.repeat([0.0, 1.0], slots)
    return place


def _differences(
    evidence: ArmEvidence, one: int, other: int, place: Floats
) -> Mapping[str, Floats]:
    """(E,) differences of two arms after each exchange."""
    signs = 1.0 - 2.0 * place
    slots = evidence.shape[1]

    def mean_difference(values: Floats) -> Floats:
        pooled = np.concatenate([values[one], values[other]])
        return np.asarray(signs @ pooled / slots, np.float64)

    found = {
        "unrealistic": mean_difference(evidence.fakeness),
        "uncovered": _uncovered(evidence, one, other, 1.0 - place)
        - _uncovered(evidence, one, other, place),
        "unvaried": _unvaried(evidence, one, other, place),
        "unoriginal": mean_difference(evidence.is_copy.astype(float)),
    }
    badness = mean_difference(evidence.badness)
    found[OVERALL] = (badness + found["uncovered"] + found["unvaried"]) / 3.0
    if evidence.teaching is not None:
        found[USELESS] = evidence.teaching.differences(one, other, place[: _LESSONS + 1])
    return found


def _uncovered(evidence: ArmEvidence, one: int, other: int, counts: Floats) -> Floats:
    """(E,) share of real images that the images that count leave uncovered."""
    first, second = evidence.covers[one], evidence.covers[other]
    slots, count = first.shape
    covered = np.zeros(len(counts))
    for block in blocks(count, _BLOCK):
        hits = counts[:, :slots] @ first[:, block].astype(np.float32)
        hits += counts[:, slots:] @ second[:, block].astype(np.float32)
        covered += (hits > 0).sum(axis=1)
    return np.asarray(1.0 - covered / count, np.float64)


def _unvaried(evidence: ArmEvidence, one: int, other: int, places: Floats) -> Floats:
    """(E,) difference of the shares of repeats after each exchange."""
    slots = evidence.shape[1]
    first, second = evidence.near_pairs(one, other)
    difference = np.zeros(len(places))
    if len(first) == 0:
        return difference
    for number, place in enumerate(places):
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
