"""What is known of how an image was made: its prompt, its seed, what made it."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

PROMPT_NAMES: Final = ("prompt", "text", "caption")
SEED_NAMES: Final = ("seed",)
GENERATOR_NAMES: Final = ("generator", "model")
RECORD_NAMES: Final = (*PROMPT_NAMES, *SEED_NAMES, *GENERATOR_NAMES)
"""What tables and data sets call them; of several the first one counts that an image has."""

LONGEST_PROMPT: Final = 10_000
"""Characters; no model reads more."""

_TURNING: Final = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_SEEDS: Final = 2**63


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRecord:
    """How an image was made; None for what is not known.

    Attributes:
        prompt: what it was asked for, or its caption; on one line.
        seed: below 2**63.
        generator: the program or model.
    """

    prompt: str | None = None
    seed: int | None = None
    generator: str | None = None

    @classmethod
    def of(cls, fields: Mapping[str, object]) -> Self | None:
        """From named values, whatever they are; None where nothing is known.

        >>> GenerationRecord.of({"text": "a  frog", "seed": "7"})
        GenerationRecord(prompt='a frog', seed=7, generator=None)
        """
        found = cls(
            prompt=_first(fields, PROMPT_NAMES),
            seed=_seed(fields.get(SEED_NAMES[0])),
            generator=_first(fields, GENERATOR_NAMES),
        )
        return None if found == cls() else found

    def filled(self, other: GenerationRecord | None) -> GenerationRecord:
        """The same, with what another one knows in place of what this one does not."""
        if other is None:
            return self
        return GenerationRecord(
            prompt=self.prompt or other.prompt,
            seed=other.seed if self.seed is None else self.seed,
            generator=self.generator or other.generator,
        )


def _first(fields: Mapping[str, object], names: tuple[str, ...]) -> str | None:
    return next((text for name in names if (text := _text(fields.get(name)))), None)


def _text(value: object) -> str | None:
    """A text on one line; None for what is no text."""
    return one_line(value[:LONGEST_PROMPT]) or None if isinstance(value, str) else None


def one_line(text: str) -> str:
    """A text on one line, without signs that move a cursor, turn the direction or are none.

    >>> one_line("a  frog\\x1b[31m\\n asleep")
    'a frog[31m asleep'
    """
    line = " ".join(text.split())
    return "".join(
        sign
        for sign in line
        if unicodedata.category(sign) not in ("Cc", "Cs", "Co", "Cn") and sign not in _TURNING
    ).strip()


def _seed(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        if isinstance(value, float) and not (math.isfinite(value) and value.is_integer()):
            return None
        # Tables write whole numbers as 7.0 where some are missing.
        number = int(value.removesuffix(".0") if isinstance(value, str) else value)
    except ValueError:
        return None
    return number if 0 <= number < _SEEDS else None
