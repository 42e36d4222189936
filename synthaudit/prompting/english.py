"""Articles, plurals and singulars of English words, by inflect; its engine takes long to make."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

ENDS_OF_SINGULARS: Final = ("ss", "us", "is", "as", "lens", "series", "species")
"""Words that end so are singulars, though they end as plurals do."""


@cache
def _engine() -> Any:
    import inflect

    return inflect.engine()


@cache
def plural_of(word: str) -> str:
    """The plural of a noun.

    >>> plural_of("goose"), plural_of("")
    ('geese', '')
    """
    return str(_engine().plural_noun(word)) if word else word


@cache
def singular_of(word: str) -> str | None:
    """The singular of a noun; None where it is one already.

    >>> singular_of("dogs"), singular_of("dog")
    ('dog', None)
    """
    found = _engine().singular_noun(word)
    return None if found is False else str(found)


@cache
def with_article(word: str) -> str:
    """A word with its article.

    >>> with_article("apple")
    'an apple'
    """
    return str(_engine().a(word))
