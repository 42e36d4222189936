"""What a set is worth: networks and probes that learn from it, judged on real photos."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from validity_sets import CLASSES, Numbers, Pictures

from synthaudit.training.networks import small_network

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One for all sets: the same steps whatever the number of images.

    Attributes:
        width: channels of the first layer; the others have twice and four times as many.
        steps: of 64 images each.
        seeds: networks a set.
        device: where they learn.
    """

    width: int = 16
    steps: int = 600
    seeds: int = 2
    device: str = "cpu"

    @property
    def name(self) -> str:
        """Of the folder that keeps its figures."""
        return f"{self.device.split(':')[0]}-{self.width}-{self.steps}"


SMALL = Recipe()
LARGE = Recipe(width=64, steps=1000, seeds=4, device="cuda")
_BATCH = 64
_PADDING = 4


def _inputs(pictures: Pictures, device: str) -> Tensor:
    pixels = torch.from_numpy(pictures.pixels).to(device).permute(0, 3, 1, 2).float()
    return ((pixels - 120.0) / 64.0).contiguous(memory_format=torch.channels_last)


def network_accuracy(
    trained_on: Pictures, judged_on: Pictures, recipe: Recipe, seed: int
) -> list[float]:
    """Accuracy by class of a small convolutional network from scratch.

    SGD with momentum 0.9 and weight decay 5e-4, a learning rate that rises to 0.1 and falls to 0
    (one cycle), batches of 64, random mirroring and shifts of up to four pixels.
    """
    torch.manual_seed(seed)
    device = recipe.device
    network = small_network(len(CLASSES), recipe.width).to(
        device, memory_format=torch.channels_last
    )
    inputs, target = _inputs(trained_on, device), torch.from_numpy(trained_on.target).to(device)
    inputs = nn.functional.pad(inputs, [_PADDING] * 4, mode="reflect")
    optimiser = torch.optim.SGD(
        network.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=0.1, total_steps=recipe.steps, pct_start=0.2
    )
    draws = np.random.default_rng(seed)
    order = np.concatenate(
        [draws.permutation(len(target)) for _ in range(recipe.steps * _BATCH // len(target) + 1)]
    )
    for step in range(recipe.steps):
        rows = torch.from_numpy(order[step * _BATCH : (step + 1) * _BATCH]).to(device)
        left, top = (int(number) for number in draws.integers(0, 2 * _PADDING + 1, 2))
        batch = inputs[rows][:, :, top : top + 32, left : left + 32]
        mirrored = torch.from_numpy(draws.random(len(rows)) < 0.5).to(device)
        batch = torch.where(mirrored[:, None, None, None], batch.flip(3), batch)
        optimiser.zero_grad()
        with torch.autocast(device.split(":")[0], torch.bfloat16, enabled=device != "cpu"):
            loss = nn.functional.cross_entropy(network(batch), target[rows])
        loss.backward()
        optimiser.step()
        schedule.step()
    return _by_class(_guess(network, judged_on, device), judged_on.target)


def _guess(network: nn.Module, pictures: Pictures, device: str) -> Numbers:
    network.eval()
    inputs = _inputs(pictures, device)
    with torch.inference_mode():
        parts = [network(inputs[start : start + 500]) for start in range(0, len(inputs), 500)]
    return np.asarray(torch.cat(parts).argmax(1).cpu().numpy())


def probe_accuracy(
    vectors: Vectors, target: Numbers, judged: Vectors, judged_target: Numbers
) -> list[float]:
    """Accuracy by class of scikit-learn's ridge classifier on standardised vectors.

    Every class weighs the same. The penalty stays: what leave-one-out would choose, repeats and
    copies fool.
    """
    from sklearn.linear_model import RidgeClassifier

    mean, deviation = vectors.mean(axis=0), vectors.std(axis=0) + 1e-6
    # Per image, so that the penalty means the same for few images as for many.
    probe = RidgeClassifier(alpha=0.3 * len(target), class_weight="balanced")
    probe.fit((vectors - mean) / deviation, target)
    return _by_class(probe.predict((judged - mean) / deviation), judged_target)


def _by_class(guess: Numbers, target: Numbers) -> list[float]:
    sizes = np.bincount(target, minlength=len(CLASSES))
    hits = np.bincount(target, weights=guess == target, minlength=len(CLASSES))
    return [round(float(share), 6) for share in hits / sizes]


def worth(
    pictures: Pictures | None, own: Pictures, judged_on: Pictures, recipe: Recipe
) -> dict[str, Any]:
    """Accuracy by class of networks, a seed each: alone, and with 50 real photos a class.

    Args:
        pictures: the set; None for real photos alone.
        own: real photos that may be added; other ones with every seed.
        judged_on: real photos.
        recipe: of the networks.
    """
    found: dict[str, Any] = {"network alone": [], "network with 50": []}
    for seed in range(recipe.seeds):
        few = few_of_each(own, 50, seed)
        both = few if pictures is None else pictures + few
        found["network with 50"].append(network_accuracy(both, judged_on, recipe, seed))
        if pictures is not None:
            found["network alone"].append(network_accuracy(pictures, judged_on, recipe, seed))
    return found


def few_of_each(own: Pictures, images: int, seed: int) -> Pictures:
    """So many real photos a class, the same for every set."""
    return own.take(few_rows(own.target, images, seed))


def few_rows(target: Numbers, images: int, seed: int) -> Numbers:
    """So many random rows a class."""
    rng = np.random.default_rng([seed, images])
    rows = [
        rng.choice(np.flatnonzero(target == number), images, replace=False)
        for number in range(len(CLASSES))
    ]
    return np.concatenate(rows)
