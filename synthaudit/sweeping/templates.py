"""Templates of prompts: placeholders filled in, articles, plurals."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from synthaudit.prompting.english import ENDS_OF_SINGULARS, with_article

PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
_NESTED: Final = 5

# Words that end as plurals do.
_SINGULARS: Final = (*ENDS_OF_SINGULARS, "news", "rhinoceros", "cosmos", "chaos")


def compose(template: str, words: Mapping[str, str]) -> str:
    """A prompt: placeholders filled in, also inside what fills them, then the articles."""
    text = fill(template, words)
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r"\s+([,.;:!?])", r"\1", text)
    return re.sub(r"\{a\}\s+(\S+)", lambda found: _with_article(found[1]), text)


def fill(template: str, words: Mapping[str, str]) -> str:
    """A template with its placeholders filled in; unknown ones stay."""
    text = template
    for _ in range(_NESTED):
        filled = PLACEHOLDER.sub(lambda found: words.get(found[1], found[0]), text)
        if filled == text:
            break
        text = filled
    return text


def _with_article(word: str) -> str:
    """A word with its article, and a plural without one.

    >>> _with_article("apple"), _with_article("pants"), _with_article("bus")
    ('an apple', 'pants', 'a bus')
    """
    bare = word.rstrip(".,;:!?")
    if bare.endswith("s") and not bare.endswith(_SINGULARS):
        return word
    return with_article(word)
