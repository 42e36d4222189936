"""Bounds: in which ways a limit can hold a number; other packages add theirs by entry points."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from synthaudit.errors import PolicyError
from synthaudit.measures.intervals import Quantity
from synthaudit.registry import Registry


def _as_it_is(quantity: Quantity, path: str, scores: Mapping[str, Any]) -> Quantity:  # noqa: ARG001
    return quantity


@dataclass(frozen=True, kw_only=True)
class Bound:
    """A way to hold a number.

    Attributes:
        sign: how it is written before the limit, such as ``<=``.
        is_upper: whether the number may be at most so much, not at least.
        of_change: whether the change against the baseline is meant, not the number itself.
        is_negative: whether the limit is written without its minus sign.
        measured: the number, its path and the contents of ``scores.json`` to what is compared.
    """

    sign: str
    is_upper: bool
    of_change: bool = False
    is_negative: bool = False
    measured: Callable[[Quantity, str, Mapping[str, Any]], Quantity] = _as_it_is

    def exceeds(self, value: float, limit: float) -> bool:
        """Whether a value is beyond the limit."""
        top = -limit if self.is_negative else limit
        return value > top if self.is_upper else value < top


MAX: Final = Bound(sign="<=", is_upper=True)
MIN: Final = Bound(sign=">=", is_upper=False)
MAX_RISE: Final = Bound(sign="rise <=", is_upper=True, of_change=True)
MAX_FALL: Final = Bound(sign="fall <=", is_upper=False, of_change=True, is_negative=True)

BOUNDS: Final[Registry[Bound]] = Registry(
    "bound",
    "synthaudit.bounds",
    {
        "max": "synthaudit.gating.bounds:MAX",
        "min": "synthaudit.gating.bounds:MIN",
        "max_rise": "synthaudit.gating.bounds:MAX_RISE",
        "max_fall": "synthaudit.gating.bounds:MAX_FALL",
    },
    error=PolicyError,
    expected="a Bound",
    is_one=lambda found: isinstance(found, Bound),
)
