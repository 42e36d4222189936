"""Which prompts a picture is held against: those of other classes, or else of other pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np

from synthaudit.arrays import Floats, Integers
from synthaudit.measures.blocks import blocks
from synthaudit.measures.prompts.faithfulness import PromptFit, standardised
from synthaudit.measures.randomness import sample_rows, stream
from synthaudit.measures.samples import Samples

_MOST: Final = 1000
_NUMBERS: Final = 20_000_000
# Pictures that tell how near a prompt is to any picture, and real ones that tell what is right.
_LEVELS: Final = 2000
_REFERENCES: Final = 5000
_LEAST_OTHERS: Final = 2
_BLOCK: Final = 4096


@dataclass(frozen=True, kw_only=True)
class AskedPictures:
    """Pictures with their prompts, and real ones with prompts of their class.

    Attributes:
        rows: (m,) the synthetic samples with a prompt.
        own: (m,) number of each one's prompt.
        classes: (m,) number of each one's class; -1 where there are not two classes.
        references: (r,) real samples of a class that has prompts.
        reference_own: (r,) number of a prompt of each one's class.
        reference_classes: (r,) number of each one's class.
        prompt_classes: (p,) number of the class of the pictures of each prompt; -1 where there are
            not two classes, -2 where pictures of several classes have it.
        rivals: (q,) numbers of the prompts that pictures are held against.
    """

    rows: Integers = field(repr=False)
    own: Integers = field(repr=False)
    classes: Integers = field(repr=False)
    references: Integers = field(repr=False)
    reference_own: Integers = field(repr=False)
    reference_classes: Integers = field(repr=False)
    prompt_classes: Integers = field(repr=False)
    rivals: Integers = field(repr=False)

    @classmethod
    def of(
        cls,
        samples: Samples,
        prompts: Integers,
        count: int,
        *,
        further: Sequence[str | None] = (),
        seed: int = 0,
    ) -> Self:
        """From the samples.

        Args:
            samples: real and synthetic ones.
            prompts: (n,) number of each one's prompt, -1 for none.
            count: how many prompts there are.
            further: the classes of prompts of comparable sets, which are numbered after those.
            seed: decides which rivals and references are taken where there are very many.
        """
        rng = stream(seed, "rival prompts")
        rows = np.flatnonzero(samples.is_synthetic & (prompts >= 0))
        own = prompts[rows]
        names = sorted({name for name in samples.classes[rows] if name is not None}, key=str)
        of_prompt = np.full(count + len(further), -1, np.int64)
        classes = np.full(len(samples), -1, np.int64)
        if len(names) > 1:
            number = {name: position for position, name in enumerate(names)}
            classes = np.array([number.get(name, -1) for name in samples.classes], np.int64)
            of_prompt[own] = classes[rows]
            of_prompt[count:] = [number.get(name, -2) for name in further]
            several = of_prompt[own] != classes[rows]
            of_prompt[own[several]] = -2
        used = np.union1d(own, np.arange(count, len(of_prompt))) if len(own) else own
        most = int(np.clip(_NUMBERS // max(len(rows), 1), 50, _MOST))
        references, reference_own = _references(samples, classes, (rows, own), rng)
        return cls(
            rows=rows,
            own=own,
            classes=classes[rows],
            references=references,
            reference_own=reference_own,
            reference_classes=classes[references],
            prompt_classes=of_prompt,
            rivals=_rivals(used, of_prompt, most, rng),
        )

    @property
    def has_rivals(self) -> bool:
        """Whether there are two prompts to tell apart."""
        return len(np.unique(self.prompt_classes[self.rivals])) > 1 or (
            len(self.rivals) > 1 and bool((self.classes == -1).all())
        )

    @property
    def needed(self) -> Integers:
        """Numbers of all prompts that are compared with anything."""
        parts = (self.own, self.rivals, self.reference_own)
        return np.asarray(np.unique(np.concatenate(parts)), np.int64)

    def reference_sample(self, most: int) -> tuple[Integers, Integers, Integers]:
        """At most so many references: rows, prompts and classes."""
        step = max(-(-len(self.references) // most), 1)
        parts = (self.references, self.reference_own, self.reference_classes)
        rows, own, classes = (part[::step] for part in parts)
        return rows, own, classes

    def fit(self, vectors: Floats, texts: Floats) -> tuple[PromptFit, PromptFit | None]:
        """How well pictures and references fit their prompts, by directions in one space.

        Args:
            vectors: (n, d) rows of length 1, of all samples.
            texts: (p, d) rows of length 1, of the prompts that are needed.
        """
        level, spread = self._levels(vectors, texts)
        fits = []
        for rows, own, classes in (
            (self.rows, self.own, self.classes),
            (self.references, self.reference_own, self.reference_classes),
        ):
            pictures = vectors[rows]
            to_own = np.einsum("nd,nd->n", pictures, texts[own])
            to_rivals = pictures @ texts[self.rivals].T
            scaled = standardised(to_rivals, level[self.rivals], spread[self.rivals])
            scaled[self.rivals[None, :] == own[:, None]] = np.nan
            fits.append(
                PromptFit(
                    own=standardised(to_own, level[own], spread[own]),
                    others=scaled,
                    classes=classes,
                    other_classes=self.prompt_classes[self.rivals],
                )
            )
        return fits[0], fits[1] if len(self.references) else None

    def _levels(self, vectors: Floats, texts: Floats) -> tuple[Floats, Floats]:
        """(p,) mean and standard deviation of each prompt's nearness to pictures of others."""
        chosen = np.linspace(0, len(self.rows) - 1, min(len(self.rows), _LEVELS)).astype(int)
        pictures, classes = vectors[self.rows[chosen]], self.classes[chosen][:, None]
        level, spread = np.zeros(len(texts)), np.ones(len(texts))
        for block in blocks(len(self.needed), _BLOCK):
            own = self.needed[block]
            near = pictures @ texts[own].T
            others = np.where(
                classes >= 0,
                classes != self.prompt_classes[own][None, :],
                self.own[chosen][:, None] != own[None, :],
            )
            counts = others.sum(axis=0)
            # Where all pictures have one prompt, nobody tells how near it is to any picture.
            if counts.min() < _LEAST_OTHERS:
                return np.zeros(len(texts)), np.ones(len(texts))
            level[own] = np.where(others, near, 0.0).sum(axis=0) / counts
            squares = np.where(others, np.square(near - level[own]), 0.0).sum(axis=0) / counts
            spread[own] = np.sqrt(squares)
        return level, spread


def _rivals(used: Integers, of_prompt: Integers, most: int, rng: np.random.Generator) -> Integers:
    """Some of the prompts, of every class as many as can be."""
    usable = used[of_prompt[used] > -2]
    numbers = np.unique(of_prompt[usable])
    share = max(most // max(len(numbers), 1), 1)
    parts = [sample_rows(usable[of_prompt[usable] == own], share, rng) for own in numbers]
    return np.sort(np.concatenate(parts)) if parts else usable


def _references(
    samples: Samples,
    classes: Integers,
    asked: tuple[Integers, Integers],
    rng: np.random.Generator,
) -> tuple[Integers, Integers]:
    """Real images of classes that have prompts, each with that of a picture of its class."""
    rows, prompts = asked
    by_class = {
        int(number): prompts[classes[rows] == number]
        for number in np.unique(classes[rows])
        if number >= 0
    }
    known = np.array([int(number) in by_class for number in classes], bool)
    real = sample_rows(np.flatnonzero(~samples.is_synthetic & known), _REFERENCES, rng)
    own = [by_class[int(classes[row])] for row in real]
    return real, np.array([texts[rng.integers(len(texts))] for texts in own], np.int64)
