"""What a language model wrote, sifted: what is no prompt, nothing new, or not read whole."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from synthaudit.arrays import Singles
from synthaudit.images.generation_record import one_line
from synthaudit.measures.prompts.prompt_words import words_of
from synthaudit.prompting.english import plural_of

_REFUSAL: Final = re.compile(
    r"\b(i('|\u2019)?m sorry|i am sorry"
    r"|i (can('|\u2019)?t|cannot|can not|won('|\u2019)?t|am unable)"
    r"|as an ai|as a language model|unable to (help|assist|comply)|not able to (help|assist))",
    re.IGNORECASE,
)
_LONGEST: Final = 2_000
# Of the words of two prompts, and of their text vectors.
_SAME_WORDS: Final = 0.8
_SAME_MEANING: Final = 0.97
# The commonest short words of some languages; a text in English has more of the first.
_ENGLISH: Final = frozenset(
    "a an the of in on at with and by to is its over under near from under into as for".split()  # noqa: SIM905
)
_OTHERS: Final = frozenset(
    "der die das und ein eine mit auf im von le la les un une des du dans avec sur et el los las "  # noqa: SIM905
    "una con en y del il lo gli di che per sul nel o os um uma com em na no de het een van met op "
    "og i på en av".split()
)


@dataclass(frozen=True, kw_only=True)
class Sifted:
    """What is left of what was written.

    Attributes:
        kept: texts, in their order.
        dropped: how many were dropped, by reason.
    """

    kept: Sequence[str]
    dropped: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, kw_only=True)
class Sieve:
    """What prompts of one class must be.

    Attributes:
        name: of the class; None without.
        count_cut: how many tokens of a text the model would not read.
        language: English, or None for any.
        vectors: (n, d) unit text vectors; None where nothing reads text.
    """

    name: str | None
    count_cut: Callable[[str], int]
    language: str | None = "English"
    vectors: Callable[[Sequence[str]], Singles] | None = None

    def sift(self, texts: Sequence[str], before: Sequence[str] = ()) -> Sifted:
        """Keep what is a prompt of the class and says something new.

        Args:
            texts: as they were written.
            before: prompts that are there already.
        """
        kept: list[str] = []
        dropped: Counter[str] = Counter()
        said = [set(words_of(text)) for text in before]
        for raw in texts:
            text = one_line(raw)
            words = set(words_of(text))
            reason = self._fault(text) or _repeats(words, said)
            if reason is None:
                kept.append(text)
                said.append(words)
            else:
                dropped[reason] += 1
        return self._distinct(kept, before, dropped)

    def _fault(self, text: str) -> str | None:
        if not text or len(text) > _LONGEST:
            return "no sentence"
        if _REFUSAL.search(text):
            return "a refusal"
        if self.language == "English" and not _is_english(text):
            return "not in English"
        if self.name is not None and not _names(text, self.name):
            return "the class is not named"
        return "longer than the model reads" if self.count_cut(text) > 0 else None

    def _distinct(self, kept: list[str], before: Sequence[str], dropped: Counter[str]) -> Sifted:
        """Without what means the same as something before it, where something reads text."""
        if self.vectors is None or not kept:
            return Sifted(kept=kept, dropped=dropped)
        rows = np.asarray(self.vectors([*before, *kept]), np.float64)
        chosen = list(range(len(before)))
        for row in range(len(before), len(rows)):
            if chosen and float((rows[chosen] @ rows[row]).max()) > _SAME_MEANING:
                dropped["nearly the same meaning as another"] += 1
            else:
                chosen.append(row)
        return Sifted(
            kept=[kept[row - len(before)] for row in chosen[len(before) :]], dropped=dropped
        )


def _repeats(words: set[str], said: Sequence[set[str]]) -> str | None:
    for others in said:
        if len(words & others) >= _SAME_WORDS * max(len(words | others), 1):
            return "nearly the same words as another"
    return None


def _names(text: str, name: str) -> bool:
    """Whether a text names a class, in the singular or the plural.

    >>> _names("Two geese by a pond", "goose"), _names("A T-shirt", "t-shirt")
    (True, True)
    >>> _names("A dog on a lawn", "cat")
    False
    """
    spoken = re.sub(r"[\W_]+", " ", name.lower()).strip()
    plain = f" {re.sub(r'[^a-z0-9]+', ' ', text.lower())} " if spoken.isascii() else text.lower()
    forms = {spoken, f"{spoken}s", plural_of(spoken)}
    if "{subject}" in text:
        return True
    return any((f" {form} " if spoken.isascii() else form) in plain for form in forms)


def _is_english(text: str) -> bool:
    """Whether a text may be English, by its letters and its commonest short words.

    >>> _is_english("A frog on a leaf"), _is_english("Ein Frosch auf dem Blatt mit Tau")
    (True, False)
    """
    letters = [sign for sign in text if sign.isalpha()]
    if not letters or sum(sign.isascii() for sign in letters) < 0.8 * len(letters):
        return False
    words = text.lower().split()
    english, others = (sum(word in own for word in words) for own in (_ENGLISH, _OTHERS))
    return english >= others and (english > 0 or len(words) < 6)
