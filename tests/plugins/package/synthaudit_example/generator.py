"""A generator: coloured stripes, as many as the option says."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from synthaudit import GeneratorOptions, Job, Made, References, parse_options


class StripesOptions(GeneratorOptions):
    """Options that a plan may set or use as an axis."""

    stripes: int = 4


class Stripes:
    """Draws stripes in random colours."""

    name = "stripes"
    known_options = tuple(StripesOptions.model_fields)

    def __init__(self, references: References) -> None:
        self.references = references

    def check(self, job: Job) -> None:
        """Refuse wrong options before anything is made."""
        parse_options(StripesOptions, self.name, job.options)

    def identity(self, job: Job) -> Mapping[str, Any]:
        """What decides an image besides the job: raise it when the stripes change."""
        return {"version": 1}

    def make(self, jobs: Sequence[Job]) -> Iterator[Made]:
        """One picture a job, by its seed."""
        for job in jobs:
            options = parse_options(StripesOptions, self.name, job.options)
            colours = np.random.default_rng(job.seed).integers(0, 256, (1, options.stripes, 3))
            picture = Image.fromarray(colours.astype(np.uint8))
            yield Made(image=picture.resize((48, 48), Image.Resampling.NEAREST))

    def count_cut_words(self, prompt: str) -> int:
        """No prompt is read."""
        return 0
