"""The numbers of a ``scores.json``, found by their paths."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, get_args, get_origin

from pydantic import BaseModel

from synthaudit.errors import PolicyError
from synthaudit.measures.intervals import Quantity
from synthaudit.registry import nearest_name
from synthaudit.result.reading import is_number
from synthaudit.result.schema import ScoresFile

_PART: Final = re.compile(r'"([^"]*)"|([^."]+)')
_LISTED: Final = 400
_WITH_ADVICE: Final = {
    "faithfulness": "score images with known prompts, by --faithfulness clip or another model that "
    "reads text.",
    "variety": "score images with known prompts, several of each, without --quick.",
    "usefulness": "both sides need the same two classes or more.",
    "labels": "both sides need the same two classes or more.",
    "kept": "score with --keep.",
}
"""What a part needs that not every audit has."""


@dataclass(frozen=True, kw_only=True)
class Number(Quantity):
    """A number of an audit, with its interval where it has one.

    Attributes:
        path: where in ``scores.json`` it stands.
        is_exact: whether it is a count, which needs no interval.
    """

    path: str
    is_exact: bool


def numbers_at(scores: Mapping[str, Any], path: str) -> list[Number]:
    """All numbers that a path leads to; ``*`` stands for any one key.

    Keys with dots in them go into double quotes: ``classes."t.shirt".unvaried``.

    Raises:
        PolicyError: there are none.
    """
    parts = [quoted or plain for quoted, plain in _PART.findall(path)]
    found = [_number(scores, keys, value) for keys, value in _walk(scores, parts, ())]
    numbers = [number for number in found if number is not None]
    if not numbers:
        if parts[:1] == ["classes"] and not scores.get("classes"):
            raise PolicyError(f"{path} limits classes, but the sides have none in common.")
        refuse_unknown(path)
        if parts and parts[0] not in scores and parts[0] in _WITH_ADVICE:
            raise PolicyError(f"this audit has no {parts[0]}: {_WITH_ADVICE[parts[0]]}")
        known = [number_path for number_path, _ in _all_paths(scores)]
        hint = nearest_name(path, known[:_LISTED]) if known else "there are no numbers."
        raise PolicyError(f"scores.json has no number at {path!r}; {hint[:300]}")
    return numbers


def refuse_unknown(path: str) -> None:
    """Refuse a path that no ``scores.json`` has, before there is one.

    Raises:
        PolicyError: it begins with what is no key, or goes on with one that its part never has.
    """
    parts = [quoted or plain for quoted, plain in _PART.findall(path)]
    if parts[:1] == ["intervals"]:
        name = ".".join(parts[1:]) or "unvaried"
        raise PolicyError(
            f"{path} is no number but two: limit {name} itself, and say which end counts by on = "
            "'low' or 'high'."
        )
    kind: Any = ScoresFile
    for depth, part in enumerate(parts[:2]):
        if not (isinstance(kind, type) and issubclass(kind, BaseModel)) or part == "*":
            return
        fields = {field.alias or name: field for name, field in kind.model_fields.items()}
        if part not in fields:
            known = [".".join([*parts[:depth], name]) for name in fields]
            raise PolicyError(
                f"scores.json never has a number at {path!r}; {nearest_name(path, known)[:300]}"
            )
        # An optional part is a union with None.
        options = get_args(fields[part].annotation) or (fields[part].annotation,)
        kind = options[0] if get_origin(fields[part].annotation) is not dict else None


def _walk(
    node: Any, parts: list[str], keys: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not parts:
        yield keys, node
        return
    if not isinstance(node, dict):
        return
    for key in sorted(node) if parts[0] == "*" else [parts[0]]:
        if key in node:
            yield from _walk(node[key], parts[1:], (*keys, key))


def _number(scores: Mapping[str, Any], keys: tuple[str, ...], value: Any) -> Number | None:
    path = ".".join(f'"{key}"' if "." in key else key for key in keys)
    low = high = None
    if isinstance(value, dict) and is_number(value.get("value")):
        low, high, value = value.get("low"), value.get("high"), value["value"]
    elif len(keys) == 1 or (len(keys) == 3 and keys[0] == "classes"):
        around: Any = scores
        for key in (*keys[:-1], "intervals", keys[-1]):
            around = around.get(key) if isinstance(around, dict) else None
        interval = around
        if isinstance(interval, list) and len(interval) == 2:
            low, high = interval
    if not is_number(value):
        return None
    bounded = is_number(low) and is_number(high)
    return Number(
        path=path,
        value=float(value),
        low=float(low) if bounded and low is not None else None,
        high=float(high) if bounded and high is not None else None,
        is_exact=isinstance(value, int),
    )


def _all_paths(node: Any, keys: tuple[str, ...] = ()) -> Iterator[tuple[str, float]]:
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _all_paths(value, (*keys, str(key)))
    elif is_number(node):
        yield ".".join(keys), float(node)
