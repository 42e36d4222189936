"""The grammar of prompts: ``{a|b}``, weights, several at once, wildcards; as dynamicprompts has it.

Our own reader, for the library that made the syntax common has had no release since 2024 and draws
at random, where prompts of a sweep should hold every word equally often. Its expansions are the
oracle of ours.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from synthaudit.errors import PlanError

_WILDCARD: Final = re.compile(r"__[~@!]?([A-Za-z0-9*][A-Za-z0-9*/.\-]*(?:_[A-Za-z0-9*/.\-]+)*)__")
_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
_SEVERAL: Final = re.compile(r"\s*(?:(\d*)(-)(\d*)|(\d+))\$\$(?:([^${}]+?)\$\$)?")
_WEIGHT: Final = re.compile(r"\s*(\d+\.?\d*|\.\d+)\s*::")
_LIKE_A_WEIGHT: Final = re.compile(r"\s*[-+]?[\d.][\w.+-]*\s*::")
_COMMENT: Final = re.compile(r"#[^\n]*")
_DEEPEST: Final = 20

Wildcards = Callable[[str], Sequence[str]]
"""From the name of a wildcard to its values, which may be grammar themselves."""


@dataclass(frozen=True)
class Text:
    """A piece that stays as it is."""

    text: str


@dataclass(frozen=True)
class Option:
    """One of several: its weight, and what it is."""

    weight: float
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Choice:
    """Some of several options.

    Attributes:
        options: to choose from.
        least, most: how many of them.
        separator: between them.
    """

    options: tuple[Option, ...]
    least: int = 1
    most: int = 1
    separator: str = ","


Part = Text | Choice


def parse_grammar(text: str, wildcards: Wildcards) -> tuple[Part, ...]:
    """A template as its parts; a single word in braces, such as ``{subject}``, stays as it is.

    Raises:
        PlanError: it cannot be read.

    Examples:
        >>> parts = parse_grammar("a {red|blue} {subject}", lambda _: [])
        >>> list(expansions(parts))
        ['a red {subject}', 'a blue {subject}']
    """
    return _Reader(_COMMENT.sub("", text), wildcards, depth=0).whole()


def expansions(parts: Sequence[Part]) -> Iterator[str]:
    """Every text that a template stands for, the first choice varying slowest."""
    if not parts:
        yield ""
        return
    first, rest = parts[0], parts[1:]
    for begin in [first.text] if isinstance(first, Text) else _of_choice(first):
        for end in expansions(rest):
            yield begin + end


def _of_choice(choice: Choice) -> Iterator[str]:
    """Every text of a choice, each once."""
    seen: set[str] = set()
    for count in range(choice.least, choice.most + 1):
        for chosen in itertools.permutations(choice.options, count):
            for values in itertools.product(*(list(expansions(own.parts)) for own in chosen)):
                text = choice.separator.join(values)
                if len(set(values)) == count and text not in seen:
                    seen.add(text)
                    yield text


class _Reader:
    """Reads a template from left to right."""

    def __init__(self, text: str, wildcards: Wildcards, depth: int) -> None:
        if depth > _DEEPEST:
            raise PlanError(
                f"the grammar is nested deeper than {_DEEPEST}: does a wildcard name itself?"
            )
        self._text, self._wildcards, self._depth = text, wildcards, depth
        self._place = self._open = 0

    def whole(self) -> tuple[Part, ...]:
        """All of it."""
        return self._parts(ends="")

    def _parts(self, ends: str) -> tuple[Part, ...]:
        found: list[Part] = []
        plain = ""
        while self._place < len(self._text) and self._text[self._place] not in ends:
            part = self._special()
            if part is None:
                plain += self._text[self._place]
                self._place += 1
                continue
            if isinstance(part, str):
                plain += part
                continue
            found += [*([Text(plain)] if plain else []), part]
            plain = ""
        return (*found, *([Text(plain)] if plain else []))

    def _special(self) -> Part | str | None:
        """What begins here, if it is not a plain sign."""
        rest = self._text[self._place : self._place + 2]
        if rest in ("${", "%{"):
            raise self._fault(f"{rest} begins a variable or a wrapper, which are not read")
        if placeholder := _PLACEHOLDER.match(self._text, self._place):
            self._place = placeholder.end()
            return placeholder[0]
        if rest[:1] == "{":
            return self._choice()
        if wildcard := _WILDCARD.match(self._text, self._place):
            self._place = wildcard.end()
            return self._wildcard(wildcard[1])
        return None

    def _choice(self) -> Choice:
        start = self._place
        self._open += 1
        if self._open > _DEEPEST:
            raise self._fault(f"braces are nested deeper than {_DEEPEST}")
        self._place += 1
        if self._text[self._place : self._place + 1] in ("~", "@", "!"):
            self._place += 1
        least, most, separator = 1, 1, ","
        several = _SEVERAL.match(self._text, self._place)
        if several is not None:
            self._place = several.end()
            low, dash, high, exact, given = several.groups()
            least = int(exact or low or (0 if not dash else 1))
            most = int(exact or high or 10**6)
            separator = given if given is not None else ","
            if least > most:
                raise self._fault(f"it takes {least} to {most}, of which the first is larger")
        options = self._options(start)
        if several is not None and len(options) == 1:
            options = self._values_of(options[0])
        self._open -= 1
        return Choice(
            options=options,
            least=min(least, len(options)),
            most=min(most, len(options)),
            separator=separator,
        )

    def _options(self, start: int) -> tuple[Option, ...]:
        options = []
        while True:
            weight = _WEIGHT.match(self._text, self._place)
            if weight is None and _LIKE_A_WEIGHT.match(self._text, self._place):
                raise self._fault("a weight should be a number such as 2 or 0.5")
            self._place = self._place if weight is None else weight.end()
            # A blank before an option is left out, but not one after its weight.
            while weight is None and self._text[self._place : self._place + 1].isspace():
                self._place += 1
            parts = self._parts(ends="|}")
            number = 1.0 if weight is None else float(weight[1])
            options.append(Option(weight=number, parts=parts))
            if self._place >= len(self._text):
                self._place = start
                raise self._fault("a brace is opened and not closed")
            end = self._text[self._place]
            self._place += 1
            if end == "}":
                break
        if not any(option.weight > 0.0 for option in options):
            raise self._fault("all options have the weight 0")
        return tuple(options)

    def _values_of(self, option: Option) -> tuple[Option, ...]:
        """Several of a single wildcard are several of its values."""
        if len(option.parts) == 1 and isinstance(option.parts[0], Choice):
            return option.parts[0].options
        return (option,)

    def _wildcard(self, name: str) -> Choice:
        options = tuple(
            Option(1.0, _Reader(value, self._wildcards, self._depth + 1).whole())
            for value in self._wildcards(name)
        )
        return Choice(options=options)

    def _fault(self, what: str) -> PlanError:
        near = self._text[self._place : self._place + 30]
        return PlanError(f"the grammar {self._text[:60]!r} cannot be read: {what}, at {near!r}.")
