"""Prompts drawn from a grammar so that every option occurs equally often, or by its weight."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from synthaudit.prompting.grammar import Choice, Part, Text


def draw_prompts(parts: Sequence[Part], rng: np.random.Generator) -> Iterator[str]:
    """Prompts without end; the first n of them do not depend on n.

    At each choice the option is taken that lags most behind its share of what was drawn there so
    far, at random where several do. So each option is within about one of its share at any time.

    Args:
        parts: of the template.
        rng: decides.
    """
    counts: dict[str, np.ndarray[tuple[int], np.dtype[np.float64]]] = {}
    totals: dict[str, float] = {}

    def text_of(part: Part) -> str:
        if isinstance(part, Text):
            return part.text
        count = int(rng.integers(part.least, part.most + 1))
        return part.separator.join(
            "".join(text_of(own) for own in part.options[number].parts)
            for number in take(part, count)
        )

    def take(choice: Choice, count: int) -> list[int]:
        weights = np.array([option.weight for option in choice.options])
        shares = weights / weights.sum()
        own = counts.setdefault(choice.key, np.zeros(len(shares)))
        taken: list[int] = []
        for _ in range(count):
            total = totals.get(choice.key, 0.0) + 1.0
            lag = np.where(shares > 0.0, shares * total - own, -np.inf)
            lag[taken] = -np.inf
            if not np.isfinite(lag).any():
                break
            best = np.flatnonzero(lag >= lag.max() - 1e-9)
            number = int(rng.choice(best))
            own[number] += 1.0
            totals[choice.key] = total
            taken.append(number)
        return taken

    while True:
        yield "".join(text_of(part) for part in parts)
