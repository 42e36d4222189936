"""Are there more repeats or copies than chance gives? An exact test with an uncertain rate."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from scipy.special import bdtrc

from synthaudit.arrays import Floats

# Where the tail is smaller than any number, the least one stands for it: p is never 0.
_LEAST: Final = 1e-300


def excess_p_value(
    events: int, exposure: float, *, reference_events: float, reference_exposure: float
) -> float:
    """Probability of at least so many events if their rate were that of the reference.

    Given the total, the events of two Poisson processes of one rate are binomial (Przyborowski and
    Wilenski, Biometrika 1940). The reference is as uncertain as its events are few, which the test
    takes in.

    Args:
        events: how many clusters of synthetic images were flagged.
        exposure: how many synthetic images there were to be flagged.
        reference_events: the same for real images among themselves; halves are rounded up.
        reference_exposure: how many real images.

    Returns:
        p in (0, 1]; small when there are more than chance gives.
    """
    total = events + math.ceil(reference_events)
    if events == 0 or exposure <= 0.0:
        return 1.0
    share = exposure / (exposure + reference_exposure)
    return max(float(bdtrc(events - 1, total, share)), _LEAST)


def false_discovery_rates(p_values: Floats) -> Floats:
    """(n,) least rate of false discoveries at which each of n tests is a discovery.

    By Benjamini and Hochberg (Journal of the Royal Statistical Society B, 1995).

    >>> false_discovery_rates(np.array([0.01, 0.04, 0.5])).round(3).tolist()
    [0.03, 0.06, 0.5]
    """
    count = len(p_values)
    order = np.argsort(p_values)[::-1]
    rates = np.empty(count)
    rates[order] = np.minimum.accumulate(p_values[order] * count / np.arange(count, 0, -1))
    return np.minimum(rates, 1.0)
