"""Stable Diffusion and its kin through diffusers: text, reference images and masks to images."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from PIL import Image
from pydantic import Field

from synthaudit.embedding.hub import file_digest
from synthaudit.errors import GeneratorError, PlanError
from synthaudit.generation.families import Family, Model, describe
from synthaudit.generation.ineffective import refuse_without_effect
from synthaudit.generation.jobs import GeneratorOptions, Job, Made, parse_options
from synthaudit.generation.pipelines import Pipeline, load_pipeline, locate_model, scheduler_names
from synthaudit.generation.prompt_length import PromptReader
from synthaudit.generation.references import References
from synthaudit.progress import LOGGER
from synthaudit.registry import nearest_name

_LIBRARIES: Final = ("diffusers", "transformers", "torch")
_BLACK: Final = 8
_PER_IMAGE: Final = ("steps", "guidance_scale", "true_cfg_scale", "size", "strength")
_STEPS: Final = 30
# Templates of chats and tokenizers decide what a text encoder is given.
_DECIDING: Final = (".safetensors", ".json", ".txt", ".model", ".jinja", ".spm", ".gguf")


class DiffusionOptions(GeneratorOptions):
    """Options of the generator ``diffusers``.

    Attributes:
        model: a repository of the hub, a folder, or a single .safetensors file.
        steps, guidance_scale: of the sampling; by default what is usual for the model's family.
        true_cfg_scale: weight of the negative prompt, of families where ``guidance_scale`` is
            another thing (FLUX.1, Qwen-Image); it counts above 1.
        negative_prompt, scheduler, size: likewise; size is one number or ``[width, height]``. A
            scheduler is a class of diffusers.
        lora: a file or folder of LoRA weights; ``lora_scale`` its strength.
        references: ``real`` starts from real images of the subject, a folder from those in it;
            ``strength`` in (0, 1] is how much of them is repainted.
        masks: folder of masks, white where to repaint, named like the references.
        precision, device, batch_size: ``auto`` is bf16 or fp16 on a GPU, fp32 elsewhere; batches of
            16 on a GPU and 4 elsewhere, halved when memory runs out.
        attention: ``slicing`` saves memory.
        local_files_only: never ask a hub.
    """

    model: str = Field(min_length=1)
    steps: int | None = Field(default=None, ge=1, le=1000)
    guidance_scale: float | None = Field(default=None, ge=0.0, le=100.0)
    true_cfg_scale: float | None = Field(default=None, ge=0.0, le=100.0)
    negative_prompt: str | None = None
    scheduler: str | None = None
    size: int | tuple[int, int] | None = None
    lora: str | None = None
    lora_scale: float = Field(default=1.0, ge=-10.0, le=10.0)
    references: str | None = None
    strength: float = Field(default=0.6, gt=0.0, le=1.0)
    masks: str | None = None
    precision: Literal["auto", "fp32", "fp16", "bf16"] = "auto"
    device: str = "auto"
    batch_size: int | None = Field(default=None, ge=1)
    attention: Literal["default", "slicing"] = "default"
    local_files_only: bool = False

    @property
    def sides(self) -> tuple[int, int] | None:
        """Width and height."""
        return (self.size, self.size) if isinstance(self.size, int) else self.size

    @property
    def task(self) -> Literal["text", "image", "inpaint"]:
        """What the pipeline starts from."""
        if self.references is None:
            return "text"
        return "image" if self.masks is None else "inpaint"


class DiffusionGenerator:
    """Makes images with a diffusers pipeline, the one that the last job used staying loaded."""

    name = "diffusers"
    known_options = tuple(DiffusionOptions.model_fields)

    def __init__(self, references: References) -> None:
        self._references = references
        self._loaded: tuple[Any, Pipeline] | None = None
        self._batch: int | None = None
        # For the life of this generator: before a later sweep a model may change in its place.
        self._places: dict[str, Path] = {}
        self._digests: dict[Path, str] = {}
        self._models: dict[Path, Model] = {}
        self._readers: dict[Path, PromptReader] = {}

    def check(self, job: Job) -> None:
        """Refuse wrong options, missing packages, models, LoRA weights, references and masks."""
        if find_spec("diffusers") is None or find_spec("transformers") is None:
            raise GeneratorError(
                "the generator diffusers needs its extra: in a checkout, pip install '.[generate]'."
            )
        options = self._options(job)
        if not job.prompt:
            raise PlanError("the generator diffusers needs a prompt: write one.")
        if options.scheduler and options.scheduler not in scheduler_names():
            hint = nearest_name(options.scheduler, scheduler_names())
            raise PlanError(f"diffusers has no scheduler {options.scheduler!r}; {hint}")
        if options.masks is not None and options.references is None:
            raise PlanError("masks need references to repaint: add references.")
        if options.lora is not None and not Path(options.lora).exists():
            raise GeneratorError(f"there are no LoRA weights at {options.lora}: mend the path.")
        refuse_without_effect(self._model(options), options)
        if options.references is not None:
            self._references.pick(options.references, job, masks=options.masks)

    def identity(self, job: Job) -> Mapping[str, Any]:
        """Library versions, and digests of model, LoRA and reference."""
        options = self._options(job)
        found: dict[str, Any] = dict(_versions())
        place = self._locate(options)
        found["model"] = self._digest(place)
        found["sampling"] = _sampling(options, self._model(options).family)
        if options.lora is not None:
            found["lora"] = self._digest(Path(options.lora))
        if options.references is not None:
            found["reference"] = self._references.digest(options.references, job, options.masks)
        return found

    def make(self, jobs: Sequence[Job]) -> Iterator[Made]:
        """Make images; neighbours with the same options share batches."""
        for options, group in groupby(jobs, key=self._options):
            pending = list(group)
            self._batch = self._batch or options.batch_size
            while pending:
                pipeline = self._pipeline(options)
                size = self._batch or (4 if pipeline.device == "cpu" else 16)
                batch = pending[:size]
                try:
                    made = self._make(pipeline, options, batch)
                except _out_of_memory() as error:
                    self._give_way(pipeline, size, error)
                    continue
                yield from made
                pending = pending[len(batch) :]

    def count_cut_words(self, prompt: str) -> int:
        """Tokens that no tokenizer of the models in use would read; CLIP's where none is there."""
        known = [place for place in self._places.values() if place.is_dir()]
        counts = [self._prompts(place).count_cut(prompt) for place in known]
        return max(counts) if counts else PromptReader.of_clip().count_cut(prompt)

    def _prompts(self, place: Path) -> PromptReader:
        if place not in self._readers:
            family = self._described(place).family
            self._readers[place] = PromptReader.of_model(
                place, None if family is None else family.tokens
            )
        return self._readers[place]

    def _locate(self, options: DiffusionOptions) -> Path:
        if options.model not in self._places:
            self._places[options.model] = locate_model(
                options.model, local_files_only=options.local_files_only
            )
        return self._places[options.model]

    def _model(self, options: DiffusionOptions) -> Model:
        return self._described(self._locate(options))

    def _described(self, place: Path) -> Model:
        if place not in self._models:
            self._models[place] = describe(place)
        return self._models[place]

    def _digest(self, place: Path) -> str:
        if place not in self._digests:
            self._digests[place] = _model_digest(place)
        return self._digests[place]

    def _options(self, job: Job) -> DiffusionOptions:
        return parse_options(DiffusionOptions, self.name, job.options)

    def _pipeline(self, options: DiffusionOptions) -> Pipeline:
        key = options.model_dump(exclude={*_PER_IMAGE, "negative_prompt", "batch_size"})
        if self._loaded is None or self._loaded[0] != key:
            self._loaded = None  # the old model makes room first
            self._loaded = (
                key,
                load_pipeline(
                    self._locate(options),
                    task=options.task,
                    precision=options.precision,
                    device=options.device,
                    scheduler=options.scheduler,
                    lora=None if options.lora is None else Path(options.lora),
                    lora_scale=options.lora_scale,
                    slice_attention=options.attention == "slicing",
                    family=self._model(options).family,
                ),
            )
        return self._loaded[1]

    def _make(
        self, pipeline: Pipeline, options: DiffusionOptions, jobs: Sequence[Job]
    ) -> list[Made]:
        import torch

        # A generator of its own on the CPU makes an image independent of its batch and device.
        seeds = [torch.Generator("cpu").manual_seed(job.seed) for job in jobs]
        sampling = _sampling(options, pipeline.family)
        call: dict[str, Any] = {"generator": seeds, **sampling}
        call |= pipeline.embed(
            [job.prompt for job in jobs],
            options.negative_prompt,
            guided=sampling.get("guidance_scale", 0.0) > 1.0,
        )
        call |= self._starting_points(options, jobs)
        start = time.perf_counter()
        found = pipeline.run(**call)
        _refuse_other_sizes(found.images, call)
        seconds = (time.perf_counter() - start) / len(jobs)
        flagged = getattr(found, "nsfw_content_detected", None) or [False] * len(jobs)
        return [
            _judge(image, is_flagged=bool(is_flagged), seconds=seconds)
            for image, is_flagged in zip(found.images, flagged, strict=True)
        ]

    def _starting_points(self, options: DiffusionOptions, jobs: Sequence[Job]) -> dict[str, Any]:
        sides = options.sides
        if options.references is None:
            return {} if sides is None else {"width": sides[0], "height": sides[1]}
        pairs = [
            self._references.open(options.references, job, masks=options.masks, sides=sides)
            for job in jobs
        ]
        call: dict[str, Any] = {"image": [image for image, _ in pairs]}
        call["strength"] = options.strength
        if options.masks is not None:
            call["mask_image"] = [mask for _, mask in pairs]
            width, height = pairs[0][0].size
            call |= {"width": width, "height": height}
        return call

    def _give_way(self, pipeline: Pipeline, size: int, error: Exception) -> None:
        """After running out of memory: slice first, then halve the batch for good."""
        import torch

        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if pipeline.save_memory():
            LOGGER.warning("out of memory: the decoder works in slices from here on.")
            return
        if size == 1:
            raise GeneratorError(
                f"{pipeline.device} has not enough memory for one image: use a smaller size, "
                "precision: fp16 or another model."
            ) from error
        self._batch = size // 2
        LOGGER.warning("out of memory: batches of %d from here on.", self._batch)


