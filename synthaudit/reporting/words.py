"""Numbers in words that a reader needs no statistics for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_NAMED: Final = 3


def odds(p_value: float) -> str:
    """How often chance alone would give as much.

    >>> odds(0.031), odds(0.4), odds(1e-12)
    ('once in 32 times', '2 in 5 times', 'less than once in a million times')
    """
    if p_value >= 0.99:
        return "nearly always"
    if p_value > 0.1:
        return f"{round(p_value * 5) or 1} in 5 times"
    if p_value < 1e-6:
        return "less than once in a million times"
    return f"once in {float(f'{1.0 / p_value:.2g}'):,.0f} times"


def sureness(probability: float) -> str:
    """A probability as people say it.

    >>> sureness(0.873), sureness(0.9991)
    ('87 % sure', 'more than 99 % sure')
    """
    return "more than 99 % sure" if probability >= 0.995 else f"{100 * probability:.0f} % sure"


def class_counts(classes: Mapping[str, int]) -> str:
    """Of which classes some images are.

    >>> class_counts({"dog": 12, "cat": 3}), class_counts({"dog": 12}), class_counts({})
    (': 12 dog, 3 cat', ', dog', '')
    """
    if len(classes) < 2:
        return "".join(f", {name}" for name in classes)
    first = [f"{count:,} {name}" for name, count in list(classes.items())[:_NAMED]]
    more = len(classes) - len(first)
    return f": {', '.join(first)}{f' and {more} more classes' if more > 0 else ''}"
