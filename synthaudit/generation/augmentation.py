"""Classical augmentation of real images: a baseline that every diffusion arm has to beat."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

from PIL import Image
from pydantic import Field

from synthaudit.generation.jobs import GeneratorOptions, Job, Made, Traits, parse_options
from synthaudit.generation.references import References


class AugmentationOptions(GeneratorOptions):
    """Options of the generator ``augment``.

    Attributes:
        strength: 0 copies the image, 1 distorts it as much as is usual for training, 2 twice that.
    """

    strength: float = Field(default=1.0, ge=0.0, le=4.0)


class AugmentationGenerator:
    """Crops, mirrors, turns and colours a real image of the subject."""

    name = "augment"
    known_options = tuple(AugmentationOptions.model_fields)

    def __init__(self, references: References) -> None:
        self._references = references

    def check(self, job: Job) -> None:
        """Refuse wrong options."""
        parse_options(AugmentationOptions, self.name, job.options)
        self._references.pick("real", job)

    def identity(self, job: Job) -> Mapping[str, Any]:
        """Version of torchvision, and the image."""
        return {
            "torchvision": version("torchvision"),
            "reference": self._references.digest("real", job),
        }

    def traits(self, job: Job) -> Traits:
        """The real image that it starts from; each image is made by itself."""
        return Traits(is_batched=False, reference=self._references.pick("real", job))

    def make(self, jobs: Sequence[Job]) -> Iterator[Made]:
        """Augment images, each with its own seed."""
        import torch

        for job in jobs:
            strength = parse_options(AugmentationOptions, self.name, job.options).strength
            image = self._references.decode(self._references.pick("real", job))
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(job.seed)
                yield Made(image=_transform(strength, image.size)(image))

    def count_cut_words(self, prompt: str) -> int:  # noqa: ARG002 - there is no prompt
        """None: nothing is read."""
        return 0


@cache
def _transform(strength: float, size: tuple[int, int]) -> Any:
    from torchvision.transforms import v2

    least = max(1.0 - 0.5 * strength, 0.05)
    steps: list[Any] = [
        v2.RandomResizedCrop(
            (size[1], size[0]),
            scale=(least, 1.0),
            ratio=(size[0] / size[1] / (1 + strength / 4), size[0] / size[1] * (1 + strength / 4)),
            antialias=True,
        ),
        v2.RandomHorizontalFlip(0.5 if strength > 0 else 0.0),
        v2.RandomRotation(10.0 * strength, interpolation=Image.Resampling.BILINEAR, fill=255),
        v2.ColorJitter(
            brightness=min(0.3 * strength, 0.95),
            contrast=min(0.3 * strength, 0.95),
            saturation=min(0.3 * strength, 0.95),
            hue=min(0.05 * strength, 0.5),
        ),
    ]
    return v2.Compose(steps) if strength > 0 else v2.Identity()
