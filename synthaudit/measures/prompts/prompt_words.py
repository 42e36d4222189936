"""The words of prompts as features: what some pictures were asked for and others were not."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from synthaudit.arrays import Flags

LEAST: Final = 10
"""Pictures with a word, and without it, below which nothing is said of it."""

_MOST: Final = 300
_WORD: Final = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
# They say how other words go together, and nothing by themselves.
_GRAMMAR: Final = frozenset(
    [
        *("a", "an", "the", "this", "that", "it", "its", "is", "are", "very"),
        *("and", "or", "as", "of", "in", "on", "at", "to", "by", "with", "from", "for"),
        *("into", "over", "under"),
    ]
)


@dataclass(frozen=True, kw_only=True)
class Features:
    """What n pictures were asked for.

    Attributes:
        names: of f words, phrases and settings; words that always go together are one.
        has: (n, f) whether a picture was asked for it.
        left_out: how many further ones are in at least so many prompts, but are not looked at.
    """

    names: Sequence[str]
    has: Flags = field(repr=False)
    left_out: int = 0


def words_of(text: str) -> list[str]:
    """The words of a text, in lower case, without those that are grammar alone.

    >>> words_of("A photo of Tom's dog, back-lit, in the snow")
    ['photo', "tom's", 'dog', 'back-lit', 'snow']
    """
    return [word for word in _WORD.findall(text.lower()) if word not in _GRAMMAR]


def prompt_features(
    prompts: Sequence[str], settings: Sequence[Sequence[str]] = (), least: int = LEAST
) -> Features:
    """The words of prompts and the settings beside them, those in enough pictures.

    Args:
        prompts: of n pictures.
        settings: of n pictures, the settings that each was made with, such as ``steps = 30``.
        least: pictures with it and without it.
    """
    count = len(prompts)
    distinct = {text: words_of(text) for text in dict.fromkeys(prompts)}
    asked = [
        {*distinct[text], *(settings[row] if settings else ())} for row, text in enumerate(prompts)
    ]
    counts = Counter(word for words in asked for word in words)
    usual = {word: own for word, own in counts.items() if least <= own <= count - least}
    # Those in about half of the pictures tell most; what is known of the pictures plays no part.
    chosen = sorted(usual, key=lambda word: (abs(2 * usual[word] - count), word))
    further, chosen = len(chosen[2 * _MOST :]), chosen[: 2 * _MOST]
    number = {word: position for position, word in enumerate(chosen)}
    has = np.zeros((count, len(chosen)), bool)
    for row, words in enumerate(asked):
        has[row, [number[word] for word in words if word in number]] = True
    names, columns = _together(chosen, has, distinct)
    return Features(
        names=names[:_MOST],
        has=has[:, columns[:_MOST]],
        left_out=further + max(len(names) - _MOST, 0),
    )


def _together(
    words: Sequence[str], has: Flags, prompts: dict[str, list[str]]
) -> tuple[list[str], list[int]]:
    """Names and columns of features, those that are in the same pictures as one."""
    groups: dict[bytes, list[int]] = {}
    for position in range(len(words)):
        groups.setdefault(np.packbits(has[:, position]).tobytes(), []).append(position)
    found = [([words[n] for n in own], own[0]) for own in groups.values()]
    return [_phrase(own, prompts) for own, _ in found], [first for _, first in found]


def _phrase(words: Sequence[str], prompts: dict[str, list[str]]) -> str:
    """Words that always go together, as they stand in a prompt."""
    if len(words) == 1:
        return words[0]
    text = next((text for text, own in prompts.items() if words[0] in own), "")
    spans = {found[0]: found.span() for found in _WORD.finditer(text.lower()) if found[0] in words}
    if len(spans) < len(words):  # settings are in no prompt
        return " + ".join(sorted(words))
    start, end = min(first for first, _ in spans.values()), max(last for _, last in spans.values())
    phrase = text[start:end].lower()
    if [word for word in words_of(phrase) if word not in words] or len(phrase) > 60:
        return " + ".join(sorted(words, key=lambda word: spans[word]))
    return phrase
