"""The words to blame: which words of the prompts go with which faults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from synthaudit.arrays import Floats, Integers
from synthaudit.auditing.context import Context
from synthaudit.auditing.step import Step
from synthaudit.auditing.steps.detector import DetectorSection
from synthaudit.auditing.steps.duplicates import DuplicateSection
from synthaudit.auditing.steps.faithfulness import FaithfulnessSection
from synthaudit.auditing.steps.labels import LabelSection
from synthaudit.auditing.steps.prompts import PromptSection
from synthaudit.measures.prompts.prompt_words import LEAST, prompt_features
from synthaudit.measures.prompts.word_effects import WordEffect, word_effects
from synthaudit.measures.samples import Samples
from synthaudit.result.section import Section

# A smaller difference nobody would act on, however sure it is.
_SEEN: Final = 0.01


@dataclass(frozen=True, kw_only=True)
class WordSection(Section):
    """What goes with which words.

    Attributes:
        effects: those beyond chance.
        tested: how many words, phrases and settings were looked at.
        pictures: how many have a prompt.
        left_out: how many further words there are than were looked at.
    """

    effects: Sequence[WordEffect]
    tested: int
    pictures: int
    left_out: int

    def to_dict(self) -> dict[str, Any]:
        """The effects, the gravest fault first."""
        return {
            "words": {
                "tested": self.tested,
                "pictures": self.pictures,
                "left_out": self.left_out,
                "effects": [asdict(effect) for effect in self.effects],
            }
        }


def blame_words(samples: Samples, context: Context) -> WordSection | None:
    """Look for words; None without enough pictures with prompts that differ."""
    prompts = context.section(PromptSection)
    rows = np.flatnonzero(samples.is_synthetic & prompts.is_known)
    if len(rows) < 2 * LEAST:
        return None
    generators = prompts.generators[rows]
    features = prompt_features(
        [str(text) for text in prompts.prompts[rows]],
        [[f"generator {name}"] if name is not None else [] for name in generators],
    )
    if not features.names:
        return None
    context.progress.start("looking for words to blame", 0)
    effects = word_effects(
        _faults(samples, context, rows),
        features,
        strata=class_numbers(samples, rows),
        units=_units(samples, prompts, rows),
        confidence=context.settings.confidence,
        seed=context.settings.seed,
    )
    return WordSection(
        effects=[effect for effect in effects if abs(effect.difference) >= _SEEN],
        tested=len(features.names),
        pictures=len(rows),
        left_out=features.left_out,
    )


def _faults(samples: Samples, context: Context, rows: Integers) -> dict[str, Floats]:
    """By name, how much of each fault some pictures have."""
    count = len(samples)
    found = context.section(DuplicateSection).found
    faults: dict[str, Floats] = {
        "unrealistic": context.section(DetectorSection).detection.probability_synthetic,
        "unvaried": found.is_unvaried.astype(np.float64),
        "unoriginal": found.is_unoriginal.astype(np.float64),
    }
    judged, labels = context.find(FaithfulnessSection), context.find(LabelSection)
    if judged is not None and judged.found is not None:
        faults["unfaithful"] = judged.p_values(count)
    if labels is not None:
        faults["labels"] = labels.flags(count).astype(np.float64)
    return {name: np.asarray(own[rows], np.float64) for name, own in faults.items()}


def _units(samples: Samples, prompts: PromptSection, rows: Integers) -> Integers:
    """(m,) the number of the class, prompt and generator of some samples, all three together."""
    keys = [
        repr((samples.classes[row], prompts.prompts[row], prompts.generators[row])) for row in rows
    ]
    return np.asarray(np.unique(keys, return_inverse=True)[1], np.int64)


def class_numbers(samples: Samples, rows: Integers) -> Integers:
    """(m,) the number of the class of some samples; those without one are of one class."""
    names = [repr(name) for name in samples.classes[rows]]
    return np.asarray(np.unique(names, return_inverse=True)[1], np.int64)


STEP: Final = Step(
    name="words",
    run=blame_words,
    needs=("prompts", "detector", "duplicates"),
    looks_at=("faithfulness", "labels"),
)
