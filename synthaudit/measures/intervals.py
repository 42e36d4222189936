"""A number and how sure it is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist


@dataclass(frozen=True, kw_only=True)
class Interval:
    """From ``low`` to ``high``, at a stated confidence."""

    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number with its interval from ``low`` to ``high``."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """A number, with its interval from ``low`` to ``high`` where it has one."""

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def interval(self) -> Interval | None:
        """Both ends, where both are known."""
        if self.low is None or self.high is None:
            return None
        return Interval(low=self.low, high=self.high)


def difference(before: Quantity, after: Quantity) -> Quantity:
    """``after`` less ``before``, two independent numbers; no interval where one has none.

    Each end takes the arms of both that point its way (Newcombe, Statistics in Medicine 1998).

    >>> difference(Quantity(value=0.25), Quantity(value=0.75))
    Quantity(value=0.5, low=None, high=None)
    """
    value, old, new = after.value - before.value, before.interval, after.interval
    if old is None or new is None:
        return Quantity(value=value)
    return Quantity(
        value=value,
        low=value - float(math.hypot(after.value - new.low, old.high - before.value)),
        high=value + float(math.hypot(new.high - after.value, before.value - old.low)),
    )


def normal_width(confidence: float) -> float:
    """Half the width of a normal interval, in standard deviations.

    >>> round(normal_width(0.95), 3)
    1.96
    """
    return NormalDist().inv_cdf(0.5 + confidence / 2.0)


def wilson(share: float, count: float, confidence: float) -> Interval:
    """Interval of a share of ``count`` independent trials (Wilson, JASA 1927)."""
    z = normal_width(confidence)
    centre = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2)
    return Interval(low=max(float(centre - half), 0.0), high=min(float(centre + half), 1.0))


def either_p_value(*p_values: float | None) -> float | None:
    """The p-value of several tests of which any may speak (Bonferroni); None where none could.

    >>> either_p_value(0.01, None, 0.3), either_p_value(0.6, 0.9), either_p_value(None)
    (0.02, 1.0, None)
    """
    known = [p_value for p_value in p_values if p_value is not None]
    return min(1.0, len(known) * min(known)) if known else None
