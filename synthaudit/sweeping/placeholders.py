"""Placeholders such as ``{subject}``: where a plan has them, and what stands there in the end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeGuard

from synthaudit.prompting.sources import is_source, source_of
from synthaudit.sweeping.plan import Plan
from synthaudit.sweeping.templates import PLACEHOLDER, fill

VALUE_KEYS: Final = {"value", "subject", "otherwise"}
"""Of a value that is for some subjects alone."""

# Options whose inner texts may have placeholders; elsewhere braces belong to other programs.
_FILLED_WITHIN: Final = ("masks", "lora")


def is_for_some(value: Any) -> TypeGuard[Mapping[str, Any]]:
    """Whether a value is one for some subjects alone, ``{value, subject, otherwise}``."""
    return isinstance(value, Mapping) and not is_source(value) and bool({*value} & VALUE_KEYS)


def filled(values: Mapping[str, Any], words: Mapping[str, str]) -> dict[str, Any]:
    """Options with what stands in braces in them filled in."""
    return {
        name: _filled_within(value, words)
        if isinstance(value, str) or name in _FILLED_WITHIN
        else value
        for name, value in values.items()
    }


def _filled_within(value: Any, words: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return fill(value, words)
    if isinstance(value, Mapping):
        return {name: _filled_within(own, words) for name, own in value.items()}
    return [_filled_within(own, words) for own in value] if isinstance(value, list) else value


def placeholders_of(plan: Plan) -> set[str]:
    """All names in braces that the prompt and the generator's options lead to."""
    found: set[str] = set()
    options = plan.generator.options
    queue = [
        text for own in (plan.template, plan.prompt, *options.values()) for text in _texts_of(own)
    ]
    values = [*options.items(), *((name, v) for name in plan.axes for v in plan.values_of(name))]
    inner = [value for name, value in values if name in _FILLED_WITHIN]
    queue += [text for value in inner for text in texts_within(value)]
    while queue:
        fresh = set(PLACEHOLDER.findall(queue.pop())) - found
        found |= fresh
        for name in fresh & set(plan.axes):
            for value in plan.values_of(name):
                parts: Any = [value]
                if is_for_some(value):
                    parts = value.values()
                queue += [text for part in parts for text in _texts_of(part)]
    return found


def _texts_of(value: Any) -> Sequence[str]:
    """Where placeholders may stand in a value."""
    if is_source(value):
        return source_of(value).texts
    return [value] if isinstance(value, str) else []


def texts_within(value: Any) -> list[str]:
    """All texts in a nested value."""
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, Mapping) else value
    return [t for own in inner for t in texts_within(own)] if isinstance(inner, Iterable) else []
