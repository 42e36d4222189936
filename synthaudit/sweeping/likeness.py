"""How like their references the images of an arm are, and how unlike one another within a class."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import numpy as np

from synthaudit.auditing.image_reader import ImageReader
from synthaudit.generation.jobs import Job
from synthaudit.images.collection import Collection, ImageEntry
from synthaudit.images.decoding import UnreadableImage, open_rgb
from synthaudit.measures.randomness import stream
from synthaudit.sweeping.layout import LaidOutArm

_ALEXNET: Final = "alexnet-owt-7be5be79.pth"
_PAIRS: Final = 200
_EDGE: Final = 64


def reference_similarity(
    item: LaidOutArm,
    slots: Sequence[int],
    references: Mapping[int, ImageEntry],
    reader: ImageReader,
) -> float | None:
    """Mean cosine similarity of images to the real ones that they were made from, in [-1, 1].

    With a CLIP embedder this is the CLIP-I of Ruiz and others (CVPR 2023).

    Args:
        item: the arm.
        slots: which of its images.
        references: by slot, the image that it was made from.
        reader: embeds both.

    Returns:
        None where nothing was made from a reference.
    """
    known = [slot for slot in slots if slot in references]
    if not known:
        return None
    made = reader.extract(item.collection(known))
    entries = list({references[slot].path: references[slot] for slot in known}.values())
    place = {entry.path: number for number, entry in enumerate(entries)}
    there = reader.extract(Collection(name="references", root=item.root, entries=entries))
    row_of = {int(entry): row for row, entry in enumerate(there.kept)}
    found = []
    for row, position in enumerate(made.kept):
        other = row_of.get(place[references[known[int(position)]].path])
        if other is not None:
            found.append(float(made.vectors[row] @ there.vectors[other]))
    return float(np.mean(found)) if found else None


def perceptual_diversity(files: Sequence[Path], jobs: Sequence[Job], seed: int) -> float | None:
    """Mean LPIPS distance between images of one class; more is more diverse, 0 is all the same.

    Learned perceptual image patch similarity (Zhang and others, CVPR 2018) with AlexNet, on squares
    of 64 pixels, over at most 200 pairs.

    Args:
        files: images.
        jobs: theirs, by which they have a class.
        seed: of the choice of pairs.

    Returns:
        None where ``lacking()`` says what is missing, or no class has two images.
    """
    if lacking() is not None:
        return None
    groups: dict[str | None, list[int]] = {}
    for number, job in enumerate(jobs):
        groups.setdefault(job.subject, []).append(number)
    pairs = [pair for rows in groups.values() for pair in itertools.combinations(rows, 2)]
    if not pairs:
        return None
    chosen = stream(seed, "perceptual diversity").permutation(len(pairs))[:_PAIRS]
    return _distance([files[pairs[n][0]] for n in chosen], [files[pairs[n][1]] for n in chosen])


@cache
def lacking() -> str | None:
    """What LPIPS lacks here; None where it can be measured. Nothing is fetched for it."""
    if find_spec("torchmetrics") is None or find_spec("torchvision") is None:
        return "the package torchmetrics is not installed"
    weights = _weights()
    return None if weights.is_file() else f"AlexNet's {weights.name} is not in torch's cache"


def _weights() -> Path:
    """Where torch keeps AlexNet, told without importing torch, which few sweeps need otherwise."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", f"{cache}/torch")
    return Path(home).expanduser() / "hub" / "checkpoints" / _ALEXNET


def _distance(first: Sequence[Path], second: Sequence[Path]) -> float | None:
    import torch
    from torchmetrics.functional.image import learned_perceptual_image_patch_similarity as distance

    pixels: dict[Path, Any] = {}
    for file in {*first, *second}:
        try:
            image = open_rgb(file.read_bytes()).resize((_EDGE, _EDGE))
        except (OSError, UnreadableImage):
            continue
        values = torch.from_numpy(np.asarray(image, np.float32).copy())
        pixels[file] = values.permute(2, 0, 1) / 255.0
    both = [(one, other) for one, other in zip(first, second, strict=True)]
    both = [pair for pair in both if pair[0] in pixels and pair[1] in pixels]
    if not both:
        return None
    with torch.inference_mode():
        stacks = [torch.stack([pixels[pair[side]] for pair in both]) for side in (0, 1)]
        return float(distance(stacks[0], stacks[1], net_type="alex", normalize=True))
