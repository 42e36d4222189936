"""Wildcards: ``__light__`` stands for the lines of ``light.txt``, or for words of our own."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from synthaudit.errors import PlanError
from synthaudit.prompting.vocabulary import prompt_groups
from synthaudit.registry import nearest_name

_SUFFIXES: Final = (".txt", ".yaml", ".yml", ".json")
_LARGEST: Final = 10_000_000


@dataclass(frozen=True, kw_only=True)
class Wildcards:
    """What wildcards stand for.

    Attributes:
        values: by name.
        unread: files that could not be read, with reasons; no fault where nobody names them.
    """

    values: Mapping[str, Sequence[str]]
    unread: Mapping[str, str] = field(default_factory=dict)


def read_wildcards(folder: Path | None) -> Wildcards:
    """Values by name: our own groups, and the files of a folder, which go before them.

    A ``.txt`` has a value a line, without empty lines and those that begin with ``#``; lists in
    ``.yaml`` and ``.json`` are called by their keys with slashes between.

    Raises:
        PlanError: there is no such folder.
    """
    found: dict[str, Sequence[str]] = {
        name: sorted(words) for name, words in prompt_groups().items()
    }
    unread = {}
    if folder is None:
        return Wildcards(values=found)
    if not folder.is_dir():
        raise PlanError(f"wildcards should be a folder of .txt files, but {folder} is none.")
    for file in sorted(folder.rglob("*")):
        if file.suffix.lower() in _SUFFIXES and file.is_file():
            try:
                found |= dict(_values(file, file.relative_to(folder).with_suffix("").as_posix()))
            except UnicodeDecodeError:
                unread[str(file)] = "it is not UTF-8 text"
            except (OSError, ValueError) as error:
                unread[str(file)] = " ".join(str(error).split())[:100]
    return Wildcards(values=found, unread=unread)


def values_of(wildcards: Wildcards, name: str) -> Sequence[str]:
    """The values of a wildcard; of all that match where its name has a ``*``.

    Raises:
        PlanError: there is none of that name.
    """
    names = fnmatch.filter(sorted(wildcards.values), name)
    values = sorted({value for own in names for value in wildcards.values[own]})
    if not values:
        unread = [f"{file} cannot be read: {why}" for file, why in wildcards.unread.items()]
        hint = "; ".join(unread) or nearest_name(name, list(wildcards.values))
        raise PlanError(f"the prompt uses the wildcard __{name}__, but there is none; {hint}")
    return values


def _values(file: Path, name: str) -> Iterator[tuple[str, list[str]]]:
    """Names and values of one file.

    Raises:
        ValueError, OSError: it cannot be read.
    """
    if file.stat().st_size > _LARGEST:
        raise ValueError(f"it is larger than {_LARGEST // 10**6} MB")
    text = file.read_text("utf-8-sig")
    if file.suffix.lower() == ".txt":
        lines = [line.strip() for line in text.splitlines()]
        yield name, [line for line in lines if line and not line.startswith("#")]
        return
    contents = _parsed(file, text)
    # A list is called as its file is, lists under keys by those.
    yield from _lists(contents, name if isinstance(contents, list) else "")


def _parsed(file: Path, text: str) -> Any:
    if file.suffix.lower() == ".json":
        return json.loads(text)
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _lists(contents: Any, name: str) -> Iterator[tuple[str, list[str]]]:
    if isinstance(contents, list):
        yield name, [str(value) for value in contents if isinstance(value, str | int | float)]
    elif isinstance(contents, Mapping):
        for key, value in contents.items():
            yield from _lists(value, f"{name}/{key}" if name else str(key))