def _refuse_other_sizes(images: Sequence[Image.Image], call: Mapping[str, Any]) -> None:
    """Some pipelines make another size than they were asked for, without a word."""
    asked = (call.get("width"), call.get("height"))
    for image in images:
        if None not in asked and image.size != asked:
            raise GeneratorError(
                f"the model made an image of {image.size[0]} x {image.size[1]} pixels where "
                f"{asked[0]} x {asked[1]} were asked for: give a size that it can make."
            )


def _sampling(options: DiffusionOptions, family: Family | None) -> dict[str, Any]:
    """Steps and scales by the names of the pipeline, with what is usual for its family."""
    usual = None if family is None else family.guidance
    scale = usual if options.guidance_scale is None else options.guidance_scale
    steps = options.steps or (_STEPS if family is None else family.steps)
    found: dict[str, Any] = {"num_inference_steps": steps}
    if scale is not None:
        found["guidance_scale"] = scale
    true = options.true_cfg_scale
    if true is None and family is not None and options.negative_prompt is not None:
        true = family.true_guidance
    return found if true is None else {**found, "true_cfg_scale": true}


def _out_of_memory() -> type[Exception]:
    import torch

    kind: type[Exception] = torch.OutOfMemoryError
    return kind


def _judge(image: Image.Image, *, is_flagged: bool, seconds: float) -> Made:
    """Safety checkers blacken what they refuse."""
    facts: dict[str, Any] = {"seconds": round(seconds, 4)}
    if is_flagged or int(np.asarray(image).max()) < _BLACK:
        return Made(image=None, facts={**facts, "refused": "the safety checker left it black"})
    return Made(image=image, facts=facts)


@cache
def _versions() -> tuple[tuple[str, str], ...]:
    return tuple((name, version(name)) for name in _LIBRARIES)


def _model_digest(place: Path) -> str:
    """One digest of a file, or of all weights and settings in a folder."""
    if place.is_file():
        return file_digest(place)
    files = sorted(file for file in place.rglob("*") if file.suffix in _DECIDING and file.is_file())
    import hashlib

    digest = hashlib.sha256()
    for file in files:
        with contextlib.suppress(OSError):
            digest.update(f"{file.relative_to(place)}\0{file_digest(file)}\n".encode())
    return digest.hexdigest()
