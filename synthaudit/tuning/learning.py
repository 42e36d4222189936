"""The steps of the optimizer: every one the same whenever and however often it is taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import nn

from synthaudit.errors import UsageError
from synthaudit.tuning.examples import Examples, rows_of_step, seed_of_step
from synthaudit.tuning.network import (
    LORA,
    Base,
    Condition,
    add_lora,
    condition_of,
    denoise,
    refuse_out_of_memory,
    text_encoders,
)
from synthaudit.tuning.objective import Losses, preserving_loss, target_of
from synthaudit.tuning.recipe import TuneRecipe

if TYPE_CHECKING:
    from accelerate import Accelerator

_MOST_NORM: Final = 1.0
_PARTS: Final = ("unet", "text_encoder", "text_encoder_2")


@dataclass(frozen=True, kw_only=True)
class StepLosses:
    """What a step cost, as numbers; see ``Losses``."""

    step: int
    total: float
    instance: float
    prior: float


@dataclass(frozen=True, kw_only=True)
class _Batch:
    """What one device sees at once: real images first, then class images."""

    latents: torch.Tensor
    noise: torch.Tensor
    times: torch.Tensor
    texts: Sequence[str]
    instances: int


class _Denoiser(nn.Module):
    """What learns, as one module, so that several devices can hold it together."""

    def __init__(self, base: Base, recipe: TuneRecipe) -> None:
        super().__init__()
        self.unet = base.pipeline.inner.unet
        self.encoders = nn.ModuleList(text_encoders(base) if recipe.text_encoder else [])
        self._base, self._known = base, dict[str, Condition]()

    def forward(
        self, noisy: torch.Tensor, times: torch.Tensor, texts: Sequence[str]
    ) -> torch.Tensor:
        """The prediction; texts are read once where their encoders do not learn."""
        told = condition_of(self._base, texts) if len(self.encoders) else self._remembered(texts)
        return denoise(self.unet, noisy, times, told, resolution=self._base.resolution)

    def _remembered(self, texts: Sequence[str]) -> Condition:
        for text in texts:
            if text not in self._known:
                with torch.no_grad():
                    self._known[text] = condition_of(self._base, [text])
        return Condition.joined([self._known[text] for text in texts])


class Learner:
    """A model that is being taught.

    Args:
        base: the model; a LoRA is added to it.
        recipe: how.
        instances: the real images.
        priors: the class images; None without.
        accelerator: places batches and gradients on one device or several.
    """

    def __init__(
        self,
        base: Base,
        recipe: TuneRecipe,
        instances: Examples,
        priors: Examples | None,
        accelerator: Accelerator,
    ) -> None:
        from diffusers import DDPMScheduler

        self.base, self.recipe = base, recipe
        self._instances, self._priors, self._accelerator = instances, priors, accelerator
        learning = add_lora(base, recipe)
        self._learning = learning
        optimizer = torch.optim.AdamW(learning, lr=recipe.learning_rate)
        self._module, self._optimizer = accelerator.prepare(_Denoiser(base, recipe), optimizer)
        self._schedule = DDPMScheduler.from_config(base.pipeline.inner.scheduler.config)
        target_of(self._schedule, *self._probe())
        self.step = 0
        self.losses: list[StepLosses] = []

    def take_step(self) -> StepLosses:
        """Take the next step.

        Raises:
            GeneratorError: the memory runs out.
            UsageError: the loss is no number any more.
        """
        try:
            found = self._take_step()
        except torch.OutOfMemoryError as error:
            raise refuse_out_of_memory(self.base, error) from error
        if found.total != found.total:
            raise UsageError(
                f"the loss of step {found.step} is not a number: use a lower --learning-rate, or "
                "--precision bf16 or fp32."
            )
        self.step += 1
        self.losses.append(found)
        return found

    def gradients(self) -> list[torch.Tensor]:
        """What the next step would follow, without taking it."""
        self._optimizer.zero_grad()
        self._descend()
        found = [own.grad.clone() for own in self._learning if own.grad is not None]
        self._optimizer.zero_grad()
        return found

    def state(self) -> dict[str, Any]:
        """All that the next step depends on."""
        scaler = self._accelerator.scaler
        return {
            "step": self.step,
            "weights": {name: own.detach().cpu() for name, own in self._named().items()},
            "optimizer": self._optimizer.state_dict(),
            "scaler": {} if scaler is None else scaler.state_dict(),
            "losses": [[own.step, own.total, own.instance, own.prior] for own in self.losses],
        }

    def go_on_from(self, state: Mapping[str, Any]) -> None:
        """Be as a state says."""
        with torch.no_grad():
            for name, own in self._named().items():
                own.copy_(state["weights"][name])
        self._optimizer.load_state_dict(state["optimizer"])
        if self._accelerator.scaler is not None and state["scaler"]:
            self._accelerator.scaler.load_state_dict(state["scaler"])
        self.step = int(state["step"])
        self.losses = [
            StepLosses(step=int(step), total=total, instance=instance, prior=prior)
            for step, total, instance, prior in state["losses"]
        ]

    def layers(self) -> dict[str, dict[str, torch.Tensor]]:
        """The LoRA by part of the pipeline, as diffusers names its layers."""
        from diffusers.utils import convert_state_dict_to_diffusers
        from peft.utils import get_peft_model_state_dict

        inner = self.base.pipeline.inner
        parts = _PARTS if self.recipe.text_encoder else _PARTS[:1]
        return {
            name: convert_state_dict_to_diffusers(
                get_peft_model_state_dict(getattr(inner, name), adapter_name=LORA)
            )
            for name in parts
            if hasattr(inner, name)
        }

    def _named(self) -> dict[str, torch.Tensor]:
        module = self._accelerator.unwrap_model(self._module)
        return {name: own for name, own in module.named_parameters() if own.requires_grad}

    def _take_step(self) -> StepLosses:
        self._optimizer.zero_grad()
        found = self._descend()
        self._accelerator.clip_grad_norm_(self._learning, _MOST_NORM)
        self._optimizer.step()
        total, instance, prior = self._accelerator.reduce(found, reduction="mean").tolist()
        return StepLosses(step=self.step, total=total, instance=instance, prior=prior)

    def _descend(self) -> torch.Tensor:
        """(3,) the losses of the step, whose gradients have been gathered."""
        parts = self.recipe.accumulation
        sums = torch.zeros(3, device=self._accelerator.device)
        for part in range(parts):
            with self._accelerator.autocast():
                losses = self.losses_of(self._batch(self.step * parts + part))
            self._accelerator.backward(losses.total / parts)
            own = torch.stack([losses.total, losses.instance, losses.prior]).detach()
            sums += own.to(sums) / parts
        return sums

    def losses_of(self, batch: _Batch) -> Losses:
        """The losses of a batch."""
        device = self._accelerator.device
        latents, noise = batch.latents.to(device), batch.noise.to(device)
        times = batch.times.to(device)
        noisy = self._schedule.add_noise(latents, noise, times)
        kind = next(iter(self.base.pipeline.inner.unet.parameters())).dtype
        prediction = self._module(noisy.to(kind), times, batch.texts)
        target = target_of(self._schedule, latents, noise, times)
        precise = torch.float64 if kind == torch.float64 else torch.float32
        return preserving_loss(
            prediction.to(precise),
            target.to(precise),
            instances=batch.instances,
            weight=self.recipe.prior_weight,
        )

    def _batch(self, number: int) -> _Batch:
        """A batch of this device; drawn for all devices together, so that it is the same batch."""
        parts = [self._drawn(self._instances, number, "instance")]
        if self._priors is not None:
            parts.append(self._drawn(self._priors, number, "prior"))
        return _Batch(
            latents=torch.cat([part.latents for part in parts]),
            noise=torch.cat([part.noise for part in parts]),
            times=torch.cat([part.times for part in parts]),
            texts=[text for part in parts for text in part.texts],
            instances=parts[0].instances,
        )

    def _drawn(self, examples: Examples, number: int, part: str) -> _Batch:
        size, own = self.recipe.batch_size, self._accelerator.process_index
        everyone = size * self._accelerator.num_processes
        seed = seed_of_step(self.recipe.seed, 0, part)
        rows = rows_of_step(len(examples), number, everyone, seed)
        generator = torch.Generator("cpu")
        generator.manual_seed(seed_of_step(self.recipe.seed, number, part))
        latents = examples.draw(rows, generator)
        noise = torch.randn(latents.shape, generator=generator)
        most = int(self._schedule.config.num_train_timesteps)
        times = torch.randint(0, most, (everyone,), generator=generator)
        mine = slice(own * size, (own + 1) * size)
        return _Batch(
            latents=latents[mine],
            noise=noise[mine],
            times=times[mine],
            texts=[examples.texts[row] for row in rows[mine]],
            instances=size,
        )

    def _probe(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        own = self._instances.means[:1]
        return own, own, torch.zeros(1, dtype=torch.int64)
