"""Variety given the prompt: is it the words or the seeds that should vary more?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from synthaudit.arrays import Floats, Integers
from synthaudit.auditing.context import Context
from synthaudit.auditing.step import Step
from synthaudit.auditing.steps.prompts import PromptSection
from synthaudit.auditing.steps.text_space import TextSpaceSection
from synthaudit.measures.intervals import Estimate
from synthaudit.measures.prompts.conditional_variety import (
    ConditionalVariety,
    bandwidth_of,
    conditional_variety,
)
from synthaudit.measures.randomness import sample_rows, stream
from synthaudit.measures.samples import Samples
from synthaudit.measures.search.neighbours import Directions
from synthaudit.result.section import Section

_ROWS: Final = 1000


@dataclass(frozen=True, kw_only=True)
class VarietySection(Section):
    """How much of the variety the prompts decide.

    Attributes:
        whole: of the set.
        classes: of each class that has enough pictures.
    """

    whole: ConditionalVariety
    classes: Mapping[str, ConditionalVariety]

    @property
    def within_classes(self) -> Estimate | None:
        """Of the variety within a class, the mean over classes; None without two of them."""
        own = [part.from_prompts for part in self.classes.values()]
        if len(own) < 2:
            return None
        value = float(np.mean([part.value for part in own]))
        halves = [(part.high - part.low) / 2.0 for part in own]
        half = float(np.sqrt(np.square(halves).sum())) / len(own)
        return Estimate(value=value, low=max(value - half, 0.0), high=min(value + half, 1.0))

    def to_dict(self) -> dict[str, Any]:
        """The set, and its classes."""
        return {
            "variety": {
                **asdict(self.whole),
                "within_classes": None
                if self.within_classes is None
                else asdict(self.within_classes),
                "classes": {name: asdict(own) for name, own in self.classes.items()},
            }
        }


def part_variety(samples: Samples, context: Context) -> VarietySection | None:
    """Part the variety of the synthetic pictures; None where prompts do not tell."""
    prompts = context.section(PromptSection)
    texts, numbers = prompts.numbered(samples.is_synthetic)
    rows = np.flatnonzero(samples.is_synthetic & (numbers >= 0))
    rng = stream(context.settings.seed, "conditional variety")
    rows = sample_rows(rows, _ROWS, rng)
    if len(np.unique(numbers[rows])) < 2 or len(samples.real) < 2:
        return None
    context.progress.start("parting variety by prompts", 0)
    real = Directions(samples.vectors[sample_rows(samples.real, _ROWS, rng)]).unit
    bandwidth = bandwidth_of(np.asarray(real, np.float64), rng)
    unit = np.asarray(Directions(samples.vectors[rows]).unit, np.float64)
    read = _texts(texts, numbers[rows], context)

    def part(own: Integers) -> ConditionalVariety | None:
        return conditional_variety(
            unit[own],
            numbers[rows[own]],
            bandwidth=bandwidth,
            texts=None if read is None else read[own],
            confidence=context.settings.confidence,
            rng=rng,
        )

    whole = part(np.arange(len(rows)))
    if whole is None:
        return None
    classes = samples.classes[rows]
    found = {
        str(name): own
        for name in sorted({name for name in classes if name is not None}, key=str)
        if (own := part(np.flatnonzero(classes == name))) is not None
    }
    return VarietySection(whole=whole, classes=found)


def _texts(texts: list[str], numbers: Integers, context: Context) -> Floats | None:
    """(n, e) the prompts of pictures as directions, where hardly two pictures share a prompt."""
    space = context.find(TextSpaceSection)
    if space is None or 2 * len(np.unique(numbers)) < len(numbers):
        return None
    used, place = np.unique(numbers, return_inverse=True)
    read = Directions(space.read([texts[number] for number in used])).unit
    return np.asarray(read[place], np.float64)


STEP: Final = Step(name="variety", run=part_variety, needs=("prompts",), looks_at=("text_space",))
