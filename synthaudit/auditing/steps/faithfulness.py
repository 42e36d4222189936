"""Whether the synthetic pictures show what their prompts say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from synthaudit.arrays import Flags, Floats, Integers
from synthaudit.auditing.context import Context
from synthaudit.auditing.step import Step
from synthaudit.auditing.steps.prompts import PromptSection
from synthaudit.auditing.steps.question import ask_about
from synthaudit.auditing.steps.text_space import NONE, TextSpaceSection, asks_a_question
from synthaudit.measures.prompts.faithfulness import (
    CHANCE,
    Faithfulness,
    judge_faithfulness,
)
from synthaudit.measures.prompts.rivals import AskedPictures
from synthaudit.measures.protocol import Column
from synthaudit.measures.samples import Samples
from synthaudit.measures.search.neighbours import Directions
from synthaudit.result.section import Section

COLUMNS: Final = (
    Column(
        name="prompt_p_value",
        description="share of the others' prompts that fit the picture as well as its own, which "
        "counts too; small where it shows what it was asked for; of synthetic images",
    ),
    Column(
        name="is_unfaithful",
        description="a synthetic image that does not show its prompt; 1 in 20 of those flagged "
        "should be right after all; not there where no prompt was judged",
        missing=None,
    ),
)

LEAST: Final = 20
"""Pictures with prompts, below which nothing is said."""


@dataclass(frozen=True, kw_only=True)
class FaithfulnessSection(Section):
    """What the pictures show of their prompts.

    Attributes:
        found: over the pictures with a prompt; None where nobody could judge.
        model: who judged; None where nobody could.
        rows: (m,) which of the samples they are.
        why_not: a sentence where nobody could; empty otherwise.
    """

    found: Faithfulness | None = field(repr=False)
    model: str | None
    rows: Integers = field(repr=False)
    why_not: str = ""

    def flags(self, count: int) -> Flags:
        """(n,) pictures that do not show their prompts."""
        flags = np.zeros(count, bool)
        if self.found is not None:
            flags[self.rows] = self.found.is_unfaithful
        return flags

    def p_values(self, count: int) -> Floats:
        """(n,) NaN where there is no prompt."""
        values = np.full(count, np.nan)
        if self.found is not None:
            values[self.rows] = self.found.p_values
        return values

    def columns(self, samples: Samples) -> Mapping[str, npt.NDArray[Any]]:
        """What is known of single pictures."""
        count = len(samples)
        return {"prompt_p_value": self.p_values(count), "is_unfaithful": self.flags(count)}

    def to_dict(self) -> dict[str, Any]:
        """The measure of the set, and how many pictures are named."""
        found = self.found
        if found is None:
            return {}
        return {
            "faithfulness": {
                "model": self.model,
                "images": len(self.rows),
                "unfaithful": {**asdict(found.unfaithful), "chance": CHANCE},
                "p_value": found.p_value,
                "named": int(found.is_unfaithful.sum()),
                "estimated_share": found.share,
                "discovery_p_value": found.discovery_p_value,
                "references": found.references,
            }
        }

    def notes(self) -> tuple[str, ...]:
        """Why nobody could judge."""
        return (self.why_not,) if self.why_not else ()


def judge_prompts(samples: Samples, context: Context) -> FaithfulnessSection | None:
    """Hold pictures against prompts; None where hardly any picture has one."""
    prompts, space = context.section(PromptSection), context.find(TextSpaceSection)
    texts, numbers = prompts.numbered(samples.is_synthetic)
    others = {} if context.images is None else context.images.synthetic.other_prompts
    own = set(texts)
    further = {text: name for text, name in others.items() if text not in own}
    asked = AskedPictures.of(
        samples, numbers, len(texts), further=list(further.values()), seed=context.settings.seed
    )
    texts = [*texts, *further]
    rows = asked.rows
    if len(rows) < LEAST or context.settings.faithfulness == NONE:
        return None
    is_asked = asks_a_question(context.settings)
    if space is None and not is_asked:
        return _unjudged(rows, context)
    if not asked.has_rivals:
        return None
    context.progress.start("holding pictures against prompts", 0)
    if space is None or is_asked:
        fit, references, model = ask_about(asked, texts, context)
    else:
        unit = Directions(space.vectors).unit.astype(np.float64)
        read = Directions(space.read([texts[number] for number in asked.needed])).unit
        directions = np.zeros((len(texts), read.shape[1]))
        directions[asked.needed] = read
        fit, references = asked.fit(unit, directions)
        model = space.name
    found = judge_faithfulness(
        fit,
        references,
        groups=samples.groups[rows],
        false_discoveries=context.settings.false_discoveries,
        confidence=context.settings.confidence,
    )
    is_kept = context.is_kept(samples)[rows]
    found = replace(found, is_unfaithful=found.is_unfaithful & ~is_kept)
    return FaithfulnessSection(found=found, model=model, rows=rows)


def _unjudged(rows: Integers, context: Context) -> FaithfulnessSection:
    images = context.images
    name = "nothing here" if images is None else images.reader.embedder.name
    return FaithfulnessSection(
        found=None,
        model=None,
        rows=rows,
        why_not=f"Prompts are known of {len(rows):,} synthetic images, but whether they show them "
        f"was not judged: that needs a model that reads text, and {name} reads none. "
        "--faithfulness clip asks one.",
    )


STEP: Final = Step(
    name="faithfulness",
    run=judge_prompts,
    needs=("prompts",),
    looks_at=("text_space",),
    columns=COLUMNS,
)
