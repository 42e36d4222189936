"""The vocabulary: words for prompts, and attributes that pictures may show."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from synthaudit.errors import SettingsError
from synthaudit.prompting.english import ENDS_OF_SINGULARS, singular_of

_LONGEST: Final = 60
_MOST: Final = 2000
# Such ends are of singulars too, whatever a rule of grammar says.
_SINGULAR_ENDS: Final = (*ENDS_OF_SINGULARS, "doors")
_COUNTS: Final = ("two", "three", "few", "several", "many")


@cache
def prompt_groups() -> Mapping[str, Sequence[str]]:
    """Words for prompts by group, all groups of one size."""
    groups: Mapping[str, Sequence[str]] = _contents()["prompts"]
    return groups


@cache
def attributes() -> Sequence[str]:
    """What pictures may show: the words for prompts, things, styles."""
    found = _contents()
    return [word for part in found.values() for group in part.values() for word in group]


@cache
def _contents() -> Mapping[str, Mapping[str, Sequence[str]]]:
    text = files("synthaudit.prompting").joinpath("vocabulary.toml").read_text("utf-8")
    contents: Mapping[str, Mapping[str, Sequence[str]]] = tomllib.loads(text)
    return contents


def read_attributes(file: Path) -> list[str]:
    """Further attributes, one a line; empty lines and those after ``#`` are left out.

    Raises:
        SettingsError: it cannot be read, or a line is too long or in the plural.
    """
    try:
        lines = file.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise SettingsError(
            f"the attributes {file} cannot be read: {reason}; give a text file with one a line."
        ) from error
    found = dict.fromkeys(" ".join(line.partition("#")[0].split()) for line in lines)
    words = [word for word in found if word]
    if not words or len(words) > _MOST:
        raise SettingsError(
            f"{file} should hold 1 to {_MOST:,} attributes, one a line; it has {len(words):,}."
        )
    for word in words:
        if len(word) > _LONGEST:
            raise SettingsError(
                f"an attribute in {file} should be a few words, not {len(word)} characters: "
                f"{word[:40]!r}..."
            )
        singular = _singular(word)
        if singular is not None:
            raise SettingsError(
                f"the attribute {word!r} in {file} should be in the singular: write {singular!r}."
            )
    return words


def _singular(phrase: str) -> str | None:
    """A phrase of one or two words with its last one in the singular; None where it is already."""
    words = phrase.split()
    # In longer phrases the last word is seldom what they are about.
    if len(words) > 2 or words[-1].endswith(_SINGULAR_ENDS) or words[0] in _COUNTS:
        return None
    found = singular_of(words[-1])
    return None if found is None else " ".join([*words[:-1], found])
