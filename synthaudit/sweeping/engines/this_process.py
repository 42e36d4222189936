"""Who makes the images of a sweep: this process, others beside it, or a cluster."""

from __future__ import annotations

from collections.abc import Generator as Generation
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from synthaudit.errors import GeneratorError
from synthaudit.generation.jobs import Generator, Job, Made, recipe_digest, recipe_of
from synthaudit.generation.references import References
from synthaudit.generation.verification import make_generator
from synthaudit.sweeping.store import Codec, codec_facts

Answer = tuple[int, int, Made]
"""An image: the number of its batch, its place there, and what became of it."""

Answers = Generation[Answer, None, None]
"""One after the other; to close it ends the work."""


@dataclass(frozen=True, kw_only=True)
class ImageSlot:
    """One image of an arm: its job, and the digest of its recipe."""

    job: Job
    digest: str


Batch = Sequence[ImageSlot]


class Engine(Protocol):
    """Makes batches of images."""

    def run(self, batches: Sequence[Batch]) -> Answers:
        """Make batches, each as a whole and by one generator, in any order.

        After an image with an ``error`` no further batch is begun; what has been begun is finished.
        """


class ThisProcess:
    """Makes one batch after the other.

    Args:
        generator: makes the images.
    """

    def __init__(self, generator: Generator) -> None:
        self._generator = generator

    def run(self, batches: Sequence[Batch]) -> Answers:
        """As ``Engine``."""
        for number, batch in enumerate(batches):
            has_failed, place = False, 0
            made_ones = self._generator.make([slot.job for slot in batch])
            try:
                for place, made in zip(range(len(batch)), made_ones, strict=True):
                    has_failed = has_failed or made.error is not None
                    yield number, place, made
            except GeneratorError as error:
                yield number, place, Made(image=None, error=error)
                return
            if has_failed:
                return


@dataclass(frozen=True, kw_only=True)
class WorkerPlan:
    """What a worker needs to make images as this process would.

    Attributes:
        generator: its name.
        references: the real images, by their places.
        codec: of the images that it hands back.
    """

    generator: str
    references: References
    codec: Codec


class Worker:
    """A generator in a process of its own, loaded once.

    Args:
        plan: what it needs.
        device: where it computes; None for what the sweep's plan says.
    """

    def __init__(self, plan: WorkerPlan, device: str | None) -> None:
        self._codec = plan.codec
        self.generator = make_generator(plan.generator, plan.references, device=device)

    def would_make(self, slot: ImageSlot) -> bool:
        """Whether what it would make is what goes by that digest elsewhere."""
        recipe = recipe_of(slot.job, self.generator, codec_facts(self._codec))
        return recipe_digest(recipe) == slot.digest

    def make(self, batch: Batch) -> Iterator[Made]:
        """Make a batch; images come back as the files that the store will keep."""
        for _, _, made in ThisProcess(self.generator).run([batch]):
            if made.image is None:
                yield made
            else:
                yield replace(made, image=None, data=self._codec.encode(made.image))
