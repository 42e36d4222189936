"""What arms score, with the luck of few images taken out as far as other arms tell."""

from __future__ import annotations

import itertools
from typing import Final

import numpy as np

from synthaudit.arrays import Floats

_MAIN: Final = (0.01, 0.03, 0.06, 0.12)
_OWN: Final = (0.0, 0.01, 0.03, 0.06)
_LEAST_VARIANCE: Final = 1e-6


def smooth_values(features: Floats, values: Floats, variances: Floats) -> Floats:
    """Expected true values of arms, given what all of them measured.

    A Gaussian process: an arm is the sum of what its axis values do, of a part of its own, and of
    noise whose variance is known. How large the first two are is chosen by the likelihood, so that
    arms without anything in common are hardly moved (Rasmussen and Williams 2006, chapter 2).

    Args:
        features: (A, F) what arms have in common, such as an indicator of each axis value.
        values: (A,) as measured.
        variances: (A,) of the measurement.

    Returns:
        (A,) values, of the same unit.

    Examples:
        >>> features = np.repeat(np.eye(2), 3, axis=0)
        >>> values = np.array([0.25, 0.3, 0.35, 0.65, 0.7, 0.75])
        >>> smooth_values(features, values, np.full(6, 0.01)).round(1)
        array([0.3, 0.3, 0.3, 0.7, 0.7, 0.7])
    """
    noise = np.maximum(variances, _LEAST_VARIANCE)
    mean = float(np.average(values, weights=1.0 / noise))
    left = values - mean
    shared = features @ features.T
    best, found = -np.inf, left
    for main, own in itertools.product(_MAIN, _OWN):
        signal = main**2 * shared + own**2 * np.eye(len(values))
        factor = np.linalg.cholesky(signal + np.diag(noise))
        half = np.linalg.solve(factor, left)
        likelihood = -0.5 * float(half @ half) - float(np.log(np.diag(factor)).sum())
        if likelihood > best:
            best, found = likelihood, signal @ np.linalg.solve(factor.T, half)
    smoothed: Floats = mean + found
    return smoothed
