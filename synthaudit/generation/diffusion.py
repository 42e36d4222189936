"""Stable Diffusion and its kin through diffusers: text, reference images and masks to images."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, Final

import numpy as np
from PIL import Image

from synthaudit.errors import GeneratorError, PlanError
from synthaudit.generation.adaptive_scale import AdaptiveScales
from synthaudit.generation.diffusion_options import DiffusionOptions
from synthaudit.generation.jobs import Job, Made, Traits, parse_options
from synthaudit.generation.masks.finding import FoundObject, ObjectFinder
from synthaudit.generation.masks.options import MaskOptions
from synthaudit.generation.masks.repainting import MaskedReferences, Repaint
from synthaudit.generation.memory_peak import MemoryPeak
from synthaudit.generation.models.families import Family
from synthaudit.generation.models.ineffective import refuse_without_effect
from synthaudit.generation.models.model_files import ModelFiles
from synthaudit.generation.models.pipelines import Pipeline, load_pipeline
from synthaudit.generation.references import References
from synthaudit.images.collection import ImageEntry
from synthaudit.progress import LOGGER

_LIBRARIES: Final = ("diffusers", "transformers", "torch")
_BLACK: Final = 8
_PER_IMAGE: Final = {
    *("steps", "guidance_scale", "true_cfg_scale", "negative_prompt", "size", "batch_size"),
    *("references", "strength", "masks", "padding", "adapter_scale", "judge", "seed"),
}
_STEPS: Final = 30


class DiffusionGenerator:
    """Makes images with a diffusers pipeline, the one that the last job used staying loaded.

    Args:
        references: the real images.
    """

    name = "diffusers"
    known_options = tuple(DiffusionOptions.model_fields)

    def __init__(self, references: References) -> None:
        self._references = references
        self._device: str | None = None
        self._files = ModelFiles()
        self._told: set[str] = set()
        self._loaded: tuple[Any, Pipeline] | None = None
        self._batch: int | None = None
        self._scales: dict[tuple[str, bool], AdaptiveScales] = {}
        self._masked: dict[str, MaskedReferences] = {}
        self._finders: dict[str, ObjectFinder] = {}

    def use_device(self, device: str) -> None:
        """Compute there, whatever plans say."""
        self._device = device

    def traits(self, job: Job) -> Traits:
        """Its reference; a model is the same wherever it was fetched from."""
        reference = self._reference(self._options(job), job)
        return Traits(passing=("local_files_only",), reference=reference)

    def objects(self, job: Job) -> Sequence[FoundObject]:
        """What of the image of a job is the object; empty where nobody knows."""
        options = self._options(job)
        repaint = self._repaint(options, job)
        return () if repaint is None else repaint.objects

    def check(self, job: Job) -> None:
        """Refuse wrong options, missing packages, models, weights, references and masks."""
        if find_spec("diffusers") is None or find_spec("transformers") is None:
            raise GeneratorError(
                "the generator diffusers needs its extra: in a checkout, pip install '.[generate]'."
            )
        options = self._options(job)
        if not job.prompt:
            raise PlanError("the generator diffusers needs a prompt: write one.")
        model = self._files.model(options)
        refuse_without_effect(model, options)
        if not model.is_listed and model.pipeline is not None and options.model not in self._told:
            self._told.add(options.model)
            LOGGER.info(
                "%s is a %s, of which nothing is known here but its signature: its own defaults "
                "hold.",
                options.model,
                model.pipeline,
            )
        self._files.parts(options)
        self._reference(options, job)
        if options.control is not None:
            self._references.pick(options.control.images, job)
            classes = self._references.classes_of(options.control.images)
            if classes and job.subject is not None and job.subject not in classes:
                raise PlanError(
                    f"{options.control.images} has no control images of {job.subject!r}, only of "
                    f"{', '.join(classes[:5])}: add a folder of them."
                )
        self._scale(options, job)

    def identity(self, job: Job) -> Mapping[str, Any]:
        """Library versions, and digests of model, weights and references."""
        options = self._options(job)
        found: dict[str, Any] = {**dict(_versions()), **self._files.digests(options)}
        found["sampling"] = _sampling(options, self._files.model(options).family)
        if options.references is not None:
            repaint = self._repaint(options, job)
            if repaint is None:
                found["reference"] = self._references.digest(options.references, job)
            else:
                found["repainted"] = repaint.digest()
            if isinstance(options.masks, MaskOptions) and options.masks.confirms:
                found["confirmed_by"] = self._finder(options).identity()
        if options.control is not None:
            found["control_image"] = self._references.digest(options.control.images, job)
        if options.adapter is not None:
            found["adapter_scale"] = self._scale(options, job)
        return found

    def make(self, jobs: Sequence[Job]) -> Iterator[Made]:
        """Make images; jobs share a batch where that changes nothing but last bits."""
        done: dict[int, Made] = {}
        given = 0
        for numbers in group_positions([self._batch_key(job) for job in jobs]):
            own = self._make_alike([jobs[number] for number in numbers])
            for number, made in zip(numbers, own, strict=True):
                done[number] = made
                while given in done:
                    yield done.pop(given)
                    given += 1

    def count_cut_words(self, prompt: str) -> int:
        """Tokens that no tokenizer of the models in use would read; CLIP's where none is there."""
        return self._files.count_cut_words(prompt)

    def _options(self, job: Job) -> DiffusionOptions:
        return parse_options(DiffusionOptions, self.name, job.options)

    def _batch_key(self, job: Job) -> Any:
        """What the jobs of a batch have in common."""
        options = self._options(job)
        family = self._files.model(options).family
        key: tuple[Any, ...] = (options.model_dump_json(),)
        if family is None or family.mixes_prompts:
            key += (job.prompt,)
        if options.starts_from_references and options.sides is None:
            # Of references of several sizes pipelines would make images of the first one's.
            key += (self._starting_image(options, job).size,)
        if options.padding is not None:
            key += (job.seed,)  # pipelines look at a part of one image at a time
        if options.adapter is not None and options.references is not None:
            # One pipeline has one scale, and mixes the image prompts of a batch (diffusers 9813).
            entry = self._reference(options, job)
            key += (entry and entry.path, self._scale(options, job))
        return key

    def _scale(self, options: DiffusionOptions, job: Job) -> float | None:
        """How far the image prompt of a job is followed; None without any."""
        if options.adapter is None or options.references is None:
            return None
        if options.adapter_scale != "adaptive":
            return float(options.adapter_scale)
        key = (options.judge, options.local_files_only)
        if key not in self._scales:
            self._scales[key] = AdaptiveScales(
                self._references, options.judge, local_files_only=options.local_files_only
            )
        return self._scales[key].of_job(options.references, job)

    def _reference(self, options: DiffusionOptions, job: Job) -> ImageEntry | None:
        """The real image that a job starts from or follows."""
        if options.references is None:
            return None
        if options.masks is None:
            return self._references.pick(options.references, job)
        masked, multiple = self._masks(options), self._multiple(options)
        return masked.pick(options.references, job, options.sides, multiple)

    def _repaint(self, options: DiffusionOptions, job: Job) -> Repaint | None:
        """What of its reference a job paints anew; None where it has no masks."""
        if options.references is None or options.masks is None:
            return None
        masked, multiple = self._masks(options), self._multiple(options)
        return masked.open(options.references, job, options.sides, multiple)

    def _starting_image(self, options: DiffusionOptions, job: Job) -> Image.Image:
        """The real image that a job repaints, cut to size."""
        repaint = self._repaint(options, job)
        if repaint is not None:
            return repaint.image
        assert options.references is not None
        return self._references.open(
            options.references, job, sides=options.sides, multiple=self._multiple(options)
        )

    def _masks(self, options: DiffusionOptions) -> MaskedReferences:
        assert options.masks is not None
        own = options.masks
        key = own if isinstance(own, str) else own.model_dump_json()
        if key not in self._masked:
            finds = isinstance(own, MaskOptions) and own.folder is None
            finder = self._finder(options) if finds else None
            self._masked[key] = MaskedReferences(self._references, own, finder)
        return self._masked[key]

    def _finder(self, options: DiffusionOptions) -> ObjectFinder:
        """One for all texts, for its models are large."""
        assert isinstance(options.masks, MaskOptions)
        own = options.masks.model_dump_json(exclude={"find", "paint", "margin", "feather"})
        key = f"{own} {options.masks.find is None}"
        if key not in self._finders:
            self._finders[key] = ObjectFinder(
                options.masks,
                device=self._device or options.device,
                local_files_only=options.local_files_only,
                kept=self._references.kept,
            )
        return self._finders[key]

    def _multiple(self, options: DiffusionOptions) -> int:
        family = self._files.model(options).family
        return 8 if family is None else family.multiple

    def _make_alike(self, jobs: Sequence[Job]) -> Iterator[Made]:
        options = self._options(jobs[0])
        self._batch = self._batch or options.batch_size
        pending = list(jobs)
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

    def _pipeline(self, options: DiffusionOptions) -> Pipeline:
        key = options.model_dump(exclude=_PER_IMAGE) | {"task": options.task}
        if self._loaded is None or self._loaded[0] != key:
            self._loaded = None  # the old model makes room first
            loaded = load_pipeline(
                self._files.parts(options),
                options,
                self._files.model(options),
                device=self._device or options.device,
            )
            self._loaded = (key, loaded)
        return self._loaded[1]

    def _make(
        self, pipeline: Pipeline, options: DiffusionOptions, jobs: Sequence[Job]
    ) -> list[Made]:
        import torch

        # A generator of its own on the CPU makes an image independent of its batch and device.
        seeds = [torch.Generator("cpu").manual_seed(job.seed + options.seed) for job in jobs]
        call: dict[str, Any] = {"generator": seeds, **_sampling(options, pipeline.family)}
        # Texts and not embeddings: a text embedded by itself differs in its last bits from the same
        # text among others, and with it the image from what the pipeline gives.
        call["prompt"] = [job.prompt for job in jobs]
        if options.negative_prompt is not None:
            call["negative_prompt"] = [options.negative_prompt] * len(jobs)
        repaints = [self._repaint(options, job) for job in jobs]
        call |= self._starting_points(pipeline, options, jobs, repaints)
        call |= self._image_prompt(pipeline, options, jobs[0])
        with MemoryPeak(pipeline.device) as peak:
            start = time.perf_counter()
            found = pipeline.run(**call)
            seconds = (time.perf_counter() - start) / len(jobs)
        _refuse_other_sizes(found.images, call)
        flagged = getattr(found, "nsfw_content_detected", None) or [False] * len(jobs)
        facts: dict[str, Any] = {"seconds": round(seconds, 4), "memory": peak.bytes}
        if pipeline.watermark is not None:
            facts["watermark"] = pipeline.watermark
        made = [
            _judge(image, is_flagged=bool(is_flagged), facts=facts)
            for image, is_flagged in zip(found.images, flagged, strict=True)
        ]
        return [
            own if repaint is None else self._pasted(own, repaint, options)
            for own, repaint in zip(made, repaints, strict=True)
        ]

    def _pasted(self, made: Made, repaint: Repaint, options: DiffusionOptions) -> Made:
        """The new picture in its place in the old one, if it still shows the object."""
        if made.image is None:
            return made
        image = repaint.paste(made.image)
        is_asked = isinstance(options.masks, MaskOptions) and options.masks.confirms
        if is_asked and not self._masks(options).is_there(image, repaint):
            why = "the object is no longer found at its place"
            return Made(image=None, facts={**made.facts, "refused": why})
        return replace(made, image=image)

    def _starting_points(
        self,
        pipeline: Pipeline,
        options: DiffusionOptions,
        jobs: Sequence[Job],
        repaints: Sequence[Repaint | None],
    ) -> dict[str, Any]:
        """Size, references, masks and control images, by the names of the pipeline."""
        sides = options.sides
        call: dict[str, Any] = {}
        multiple = 8 if pipeline.family is None else pipeline.family.multiple
        if options.starts_from_references and options.references is not None:
            images = [self._starting_image(options, job) for job in jobs]
            call = {"image": images, "strength": options.strength}
            sides = images[0].size
            masks = [repaint.mask() for repaint in repaints if repaint is not None]
            call |= {"mask_image": masks} if masks else {}
            if options.padding is not None:
                call |= {"image": images[0], "mask_image": masks[0]}
                call["padding_mask_crop"] = options.padding
        if sides is not None and {"width", "height"} <= set(pipeline.arguments):
            call |= {"width": sides[0], "height": sides[1]}
        if options.control is not None:
            source = options.control.images
            images = [
                self._references.open(source, job, sides=sides, multiple=multiple) for job in jobs
            ]
            name = "control_image" if "control_image" in pipeline.arguments else "image"
            call |= {name: images, "controlnet_conditioning_scale": options.control.scale}
        return call

    def _image_prompt(
        self, pipeline: Pipeline, options: DiffusionOptions, job: Job
    ) -> dict[str, Any]:
        scale = self._scale(options, job)
        if scale is None or options.references is None:
            return {}
        pipeline.follow(scale)
        entry = self._reference(options, job)
        return {} if entry is None else {"ip_adapter_image": self._references.decode(entry)}

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
                "precision: fp16, offload: model or another model."
            ) from error
        self._batch = size // 2
        LOGGER.warning("out of memory: batches of %d from here on.", self._batch)


def group_positions(keys: Sequence[Any]) -> list[list[int]]:
    """Positions of equal keys together, in the order in which the keys first come.

    >>> group_positions(["a", "b", "a"])
    [[0, 2], [1]]
    """
    found: dict[Any, list[int]] = {}
    for position, key in enumerate(keys):
        found.setdefault(key, []).append(position)
    return list(found.values())


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


def _judge(image: Image.Image, *, is_flagged: bool, facts: Mapping[str, Any]) -> Made:
    """Safety checkers blacken what they refuse."""
    if is_flagged or int(np.asarray(image).max()) < _BLACK:
        return Made(image=None, facts={**facts, "refused": "the safety checker left it black"})
    return Made(image=image, facts=facts)


@cache
def _versions() -> tuple[tuple[str, str], ...]:
    return tuple((name, version(name)) for name in _LIBRARIES)
