"""A ``scores.json`` from anywhere: read with distrust, and its numbers found by their paths."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from synthaudit.errors import DataError, PolicyError
from synthaudit.result.audit import SCHEMA
from synthaudit.settings import nearest_name

_LARGEST_FILE: Final = 200_000_000
_PART: Final = re.compile(r'"([^"]*)"|([^."]+)')
_LISTED: Final = 400


@dataclass(frozen=True, kw_only=True)
class Number:
    """A number of an audit: its path, value, and interval where it has one."""

    path: str
    value: float
    low: float | None
    high: float | None
    is_exact: bool


def read_scores(place: Path) -> tuple[dict[str, Any], Path]:
    """The contents of a ``scores.json``, or of that in a folder, and the file.

    Raises:
        DataError: there is none, or it cannot be trusted.
    """
    file = place / "scores.json" if place.is_dir() else place
    try:
        if file.stat().st_size > _LARGEST_FILE:
            raise DataError(f"{file} is too large for a scores.json: is it another file?")
        contents = json.loads(file.read_text(encoding="utf-8"), parse_constant=_refuse)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DataError(f"{file} cannot be read ({reason}): run synthaudit score --out.") from error
    except (ValueError, RecursionError) as error:
        text = " ".join(str(error).split())[:200]
        raise DataError(f"{file} is no scores.json: {text}. Run synthaudit score again.") from error
    if not isinstance(contents, dict) or not isinstance(contents.get("schema"), str):
        raise DataError(f"{file} is no scores.json: it names no schema.")
    if contents["schema"] != SCHEMA:
        raise DataError(
            f"{file} has the schema {contents['schema'][:60]!r}, and this version reads {SCHEMA}: "
            "use the version of synthaudit that wrote it, or run it again."
        )
    for name in ("unrealistic", "unrepresentative", "unvaried", "unoriginal"):
        value: Any = contents.get(name)
        if not _is_number(value) or not 0.0 <= value <= 1.0:
            raise DataError(f"{file} is damaged: {name} should be a number from 0 to 1.")
    if not isinstance(contents.get("provenance"), dict):
        raise DataError(f"{file} is damaged: it has no provenance.")
    return contents, file


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
        known = [number_path for number_path, _ in _all_paths(scores)]
        hint = nearest_name(path, known[:_LISTED]) if known else "there are no numbers."
        raise PolicyError(f"scores.json has no number at {path!r}; {hint[:300]}")
    return numbers


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
    if isinstance(value, dict) and _is_number(value.get("value")):
        low, high, value = value.get("low"), value.get("high"), value["value"]
    elif len(keys) == 1:
        interval = scores.get("intervals", {})
        interval = interval.get(keys[0]) if isinstance(interval, dict) else None
        if isinstance(interval, list) and len(interval) == 2:
            low, high = interval
    if not _is_number(value):
        return None
    bounded = _is_number(low) and _is_number(high)
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
    elif _is_number(node):
        yield ".".join(keys), float(node)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _refuse(constant: str) -> Any:
    raise ValueError(f"it holds {constant}, which is no number")
