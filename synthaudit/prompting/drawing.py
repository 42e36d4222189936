"""Prompts drawn from a grammar so that every option occurs equally often, or by its weight."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from synthaudit.prompting.grammar import Choice, Part, Text

Path = tuple[int, ...]
"""Where in a template a choice is: the same words in two places are two choices."""


def draw_prompts(parts: Sequence[Part], rng: np.random.Generator) -> Iterator[str]:
    """Prompts without end; the first n of them do not depend on n.

    At each choice the option is taken that lags most behind its share of what was drawn there so
    far, at random where several do. So each option is within about one of its share at any time.

    Args:
        parts: of the template.
        rng: decides.
    """
    counts: dict[Path, np.ndarray[tuple[int], np.dtype[np.float64]]] = {}

    def text_of(part: Part, path: Path) -> str:
        if isinstance(part, Text):
            return part.text
        count = int(rng.integers(part.least, part.most + 1))
        return part.separator.join(
            joined(part.options[number].parts, (*path, number))
            for number in take(part, count, path)
        )

    def joined(parts: Sequence[Part], path: Path) -> str:
        return "".join(text_of(own, (*path, place)) for place, own in enumerate(parts))

    def take(choice: Choice, count: int, key: Path) -> list[int]:
        weights = np.array([option.weight for option in choice.options])
        shares = weights / weights.sum()
        own = counts.setdefault(key, np.zeros(len(shares)))
        taken: list[int] = []
        for _ in range(count):
            lag = np.where(shares > 0.0, shares * (own.sum() + 1.0) - own, -np.inf)
            lag[taken] = -np.inf
            if not np.isfinite(lag).any():
                break
            best = np.flatnonzero(lag >= lag.max() - 1e-9)
            number = int(rng.choice(best))
            own[number] += 1.0
            taken.append(number)
        return taken

    while True:
        yield joined(parts, ())
