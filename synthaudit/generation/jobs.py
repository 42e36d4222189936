"""What a generator is asked for and what it answers: prompts and seeds in, images and facts out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

from PIL import Image
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from synthaudit.errors import GeneratorError, PlanError
from synthaudit.images.collection import ImageEntry
from synthaudit.images.decoding import UnreadableImage, open_rgb
from synthaudit.validation import explain

_MOST_SIDE: Final = 16_384


@dataclass(frozen=True, kw_only=True)
class Job:
    """One image to make.

    Attributes:
        prompt: the text.
        subject: what it shows; the class that the image is meant to have.
        number: which image of its subject, from 0; the same in every arm.
        seed: of the image; the same in every arm.
        options: of the generator, those of the arm included.
    """

    prompt: str
    subject: str | None
    number: int
    seed: int
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Made:
    """What became of a job.

    Attributes:
        image: the picture; None when the generator refused or failed to make it.
        data: the file as it is, where it need not be encoded anew.
        facts: what is worth knowing: seconds, money, why there is no picture.
        error: why it could not be made now; nothing is kept of it, those beside it are, and then
            the sweep ends with it.
    """

    image: Image.Image | None
    data: bytes | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    error: GeneratorError | None = None

    def refuse_broken(self, job: Job, whose: str) -> None:
        """Refuse the file of an image that does not decode: such an image was not made.

        Args:
            job: what was asked for.
            whose: who made it.

        Raises:
            GeneratorError: it does not.
        """
        if self.data is None:
            return
        try:
            open_rgb(self.data)
        except UnreadableImage as error:
            of = "" if job.subject is None else f" of {job.subject!r}"
            raise GeneratorError(
                f"{whose} made a broken image (number {job.number}{of}, seed {job.seed}: "
                f"{error}), which was not kept: mend it and give the same command again."
            ) from error


@dataclass(frozen=True, kw_only=True)
class Traits:
    """What is special about how a generator makes images.

    Attributes:
        is_seeded: whether images of one seed have something in common whatever the prompt, which
            makes the images of a slot pairs.
        is_batched: whether the last bits of an image may depend on its batch.
        price: what an image costs; None where nobody has said.
        passing: options that decide nothing of an image.
        reference: the real image that it is made from; None where there is none.
    """

    is_seeded: bool = True
    is_batched: bool = True
    price: float | None = None
    passing: Sequence[str] = ()
    reference: ImageEntry | None = None


class Generator(Protocol):
    """Makes images.

    One with ``traits(job)`` says by it what is special about it; the others are as ``Traits()``.
    """

    @property
    def name(self) -> str:
        """As the plan calls it."""

    @property
    def known_options(self) -> Sequence[str]:
        """The options that a plan may set or use as an axis."""

    def check(self, job: Job) -> None:
        """Refuse, before anything is made, what cannot be made.

        Raises:
            PlanError: an option is wrong.
            GeneratorError: something that the job needs is missing.
        """

    def identity(self, job: Job) -> Mapping[str, Any]:
        """What decides the image besides the job itself: versions, digests of models and files."""

    def make(self, jobs: Sequence[Job]) -> Iterator[Made]:
        """Make images, one for each job, in order."""

    def count_cut_words(self, prompt: str) -> int:
        """How many tokens of a prompt the model would not see."""


def traits_of(generator: Generator, job: Job) -> Traits:
    """What is special about how a job is done."""
    own = getattr(generator, "traits", None)
    found = Traits() if own is None else own(job)
    return found if isinstance(found, Traits) else Traits()


def seed_of(seed: int, subject: str | None, number: int) -> int:
    """The seed of an image: the same in every arm, so that arms differ by the prompt alone."""
    text = f"{seed}\0{subject or ''}\0{number}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6])


def recipe_of(job: Job, generator: Generator, codec: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that decides the bytes of an image."""
    passing = traits_of(generator, job).passing
    return {
        "generator": generator.name,
        "prompt": job.prompt,
        "subject": job.subject,
        "number": job.number,
        "seed": job.seed,
        "options": {name: value for name, value in job.options.items() if name not in passing},
        "identity": dict(generator.identity(job)),
        "codec": dict(codec),
    }


def recipe_digest(recipe: Mapping[str, Any]) -> str:
    """The name of an image by its recipe."""
    text = json.dumps(recipe, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


OptionsType = TypeVar("OptionsType", bound=BaseModel)


class GeneratorOptions(BaseModel):
    """Root of the options of a generator: unknown ones are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SizedOptions(GeneratorOptions):
    """Options of a generator that is told the size of its images.

    Attributes:
        size: one number or ``[width, height]``; None for what is usual.
    """

    size: int | list[int] | None = None

    @field_validator("size")
    @classmethod
    def _is_a_size(cls, size: int | list[int] | None) -> int | list[int] | None:
        sides = [size] if isinstance(size, int) else size
        if sides is not None and (
            len(sides) not in (1, 2) or any(not 1 <= side <= _MOST_SIDE for side in sides)
        ):
            raise ValueError(
                f"size should be one number or [width, height], each from 1 to {_MOST_SIDE:,}, not "
                f"{size}"
            )
        return size

    @property
    def sides(self) -> tuple[int, int] | None:
        """Width and height."""
        if self.size is None:
            return None
        own = [self.size] if isinstance(self.size, int) else self.size
        return own[0], own[-1]


def parse_options(
    kind: type[OptionsType], generator: str, options: Mapping[str, Any]
) -> OptionsType:
    """Validate the options of a job.

    Raises:
        PlanError: in one sentence, with the nearest known name for an unknown one.
    """
    try:
        return kind.model_validate(dict(options))
    except ValidationError as error:
        sentence = explain(
            error, noun="option", known=lambda _: kind.model_fields, speaks_for_itself=True
        )
        raise PlanError(f"generator {generator}: {sentence}") from error
