"""Broken pictures: blank, dark, blurred and the like, as no real image of the set is.

And shifts: how the synthetic pictures differ from the real ones as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import ndtr, ndtri

from synthaudit.arrays import Flags, Floats, Integers
from synthaudit.measures.copies.rates import false_discovery_rates
from synthaudit.measures.intervals import normal_width

_LEAST_REFERENCE: Final = 20
_SURE: Final = 1e-4
_TAIL: Final = 0.2
_LEAST_P_VALUE: Final = 1e-12
_LONGER: Final = 1.8


@dataclass(frozen=True, kw_only=True)
class Defect:
    """Something that can be wrong with a picture.

    Attributes:
        name: of the defect, one word or two.
        figure: of the picture's appearance, which tells it.
        is_high: whether large figures are at fault, else small ones.
        unit: a difference below which figures are alike to the eye, in units of the figure.
        of_own_side: whether it must be out of the ordinary in its own set too: a generator makes
            one size, and that is no defect of a picture.
    """

    name: str
    figure: str
    is_high: bool
    unit: float
    of_own_side: bool = False


DEFECTS: Final = (
    Defect(name="dark", figure="lightest", is_high=False, unit=0.03),
    Defect(name="bright", figure="darkest", is_high=True, unit=0.03),
    Defect(name="blank", figure="detail", is_high=False, unit=0.3),
    Defect(name="low in contrast", figure="contrast", is_high=False, unit=0.1),
    Defect(name="blurred", figure="sharpness", is_high=False, unit=0.2),
    Defect(name="noisy", figure="noise", is_high=True, unit=0.2),
    Defect(name="colourless", figure="colour", is_high=False, unit=0.2),
    Defect(name="bordered", figure="border", is_high=True, unit=0.03),
    Defect(name="large", figure="size", is_high=True, unit=0.15, of_own_side=True),
    Defect(name="small", figure="size", is_high=False, unit=0.15, of_own_side=True),
    Defect(name="odd in shape", figure="elongation", is_high=True, unit=0.15, of_own_side=True),
)
"""Where several hold, the first is the one that is named."""


@dataclass(frozen=True, kw_only=True)
class BrokenPictures:
    """Which of M pictures are broken.

    Attributes:
        p_value: (M,) probability that a fresh picture is as far out in any respect.
        is_broken: (M,) discoveries at the wanted rate of false ones.
        defect: (M,) position in ``DEFECTS`` of what is wrong, or would be likeliest.
        any_p_value: of the guess that none is broken; None with too few pictures to judge by.
    """

    p_value: Floats
    is_broken: Flags
    defect: Integers
    any_p_value: float | None


def judge_pictures(
    figures: Floats,
    names: Sequence[str],
    judged: Integers,
    reference: Integers,
    *,
    false_discoveries: float = 0.05,
) -> BrokenPictures:
    """Judge pictures by what is normal among others.

    Args:
        figures: (n, f) appearances of all pictures.
        names: of the f figures.
        judged: (M,) rows of the pictures to judge.
        reference: (N,) rows of the pictures that say what is normal, such as the real ones. The
            pictures themselves may be given: what most of them show is normal then.
        false_discoveries: wanted share of fresh pictures among the broken ones (Benjamini and
            Hochberg 1995).

    Returns:
        ``BrokenPictures``; none is broken with fewer than twenty others.
    """
    count = len(judged)
    if len(reference) < _LEAST_REFERENCE or count == 0:
        return BrokenPictures(
            p_value=np.ones(count),
            is_broken=np.zeros(count, bool),
            defect=np.zeros(count, np.int64),
            any_p_value=None,
        )
    is_self = np.array_equal(judged, reference)
    by_defect = np.empty((len(DEFECTS), count))
    for number, defect in enumerate(DEFECTS):
        column = figures[:, list(names).index(defect.figure)] * (1.0 if defect.is_high else -1.0)
        own, usual = column[judged], column[reference]
        judge = _outlier_p_values if is_self else _unusual_p_values
        p_value = judge(own, usual, defect.unit)
        if defect.of_own_side and not is_self:
            among = _outlier_p_values(own, own, defect.unit)
            p_value = np.maximum(p_value, among)
        by_defect[number] = p_value
    p_value = np.minimum(by_defect.min(axis=0) * len(DEFECTS), 1.0)
    rates = false_discovery_rates(p_value)
    is_broken = rates <= false_discoveries
    holds = by_defect <= np.maximum(_SURE, by_defect.min(axis=0))
    return BrokenPictures(
        p_value=p_value,
        is_broken=is_broken,
        defect=holds.argmax(axis=0),
        any_p_value=float(rates.min(initial=1.0)),
    )


@dataclass(frozen=True, kw_only=True)
class Shift:
    """How the pictures of one side differ from those of the other in a figure. Neither is better.

    Attributes:
        real: mean of the real ones.
        synthetic: mean of the synthetic ones.
        shift: the second less the first, in standard deviations of the real ones.
        low, high: its interval.
    """

    real: float
    synthetic: float
    shift: float
    low: float
    high: float


def measure_shifts(
    figures: Floats,
    names: Sequence[str],
    is_synthetic: Flags,
    *,
    groups: Integers,
    confidence: float = 0.95,
) -> dict[str, Shift]:
    """Compare the sides figure by figure.

    Args:
        figures: (n, f) appearances.
        names: of the f figures.
        is_synthetic: (n,) the side of each.
        groups: (n,) near-duplicates, which count once; -1 for pictures alone.
        confidence: of the intervals, which are normal (Welch).

    Returns:
        ``Shift`` by figure; without those that do not vary among the real pictures, and none with
        fewer than two pictures a side.
    """
    alone = groups < 0
    once = alone.copy()
    once[np.unique(groups, return_index=True)[1]] = True
    own, other = figures[once & ~is_synthetic], figures[is_synthetic & once]
    if min(len(own), len(other)) < 2:
        return {}
    spread = own.std(axis=0, ddof=1)
    error = np.sqrt(own.var(axis=0, ddof=1) / len(own) + other.var(axis=0, ddof=1) / len(other))
    difference = other.mean(axis=0) - own.mean(axis=0)
    width = normal_width(confidence) * error
    return {
        name: Shift(
            real=float(own[:, column].mean()),
            synthetic=float(other[:, column].mean()),
            shift=float(difference[column] / spread[column]),
            low=float((difference[column] - width[column]) / spread[column]),
            high=float((difference[column] + width[column]) / spread[column]),
        )
        for column, name in enumerate(names)
        if spread[column] > 1e-6
    }


def _unusual_p_values(values: Floats, usual: Floats, unit: float) -> Floats:
    """Probability that another picture of the reference is as far out.

    The k figures above the largest fifth are taken for exponential: of k observations of sum S
    another exceeds x with probability (1 + x / S)^-k. Few pictures have a border at all: where four
    fifths of the figures are one, k are those that are not. What the reference shows somewhere is
    never less likely than that it is shown there.
    """
    count = len(usual)
    edge = float(np.quantile(usual, 1.0 - _TAIL))
    excess = usual[usual > edge] - edge
    total = max(float(excess.sum()), max(len(excess), 1) * unit)
    beyond = np.maximum(values - edge, 0.0)
    shape = max(len(excess), 1)
    by_tail = (1.0 + len(excess)) / (count + 1.0) * (1.0 + beyond / total) ** -shape
    if len(excess) == 0:
        by_tail = np.exp(-beyond / unit) / (count + 1.0)
    rank = count - np.searchsorted(np.sort(usual), values, side="left")
    p_value = np.maximum(by_tail, rank / (count + 1.0))
    return np.where(values > edge, np.maximum(p_value, _LEAST_P_VALUE), 1.0)


def _outlier_p_values(values: Floats, usual: Floats, unit: float) -> Floats:
    """The same where the reference may hold the broken ones itself.

    A normal distribution whose deviation is read off between the median and the upper fifth, which
    broken pictures do not move while they are few, and taken nearly twice as large: tails of
    pictures are longer than normal ones.
    """
    middle, edge = np.quantile(usual, [0.5, 1.0 - _TAIL])
    deviation = _LONGER * max(float(edge - middle) / float(ndtri(1.0 - _TAIL)), unit)
    p_value = np.asarray(ndtr((middle - values) / deviation))
    return np.where(values > edge, np.maximum(p_value, _LEAST_P_VALUE), 1.0)
