"""Does the generator make a pipeline's own images, whatever the options? The oracle is diffusers.

Every case is answered in one of two ways: the images are those of the pipeline, called by hand with
the same prompts, seeds and options, or the options are refused in a sentence before anything is
made.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from synthaudit.errors import PlanError
from synthaudit.generation.diffusion import DiffusionGenerator
from synthaudit.generation.jobs import Job
from synthaudit.generation.references import References
from synthaudit.images.collection import Collection
from synthaudit.images.opening import open_source

SIZE, STEPS = 32, 3
PROMPTS = ("a photo of a dog", "a painting of a very small boat on a river")
NEGATIVE = "blurry, a drawing"

CASES: Mapping[str, Mapping[str, Any]] = {
    "text": {},
    "negative prompt": {"negative_prompt": NEGATIVE},
    "negative prompt, true_cfg_scale 4": {"negative_prompt": NEGATIVE, "true_cfg_scale": 4.0},
    "guidance 1": {"guidance_scale": 1.0},
    "guidance 8": {"guidance_scale": 8.0},
    "references": {"references": "real", "strength": 0.7},
    "masks": {"references": "real", "strength": 0.7, "masks": "masks"},
}
"""What is asked for, beside the prompt."""

USUAL = {"sd1": 7.5, "sdxl": 5.0, "sd3": 7.0, "flux1-dev": 3.5}
"""Guidance by the models' own cards; some pipelines that start from images have another default."""

ALONE = ("cogview4",)
"""Families that fill prompts up to the longest and read the filling: a prompt is called alone."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How a case was answered.

    Attributes:
        made: (n, h, w, 3) our images; None where they were refused.
        difference: the largest one from the pipeline's own, in grey levels.
        refused: the sentence.
    """

    made: Any = None
    difference: int | None = None
    refused: str = ""

    @property
    def text(self) -> str:
        """For a table."""
        if self.made is None:
            return f"refused: {self.refused}"
        return "equal" if self.difference == 0 else f"differs by {self.difference}"


def real_images(folder: Path) -> Path:
    """References of the size that is asked for, so that nothing is cut, and masks beside them."""
    rng = np.random.default_rng(0)
    for number in range(len(PROMPTS)):
        coarse = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        for kind, picture in (("real", coarse), ("masks", coarse[:, :, 0])):
            place = folder / kind / f"{number}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            how = Image.Resampling.BICUBIC if kind == "real" else Image.Resampling.NEAREST
            enlarged = Image.fromarray(picture).resize((SIZE, SIZE), how)
            if kind == "masks":
                enlarged = enlarged.point(lambda value: 255 if value > 100 else 0)
            enlarged.save(place)
    return folder


def generator_of(folder: Path) -> DiffusionGenerator:
    """A generator that starts from ``real_images``."""
    real = open_source(folder / "real")
    assert isinstance(real, Collection)
    return DiffusionGenerator(References(real, max_pixels=10**7))


def jobs_of(model: Path, prompts: Sequence[str] = PROMPTS, **options: Any) -> list[Job]:
    """A job a prompt."""
    how = {"model": str(model), "size": SIZE, "steps": STEPS, "local_files_only": True, **options}
    return [
        Job(prompt=prompt, subject=None, number=number, seed=100 + number, options=how)
        for number, prompt in enumerate(prompts)
    ]


def pixels(generator: DiffusionGenerator, jobs: Sequence[Job]) -> Any:
    """(n, h, w, 3) images of jobs."""
    return np.stack([np.asarray(made.image) for made in generator.make(jobs)])


def own_images(model: Path, pictures: Path, options: Mapping[str, Any]) -> Any:
    """What the pipeline gives when a person calls it; the folder is named after the family."""
    task = "Inpainting" if "masks" in options else "Image2Image" if "references" in options else ""
    pipeline = _pipeline(model, task)
    batches = [range(len(PROMPTS))]
    if model.name in ALONE:
        batches = [range(number, number + 1) for number in batches[0]]
    made = [_call(pipeline, task, model.name, pictures, options, batch) for batch in batches]
    return np.stack([np.asarray(image) for images in made for image in images])


@lru_cache(maxsize=1)
def _pipeline(model: Path, task: str) -> Any:
    import diffusers

    kind = getattr(diffusers, f"AutoPipelineFor{task}") if task else diffusers.DiffusionPipeline
    pipeline = kind.from_pretrained(model, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def _call(
    pipeline: Any,
    task: str,
    name: str,
    pictures: Path,
    options: Mapping[str, Any],
    numbers: range,
) -> Any:
    import torch

    call: dict[str, Any] = {
        "prompt": [PROMPTS[number] for number in numbers],
        "num_inference_steps": STEPS,
        "generator": [torch.Generator("cpu").manual_seed(100 + number) for number in numbers],
    }
    scales = ("guidance_scale", "true_cfg_scale")
    call |= {scale: options[scale] for scale in scales if scale in options}
    if "negative_prompt" in options:
        call["negative_prompt"] = [options["negative_prompt"]] * len(numbers)
    if task:
        if name in USUAL:
            call["guidance_scale"] = USUAL[name]
        call["strength"] = options["strength"]
        call["image"] = [Image.open(pictures / "real" / f"{n}.png") for n in numbers]
    if "masks" in options:
        call["mask_image"] = [Image.open(pictures / "masks" / f"{n}.png") for n in numbers]
    if task != "Image2Image" or name not in ("sd1", "sdxl"):
        call |= {"width": SIZE, "height": SIZE}
    images = pipeline(**call).images
    if "masks" in options:
        # What was not to be painted stays: by Pillow, not by our own arithmetic.
        images = [
            Image.composite(new, old, mask.convert("L").point(lambda own: 255 * (own >= 128)))
            for new, old, mask in zip(images, call["image"], call["mask_image"], strict=True)
        ]
    return images


def answer(
    generator: DiffusionGenerator, model: Path, pictures: Path, options: Mapping[str, Any]
) -> Answer:
    """Ask for a case."""
    filled = dict(options)
    if "masks" in filled:
        filled["masks"] = str(pictures / "masks")
    jobs = jobs_of(model, **filled)
    try:
        for job in jobs:
            generator.check(job)
    except PlanError as error:
        return Answer(refused=str(error))
    made = pixels(generator, jobs)
    own = own_images(model, pictures, options)
    return Answer(made=made, difference=int(np.abs(made.astype(int) - own.astype(int)).max()))
