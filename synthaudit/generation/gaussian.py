"""A Gaussian for each class in the principal axes of its pixels: the other baseline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from PIL import Image
from pydantic import Field

from synthaudit.arrays import Floats
from synthaudit.generation.jobs import GeneratorOptions, Job, Made, parse_options
from synthaudit.generation.references import References

_FITTED: Final = 1000
_LARGEST: Final = 128


class GaussianOptions(GeneratorOptions):
    """Options of the generator ``gaussian``.

    Attributes:
        axes: principal axes that vary.
        spread: factor on the standard deviations; 0 gives the mean image.
    """

    axes: int = Field(default=50, ge=1, le=2000)
    spread: float = Field(default=1.0, ge=0.0, le=10.0)


@dataclass(frozen=True)
class _Model:
    """A Gaussian of images: mean (p,), axes (k, p), deviations (k,), and (width, height)."""

    mean: Floats
    axes: Floats
    deviation: Floats
    size: tuple[int, int]


class GaussianGenerator:
    """Draws images from a Gaussian fitted to the real images of the subject."""

    name = "gaussian"
    known_options = tuple(GaussianOptions.model_fields)

    def __init__(self, references: References) -> None:
        self._references = references
        self._models: dict[tuple[str | None, int], _Model] = {}

    def check(self, job: Job) -> None:
        """Refuse wrong options."""
        parse_options(GaussianOptions, self.name, job.options)
        self._references.of_subject("real", job.subject)

    def identity(self, job: Job) -> Mapping[str, Any]:
        """How many images the model is fitted to, and a digest of the first."""
        entries = self._references.of_subject("real", job.subject)
        first = Job(prompt="", subject=job.subject, number=0, seed=0)
        return {"fitted": len(entries), "first": self._references.digest("real", first)}

    def make(self, jobs: Sequence[Job]) -> Iterator[Made]:
        """Draw images, each with its own seed."""
        for job in jobs:
            options = parse_options(GaussianOptions, self.name, job.options)
            model = self._model(job.subject, options.axes)
            drawn = np.random.default_rng(job.seed).standard_normal(len(model.deviation))
            pixels = model.mean + (options.spread * drawn * model.deviation) @ model.axes
            shape = (model.size[1], model.size[0], 3)
            values = np.clip(np.rint(pixels), 0, 255).astype(np.uint8).reshape(shape)
            yield Made(image=Image.fromarray(values))

    def count_cut_words(self, prompt: str) -> int:  # noqa: ARG002 - there is no prompt
        """None: nothing is read."""
        return 0

    def _model(self, subject: str | None, axes: int) -> _Model:
        key = (subject, axes)
        if key not in self._models:
            self._models[key] = self._fit(subject, axes)
        return self._models[key]

    def _fit(self, subject: str | None, axes: int) -> _Model:
        entries = self._references.of_subject("real", subject)[:_FITTED]
        images = [self._references.decode(entry) for entry in entries]
        size = _common_size(images)
        rows = np.stack([np.asarray(image.resize(size), np.float64).ravel() for image in images])
        mean = rows.mean(axis=0)
        _, spread, found = np.linalg.svd(rows - mean, full_matrices=False)
        kept = min(axes, max(len(rows) - 1, 1))
        deviation = spread[:kept] / np.sqrt(max(len(rows) - 1, 1))
        return _Model(mean, found[:kept], deviation, size)


def _common_size(images: Sequence[Image.Image]) -> tuple[int, int]:
    """The median size, within what a fit of pixels can bear."""
    width, height = (float(np.median([image.size[axis] for image in images])) for axis in (0, 1))
    shrink = min(_LARGEST / max(width, height), 1.0)
    return max(round(width * shrink), 1), max(round(height * shrink), 1)
