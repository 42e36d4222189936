"""Learning curves: what more images bring, and how many real ones a synthetic set is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from synthaudit.arrays import Floats
from synthaudit.measures.intervals import Estimate

_RATES: Final = np.linspace(0.1, 1.5, 29)
"""Of the power law; learning curves of classifiers have some 0.2 to 1 (Viering and Loog, 2023)."""

NEIGHBOURS: Final = 3
"""Points of a curve from which the variance between sets is estimated at one of them."""

_FAR: Final = 64.0
"""Curves are followed this many times beyond their last point, and no further."""


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """Accuracy with so many images of each class to learn from."""

    images: float
    accuracy: Estimate


@dataclass(frozen=True, kw_only=True)
class CurveFit:
    """A power law: accuracy = ``ceiling`` - ``drop`` * images ^ -``rate``."""

    ceiling: float
    drop: float
    rate: float

    def accuracy(self, images: float) -> float:
        """With so many images of each class."""
        return float(self.ceiling - self.drop * images**-self.rate)


@dataclass(frozen=True, kw_only=True)
class Worth:
    """How many images teach as much, with an interval.

    ``value`` and ``high`` are None where the curve does not get there within 64 times its length.
    """

    value: float | None
    low: float
    high: float | None


@dataclass(frozen=True, kw_only=True)
class LearningCurve:
    """What accuracy comes to with how many images of each class.

    Attributes:
        real: of real images.
        synthetic: of synthetic ones.
        both: of so many real images besides all synthetic ones.
        real_fit: a power law through ``real``; None with fewer than four points.
        synthetic_fit: likewise.
        twice: accuracy that twice as many synthetic images would reach by themselves, following
            their power law from the last point; None without one.
    """

    real: Sequence[CurvePoint]
    synthetic: Sequence[CurvePoint]
    both: Sequence[CurvePoint]
    real_fit: CurveFit | None
    synthetic_fit: CurveFit | None
    twice: float | None


@dataclass(frozen=True, kw_only=True, eq=False)
class CurveDraws:
    """A curve, and the same curve for B resamples of the images under test.

    Attributes:
        images: (P,) images of each class, ascending.
        accuracy: (P,).
        resampled: (B, P).
        draws: (P,) how many sets of images were drawn for each point.
        training_variance: (P,) of the accuracy between sets of so many images.
        freedom: of what that variance was estimated from.
        pool: images of each class that the sets were drawn from.
    """

    images: Floats
    accuracy: Floats
    resampled: Floats
    draws: Floats
    training_variance: Floats
    freedom: float
    pool: float


def fit_power_law(images: Floats, accuracy: Floats) -> CurveFit | None:
    """Least squares over ceiling, drop (0 or more) and rate; the ceiling is 1 at most.

    Args:
        images: (P,) of each class.
        accuracy: (P,).

    Returns:
        ``CurveFit``; None with fewer than four points.
    """
    if len(images) < 4:
        return None
    best, least = None, np.inf
    for rate in _RATES:
        slope = images**-rate
        ceiling, drop = _line(slope, accuracy)
        error = float(np.square(accuracy - ceiling + drop * slope).sum())
        if error < least:
            best, least = CurveFit(ceiling=ceiling, drop=drop, rate=float(rate)), error
    return best


def _line(slope: Floats, accuracy: Floats) -> tuple[float, float]:
    """Ceiling and drop of least squares within their bounds."""
    off = slope - slope.mean()
    drop = max(-float(off @ accuracy) / float(off @ off), 0.0)
    ceiling = float(accuracy.mean()) + drop * float(slope.mean())
    if ceiling > 1.0:
        ceiling = 1.0
        drop = max(float(slope @ (1.0 - accuracy)) / float(slope @ slope), 0.0)
    return ceiling, drop


def worth_in_images(
    curve: CurveDraws,
    reached: float,
    resampled: Floats,
    *,
    confidence: float,
    rng: np.random.Generator,
) -> Worth:
    """How many images of a curve reach an accuracy, with an interval.

    Between its points the curve, made monotone, is straight over the logarithm of the images; from
    the last one it follows its power law. The interval comes from resampled test images, the same
    for the curve and what is reached, and from how much accuracy varies with the images that are
    learnt from: the sets of the curve share a pool, and what is reached was learnt from one set.

    Args:
        curve: of real images.
        reached: accuracy of who learnt from the synthetic images.
        resampled: (B,) the same for the resamples of the curve.
        confidence: of the interval.
        rng: of the variation between sets.

    Returns:
        ``Worth`` in images of each class.
    """
    value = _invert(curve.images, curve.accuracy, reached)
    share = np.minimum(curve.images / curve.pool, 1.0)
    count = len(resampled)
    # The variance itself was estimated from few pairs: as wide as that leaves it (chi-square).
    unsure = np.sqrt(curve.freedom / rng.chisquare(curve.freedom, (count, 1)))
    spread = np.sqrt(curve.training_variance) * unsure
    common = rng.standard_normal((count, 1)) * spread * np.sqrt(share)
    apart = rng.standard_normal(curve.resampled.shape)
    apart *= spread * np.sqrt((1.0 - share) / curve.draws)
    near = np.clip(np.searchsorted(curve.images, value), 0, len(curve.images) - 1)
    asked = resampled + rng.standard_normal(count) * spread[:, near]
    rows = curve.resampled + common + apart
    found = np.array(
        [_invert(curve.images, row, level) for row, level in zip(rows, asked, strict=True)]
    )
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(found, [tail, 1.0 - tail], method="nearest")
    if not np.isfinite(value):
        far = float(curve.images[-1] * _FAR)
        return Worth(value=None, low=min(float(low), far), high=None)
    return Worth(
        value=value,
        low=min(float(low), value),
        high=max(float(high), value) if np.isfinite(high) else None,
    )


def _invert(images: Floats, accuracy: Floats, reached: float) -> float:
    """Images with which a curve reaches an accuracy; inf where it never does."""
    level = monotone(accuracy)
    logs = np.log(images)
    if reached <= level[0]:
        # Before one image of each class there is chance; the curve is followed straight on.
        slope = (level[min(1, len(level) - 1)] - level[0]) / max(logs[min(1, len(logs) - 1)], 1e-9)
        below = (level[0] - reached) / slope if slope > 0.0 else np.inf
        return float(images[0] * np.exp(-min(below, np.log(_FAR))))
    if reached <= level[-1]:
        after = int(np.searchsorted(level, reached))
        step = level[after] - level[after - 1]
        part = (reached - level[after - 1]) / step if step > 0.0 else 0.0
        return float(np.exp(logs[after - 1] + part * (logs[after] - logs[after - 1])))
    fit = fit_power_law(images, level)
    if fit is None or fit.drop <= 0.0:
        return float("inf")
    left = images[-1] ** -fit.rate - (reached - level[-1]) / fit.drop
    if left <= 0.0:
        return float("inf")
    far = float(left ** (-1.0 / fit.rate))
    return far if far <= images[-1] * _FAR else float("inf")


def monotone(accuracy: Floats) -> Floats:
    """The nearest sequence that never falls: pooling of adjacent violators."""
    from scipy.optimize import isotonic_regression

    return np.asarray(isotonic_regression(accuracy).x, np.float64)


def training_variance(variance: Floats, pairs: Floats, images: Floats, pool: float) -> Floats:
    """(P,) variance of accuracy between sets of so many images, each from a pool of its own.

    Two sets that were judged on the same images differ by nothing else. Drawn from one pool they
    share some images, and differ by less than sets of their own would; and a single pair says
    little, so neighbours on the curve are asked too, variance falling as images grow.

    Args:
        variance: (P,) half the mean square of the difference of two sets of a point.
        pairs: (P,) of how many; none where all images were taken.
        images: (P,) of each class.
        pool: images of each class that the sets were drawn from.
    """
    share = np.minimum(images / pool, 1.0)
    has = (pairs > 0) & (share < 0.9)
    if not has.any():
        return np.zeros(len(images))
    scaled = np.where(has, variance * images / np.where(has, 1.0 - share, 1.0), 0.0)
    result = np.empty(len(images))
    for point in range(len(images)):
        distance = np.abs(np.log(images) - np.log(images[point]))
        chosen = np.argsort(np.where(has, distance, np.inf), kind="stable")[:NEIGHBOURS]
        chosen = chosen[has[chosen]]
        result[point] = np.average(scaled[chosen], weights=pairs[chosen]) / images[point]
    return result
