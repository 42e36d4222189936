"""A bound of a gate: how far a score may lie above its chance level."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from synthaudit import Bound, PolicyError


def _over_chance(quantity: Any, path: str, scores: Mapping[str, Any]) -> Any:
    level = scores.get("chance", {}).get(path)
    if level is None:
        raise PolicyError(f"{path} has no chance level: use max.")
    low = None if quantity.low is None else quantity.low - level
    high = None if quantity.high is None else quantity.high - level
    return replace(quantity, value=quantity.value - level, low=low, high=high)


MAX_OVER_CHANCE = Bound(sign="over chance <=", is_upper=True, measured=_over_chance)
