"""One run: a network learns from pictures, and names others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from synthaudit.arrays import Integers
from synthaudit.embedding.torch_model import Placement
from synthaudit.errors import EmbedderError, UsageError
from synthaudit.images.decoding import Pixels
from synthaudit.threads import Advance, ignore
from synthaudit.training.networks import make_network, normalised
from synthaudit.training.pictures import Pictures
from synthaudit.training.recipe import Recipe

if TYPE_CHECKING:
    import torch
    from torch import nn

# Images are shifted by up to an eighth of their edge.
_SHIFT: Final = 8
_ASKED_AT_ONCE: Final = 256
_WARM_UP: Final = 0.2


def choose_device(name: str) -> torch.device:
    """The device, where it is there.

    Raises:
        UsageError: it is not.
    """
    try:
        placement = Placement(device=name, precision="fp32", batch_size=None)
        return placement.resolve()[0]
    except EmbedderError as error:
        raise UsageError(str(error)) from error


@dataclass(frozen=True, kw_only=True)
class Lesson:
    """How one network is trained.

    Attributes:
        recipe: of the training.
        names: of the K classes.
        seed: of the first weights, the order, and what is done to pictures.
        device: where.
    """

    recipe: Recipe
    names: Sequence[str]
    seed: int
    device: torch.device


def learn_and_name(
    trained_on: Pictures, asked: Pictures, lesson: Lesson, *, advance: Advance = ignore
) -> Integers:
    """Train a network and let it name other pictures.

    AdamW on cross-entropy in which every class weighs the same, a learning rate of one cycle,
    random mirroring and shifts; on a GPU in bfloat16.

    Args:
        trained_on: the pictures of an arm.
        asked: pictures to name.
        lesson: how.
        advance: told of steps.

    Returns:
        (n,) class numbers.
    """
    import torch

    device = lesson.device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(lesson.seed)
        network = make_network(lesson.recipe, lesson.names, device)
        network.to(memory_format=torch.channels_last)
        _learn(network, trained_on, lesson, advance)
    return _name(network, asked, device)


def _learn(network: nn.Module, pictures: Pictures, lesson: Lesson, advance: Advance) -> None:
    import torch

    recipe, device = lesson.recipe, lesson.device
    learning = [own for own in network.parameters() if own.requires_grad]
    optimiser = torch.optim.AdamW(learning, lr=recipe.peak_rate, weight_decay=recipe.weight_decay)
    # Of a rise that is one step long it divides by the steps between the first and the last.
    rise = 2.0 / recipe.steps if recipe.steps * _WARM_UP == 1.0 else _WARM_UP
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=recipe.peak_rate, total_steps=recipe.steps, pct_start=rise
    )
    sizes = np.bincount(pictures.target, minlength=len(lesson.names))
    weights = len(pictures) / (np.maximum(sizes, 1) * max(int((sizes > 0).sum()), 1))
    loss = torch.nn.CrossEntropyLoss(torch.tensor(weights, dtype=torch.float32, device=device))
    rng = np.random.default_rng(lesson.seed)
    network.train()
    for rows in batches(len(pictures), recipe.batch_size, recipe.steps, rng):
        pixels = torch.from_numpy(augmented(pictures.pixels[rows], rng)).to(device)
        inputs = normalised(pixels.permute(0, 3, 1, 2))
        target = torch.from_numpy(pictures.target[rows]).to(device)
        optimiser.zero_grad()
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            error = loss(network(inputs.contiguous(memory_format=torch.channels_last)), target)
        error.backward()
        optimiser.step()
        schedule.step()
        advance(1)


def batches(count: int, size: int, steps: int, rng: np.random.Generator) -> list[Integers]:
    """Rows of ``steps`` batches: every picture once before any comes again."""
    needed = size * steps
    order = np.concatenate([rng.permutation(count) for _ in range(-(-needed // count))])
    return list(order[:needed].reshape(steps, size))


def augmented(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """(n, size, size, 3) mirrored at random and shifted by up to an eighth, edges reflected."""
    shift = max(pixels.shape[1] // _SHIFT, 1)
    padded = np.pad(pixels, ((0, 0), (shift, shift), (shift, shift), (0, 0)), mode="reflect")
    corners = rng.integers(0, 2 * shift + 1, (len(pixels), 2))
    mirrored = rng.random(len(pixels)) < 0.5
    size = pixels.shape[1]
    made = np.empty_like(pixels)
    for row, ((top, left), is_mirrored) in enumerate(zip(corners, mirrored, strict=True)):
        part = padded[row, top : top + size, left : left + size]
        made[row] = part[:, ::-1] if is_mirrored else part
    return made


def _name(network: nn.Module, pictures: Pictures, device: torch.device) -> Integers:
    import torch

    network.eval()
    named = []
    with torch.inference_mode():
        for start in range(0, len(pictures), _ASKED_AT_ONCE):
            pixels = torch.from_numpy(pictures.pixels[start : start + _ASKED_AT_ONCE]).to(device)
            inputs = normalised(pixels.permute(0, 3, 1, 2))
            found = network(inputs.contiguous(memory_format=torch.channels_last))
            named.append(found.argmax(1).cpu().numpy())
    return np.concatenate(named)
