"""Class images: what the model makes of a class before it is taught, to be kept in mind."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from synthaudit.errors import StorageError
from synthaudit.images.collection import FileLocation, ImageEntry
from synthaudit.leftovers import clear, draft_prefix
from synthaudit.progress import Progress
from synthaudit.tuning.examples import seed_of_step
from synthaudit.tuning.network import Base, refuse_out_of_memory
from synthaudit.tuning.recipe import TuneRecipe

_BATCH = 4
_DIGITS = 12


def make_class_images(
    base: Base, recipe: TuneRecipe, prompt: str, folder: Path, progress: Progress
) -> list[ImageEntry]:
    """The class images of a class; those that are there are used again.

    Args:
        base: the model, without LoRA.
        recipe: how many, and how they are sampled.
        prompt: of the class.
        folder: in which a folder of the class is made; other models and texts have another one.
        progress: told of every image.

    Raises:
        StorageError: there is no room.
        GeneratorError: the model fails.
    """
    asked = (base.digest, prompt, base.resolution, recipe.sample_steps, recipe.guidance_scale)
    name = hashlib.sha256(f"{asked} {recipe.seed}".encode()).hexdigest()[:_DIGITS]
    place = folder / name
    progress.start("making class images", recipe.prior_images)
    wanted = [place / f"{number:05d}.png" for number in range(recipe.prior_images)]
    missing = [number for number, file in enumerate(wanted) if not file.is_file()]
    progress.advance(len(wanted) - len(missing))
    try:
        place.mkdir(parents=True, exist_ok=True)
        clear(place)
        for start in range(0, len(missing), _BATCH):
            numbers = missing[start : start + _BATCH]
            seeds = [seed_of_step(recipe.seed, number, "class image") for number in numbers]
            images = sample(base, recipe, [prompt] * len(numbers), seeds)
            for number, image in zip(numbers, images, strict=True):
                save_png(image, wanted[number])
            progress.advance(len(numbers))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StorageError(
            f"class images cannot be written to {place} ({reason}): free some space and give the "
            "same command again; what is made stays."
        ) from error
    return [
        ImageEntry(path=file.name, label=None, location=FileLocation(str(file))) for file in wanted
    ]


def sample(
    base: Base, recipe: TuneRecipe, prompts: Sequence[str], seeds: Sequence[int]
) -> list[Image.Image]:
    """Images of the model as it is now.

    Raises:
        GeneratorError: it fails.
    """
    import torch

    try:
        return _sample(base, recipe, prompts, seeds)
    except torch.OutOfMemoryError as error:
        torch.cuda.empty_cache()
        if not base.pipeline.save_memory() and len(prompts) == 1:
            raise refuse_out_of_memory(base, error) from error
        half = max(len(prompts) // 2, 1)
        first = sample(base, recipe, prompts[:half], seeds[:half])
        return first + (
            sample(base, recipe, prompts[half:], seeds[half:]) if prompts[half:] else []
        )


def _sample(
    base: Base, recipe: TuneRecipe, prompts: Sequence[str], seeds: Sequence[int]
) -> list[Image.Image]:
    import torch

    found: Any = base.pipeline.run(
        prompt=list(prompts),
        generator=[torch.Generator("cpu").manual_seed(seed) for seed in seeds],
        num_inference_steps=recipe.sample_steps,
        guidance_scale=recipe.guidance_scale,
        width=base.resolution,
        height=base.resolution,
    )
    return [image.convert("RGB") for image in found.images]


def save_png(image: Image.Image, file: Path) -> None:
    """Write an image, whole or not at all."""
    draft = file.with_name(f"{draft_prefix()}{file.name}")
    try:
        image.save(draft, "PNG")
        os.replace(draft, file)
    finally:
        draft.unlink(missing_ok=True)
