"""The words to blame: which words of prompts go with which faults of their pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from synthaudit.arrays import Flags, Floats, Integers
from synthaudit.measures.prompts.prompt_words import LEAST, Features
from synthaudit.measures.randomness import sample_rows, stream

_PERMUTATIONS: Final = 999
_MOST_DRAWN: Final = 9_999
_ROWS: Final = 5000
_MOST_NAMED: Final = 12
# Two words that go together so closely may stand for one another; below it they cannot.
_ALIKE: Final = 0.3
_TOLD_APART: Final = 2.0
_MOST_ALIKE: Final = 3


@dataclass(frozen=True, kw_only=True)
class WordEffect:
    """What goes with a word.

    Attributes:
        word: a word, phrase or setting.
        alternatives: words that go along with it so closely that it may be they.
        fault: what it goes with.
        difference: of the fault between pictures with it and without it, in the fault's units,
            classes and the other words that are named accounted for; positive is worse.
        low, high: simultaneous interval over all words and faults.
        p_value: adjusted for all words and faults.
        pictures: how many have it.
        others: how many do not.
    """

    word: str
    alternatives: Sequence[str]
    fault: str
    difference: float
    low: float
    high: float
    p_value: float
    pictures: int
    others: int


def word_effects(
    faults: Mapping[str, Floats],
    features: Features,
    *,
    strata: Integers,
    units: Integers,
    blocks: Integers | None = None,
    confidence: float = 0.95,
    seed: int = 0,
) -> list[WordEffect]:
    """Name the words that go with faults, family-wise over all words and faults.

    For each fault the word that stands out most is named if it stands out more than the best word
    of ``confidence`` of all permutations of the units within their classes (Freedman and Lane
    1983; Westfall and Young 1993). Then it is accounted for, in the fault and in the words that go
    along with it, and the next one is looked for. Pictures of one prompt are one unit, their mean:
    what is special about a prompt must not be put down to its words. Where units come in blocks
    that have something in common, such as their seeds, the blocks' parts of each difference change
    their signs instead (the wild bootstrap of Wu 1986, by clusters).

    Args:
        faults: by name, (n,) how much of it each picture has; NaN where that is not known.
        features: of the pictures.
        strata: (n,) number of each picture's class.
        units: (n,) number of what is exchanged: pictures of one class, prompt and settings.
        blocks: (n,) number of the block of each picture's unit; None where units are independent.
        confidence: that no word is named without reason.
        seed: decides the permutations.

    Returns:
        What was found; of each fault what is worst first.
    """
    known = {name: own for name, own in faults.items() if np.isfinite(own).sum() >= 2 * LEAST}
    alpha = (1.0 - confidence) / max(len(known), 1)
    found: list[WordEffect] = []
    for name, own in known.items():
        rows = np.flatnonzero(np.isfinite(own))
        rows = sample_rows(rows, _ROWS, stream(seed, "pictures of word effects"))
        search = _Search(
            own[rows],
            features.has[rows],
            strata[rows],
            (units[rows], None if blocks is None else blocks[rows]),
            stream(seed, name),
        )
        effects = search.run(features.names, name, alpha)
        # Adjusted for the faults too.
        effects = [replace(e, p_value=min(e.p_value * len(known), 1.0)) for e in effects]
        found += sorted(effects, key=lambda effect: -effect.difference)
    return found


class _Search:
    """One fault: the words that go with it, one after the other."""

    def __init__(
        self,
        fault: Floats,
        has: Flags,
        strata: Integers,
        exchanged: tuple[Integers, Integers | None],
        rng: np.random.Generator,
    ) -> None:
        units, blocks = exchanged
        _, first, place = np.unique(units, return_index=True, return_inverse=True)
        sizes = np.bincount(place)
        words = has[first].astype(np.float64)
        self._strata, self._rng = strata[first], rng
        self._blocks = None if blocks is None else np.unique(blocks[first], return_inverse=True)[1]
        self._sums, self._pictures = sizes @ words, len(fault)
        self._freedom = len(first) - len(np.unique(self._strata))
        means = np.bincount(place, fault) / sizes
        self._fault = _within(means[:, None], self._strata)[:, 0]
        self._words = _within(words, self._strata)
        usual = (self._sums >= LEAST) & (self._sums <= self._pictures - LEAST)
        self._words[:, ~usual] = 0.0

    def run(self, names: Sequence[str], fault: str, alpha: float) -> list[WordEffect]:
        """What goes with the fault, at a family-wise rate."""
        named: list[int] = []
        picked: list[tuple[float, list[int]]] = []
        highest = np.empty(0)
        while len(named) < _MOST_NAMED:
            left = _without(self._fault[:, None], self._words[:, named])[:, 0]
            rest = _without(self._words, self._words[:, named])
            lengths = np.linalg.norm(rest, axis=0)
            # What those named explain of a word nearly wholly is no word of its own.
            tested = np.flatnonzero(lengths > 0.1 * np.linalg.norm(self._words, axis=0))
            if not len(tested) or np.abs(left).max(initial=0.0) < 1e-12:
                break
            unit = rest[:, tested] / lengths[tested]
            scale = self._scale(unit, left)
            values = unit.T @ left / scale
            count = max(_PERMUTATIONS, min(int(2.0 / alpha), _MOST_DRAWN))
            drawn = self._null(unit / scale, left, count)
            best = _first(values)
            p_value = (1.0 + (drawn >= abs(values[best]) - 1e-9).sum()) / (1.0 + len(drawn))
            if p_value > alpha:
                break
            highest = drawn
            picked.append((float(p_value), tested[self._alike(unit, left, best)].tolist()))
            named.append(int(tested[best]))
        width = float(np.quantile(highest, 1.0 - alpha)) if named else 0.0
        return [
            replace(
                self._effect(number, [other for other in named if other != number], width),
                word=names[number],
                fault=fault,
                alternatives=[names[other] for other in alike],
                p_value=p_value,
            )
            for number, (p_value, alike) in zip(named, picked, strict=True)
        ]

    def _alike(self, unit: Floats, left: Floats, best: int) -> list[int]:
        """Words beside which the best one says nothing more, those nearest to it first."""
        values = unit.T @ left
        likeness = unit.T @ unit[:, best]
        spread = float(np.linalg.norm(left)) / max(self._freedom, 1) ** 0.5
        own = np.maximum(1.0 - np.square(likeness), 1e-12)
        beside = (values[best] - likeness * values) / np.sqrt(own) / spread
        near = (np.abs(likeness) > _ALIKE) & (np.abs(likeness) < 1.0 - 1e-9)
        close = np.flatnonzero(near & (np.abs(beside) < _TOLD_APART))
        nearest: list[int] = close[np.argsort(-np.abs(likeness[close]))][:_MOST_ALIKE].tolist()
        return nearest

    def _effect(self, number: int, others: list[int], width: float) -> WordEffect:
        """What goes with one of the words that are named, beside the others."""
        own = _without(self._words[:, [number]], self._words[:, others])[:, 0]
        left = _without(self._fault[:, None], self._words[:, [*others, number]])[:, 0]
        size = float(own @ own)
        value = float(own @ self._fault) / size
        half = width * float(self._scale((own / size**0.5)[:, None], left)[0]) / size**0.5
        return WordEffect(
            word="",
            alternatives=(),
            fault="",
            difference=value,
            low=value - half,
            high=value + half,
            p_value=1.0,
            pictures=round(float(self._sums[number])),
            others=round(self._pictures - float(self._sums[number])),
        )

    def _parts(self, unit: Floats, left: Floats) -> Floats:
        """(b, f) what each block adds to the value of each word."""
        assert self._blocks is not None
        parts = np.zeros((int(self._blocks.max()) + 1, unit.shape[1]))
        np.add.at(parts, self._blocks, unit * left[:, None])
        return parts

    def _scale(self, unit: Floats, left: Floats) -> Floats:
        """(f,) how much the value of each word varies; the same of all without blocks."""
        if self._blocks is None:
            spread = float(np.linalg.norm(left)) / max(self._freedom, 1) ** 0.5
            return np.full(unit.shape[1], max(spread, 1e-12))
        found = np.sqrt(np.square(self._parts(unit, left)).sum(axis=0))
        return np.asarray(np.maximum(found, 1e-12), np.float64)

    def _null(self, unit: Floats, left: Floats, count: int) -> Floats:
        """(count,) the largest value of any word where words have nothing to do with the fault."""
        if self._blocks is not None:
            parts = self._parts(unit, left)
            signs = self._rng.choice([-1.0, 1.0], (count, len(parts)))
            return np.asarray(np.abs(signs @ parts).max(axis=1))
        order = np.argsort(self._strata, kind="stable")
        bounds = np.flatnonzero(np.diff(self._strata[order])) + 1
        permuted = np.empty((len(left), count))
        for part in np.split(order, bounds):
            own = np.repeat(left[part][:, None], count, axis=1)
            permuted[part] = self._rng.permuted(own, axis=0)
        return np.asarray(np.abs(unit.T @ permuted).max(axis=0))


def _within(values: Floats, strata: Integers) -> Floats:
    """Values less the mean of their class."""
    numbers = np.unique(strata, return_inverse=True)[1]
    sizes = np.bincount(numbers)
    sums = np.zeros((len(sizes), values.shape[1]))
    np.add.at(sums, numbers, values)
    return np.asarray(values - (sums / sizes[:, None])[numbers])


def _without(values: Floats, others: Floats) -> Floats:
    """Values less what others explain of them by least squares."""
    if others.shape[1] == 0:
        return values
    return np.asarray(values - others @ np.linalg.lstsq(others, values, rcond=1e-9)[0])


def _first(values: Floats) -> int:
    """The value that stands out most; of two that are exact opposites the positive one."""
    size = np.abs(values)
    return int(
        np.flatnonzero(size >= size.max() - 1e-9)[np.argmax(values[size >= size.max() - 1e-9])]
    )
