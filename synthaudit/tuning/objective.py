"""The loss of DreamBooth: on the images of the class, and on what the model knew before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthaudit.errors import UsageError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class Losses:
    """Mean squared errors of the denoiser.

    Attributes:
        total: instance plus weight times prior; what is minimised.
        instance: on real images.
        prior: on class images; 0 without any.
    """

    total: torch.Tensor
    instance: torch.Tensor
    prior: torch.Tensor


def preserving_loss(
    prediction: torch.Tensor, target: torch.Tensor, *, instances: int, weight: float
) -> Losses:
    """The loss with prior preservation (Ruiz et al. 2022, equation 2, with equal noise weights).

    Args:
        prediction: (B, ...) of the denoiser, real images first, then class images.
        target: (B, ...) what it should have been.
        instances: how many of the B are real images.
        weight: of the class images.
    """
    import torch

    squared = (prediction - target) ** 2
    instance = squared[:instances].mean()
    prior = squared[instances:].mean() if len(squared) > instances else torch.zeros_like(instance)
    return Losses(total=instance + weight * prior, instance=instance, prior=prior)


def target_of(scheduler: Any, latents: torch.Tensor, noise: torch.Tensor, steps: Any) -> Any:
    """What a model is to predict, by its scheduler: the noise, or the velocity.

    Raises:
        UsageError: another kind.
    """
    kind = scheduler.config.prediction_type
    if kind == "epsilon":
        return noise
    if kind == "v_prediction":
        return scheduler.get_velocity(latents, noise, steps)
    raise UsageError(f"models that predict {kind!r} cannot be taught here: use another model.")
