"""What is known of how the images were made: their prompts, seeds and generators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from synthaudit.arrays import Flags, Integers, Names
from synthaudit.auditing.context import Context
from synthaudit.auditing.step import Step
from synthaudit.images.generation_record import GenerationRecord
from synthaudit.measures.protocol import Column
from synthaudit.measures.samples import Samples
from synthaudit.result.section import Section

COLUMNS: Final = (
    Column(name="prompt", description="what the image was asked for, or its caption", missing=None),
    Column(name="seed", description="of the image", missing=None),
    Column(name="generator", description="the program or model that made it", missing=None),
)


@dataclass(frozen=True, kw_only=True)
class PromptSection(Section):
    """How the images were made.

    Attributes:
        prompts: (n,) texts, None where there is none.
        seeds: (n,) numbers, None where there is none.
        generators: (n,) names, None where there is none.
    """

    prompts: Names = field(repr=False)
    seeds: Names = field(repr=False)
    generators: Names = field(repr=False)

    @property
    def is_known(self) -> Flags:
        """(n,) the images with a prompt."""
        return np.array([prompt is not None for prompt in self.prompts], bool)

    def numbered(self, of: Flags) -> tuple[list[str], Integers]:
        """The distinct prompts of some images, and (n,) which one each has; -1 for none."""
        texts = sorted({text for text in self.prompts[of] if text is not None})
        number = {text: position for position, text in enumerate(texts)}
        places = [number.get(text, -1) for text in self.prompts]
        return texts, np.where(of, np.array(places, np.int64), -1)

    def columns(self, samples: Samples) -> Mapping[str, npt.NDArray[Any]]:  # noqa: ARG002
        """As they are known."""
        return {"prompt": self.prompts, "seed": self.seeds, "generator": self.generators}


def read_prompts(samples: Samples, context: Context) -> PromptSection:
    """Gather what the images' files, and what lies beside them, say of them."""
    images = context.images
    records: list[GenerationRecord | None] = [None] * len(samples)
    if images is not None:
        entries = (*images.real.entries, *images.synthetic.entries)
        records = [entry.record for entry in entries]
    parts = {name: np.full(len(samples), None, object) for name in ("prompt", "seed", "generator")}
    for row, record in enumerate(records):
        if record is not None:
            for name, values in parts.items():
                values[row] = getattr(record, name)
    return PromptSection(
        prompts=parts["prompt"], seeds=parts["seed"], generators=parts["generator"]
    )


STEP: Final = Step(name="prompts", run=read_prompts, columns=COLUMNS)
