"""A model of Stable Diffusion with a LoRA in it: loaded, conditioned on texts, and asked."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from synthaudit.errors import GeneratorError, UsageError
from synthaudit.generation.diffusion_options import DiffusionOptions
from synthaudit.generation.models.model_files import ModelFiles
from synthaudit.generation.models.pipelines import Pipeline, load_pipeline
from synthaudit.tuning.recipe import TuneRecipe

if TYPE_CHECKING:
    import torch

_TAUGHT: Final = ("Stable Diffusion 1 and 2", "Stable Diffusion XL")
_ATTENTION: Final = ("to_k", "to_q", "to_v", "to_out.0")
_OF_TEXT: Final = ("q_proj", "k_proj", "v_proj", "out_proj")
LORA: Final = "lora"


@dataclass(frozen=True, kw_only=True)
class Base:
    """A model as it is, before anything is taught.

    Attributes:
        pipeline: loaded, on its device.
        digest: of its weights and settings.
        is_xl: whether it has two text encoders and size conditions.
        resolution: edge that it was made for, or that the recipe asks for.
    """

    pipeline: Pipeline
    digest: str
    is_xl: bool
    resolution: int


def check_model(recipe: TuneRecipe) -> DiffusionOptions:
    """Refuse models that cannot be taught here, before anything is loaded.

    Raises:
        UsageError: it is of another family, or a needed package is missing.
        GeneratorError: it is neither here nor to be had.
    """
    from importlib.util import find_spec

    missing = [n for n in ("diffusers", "peft", "accelerate") if find_spec(n) is None]
    if missing:
        raise UsageError(
            f"tune needs the extra generate ({', '.join(missing)} is missing): in a checkout, "
            "pip install '.[generate]'."
        )
    options = DiffusionOptions(
        model=recipe.model,
        precision=recipe.precision,
        device=recipe.device,
        local_files_only=recipe.local_files_only,
    )
    model = ModelFiles().model(options)
    name = model.pipeline if model.family is None else model.family.name
    if model.family is None or name not in _TAUGHT or model.is_inpainting:
        raise UsageError(
            f"{recipe.model} is {'an inpainting model' if model.is_inpainting else name}: only "
            "models of Stable Diffusion 1.5, 2 and XL that start from a text can be taught."
        )
    return options


def digest_of_model(recipe: TuneRecipe) -> str:
    """Digest of the weights and settings of a model, which need not be loaded for it."""
    return str(ModelFiles().digests(check_model(recipe))["model"])


def load_base(recipe: TuneRecipe, device: str) -> Base:
    """Load a model onto a device.

    Raises:
        UsageError, GeneratorError: as ``check_model``, or it cannot be loaded.
    """
    options = check_model(recipe)
    files = ModelFiles()
    model, parts = files.model(options), files.parts(options)
    pipeline = load_pipeline(parts, options, model, device=device)
    inner = pipeline.inner
    # What it blackens would be learnt, or counted as repeats; people look at samples.
    inner.safety_checker = None
    own = inner.unet.config.sample_size * inner.vae_scale_factor
    resolution = recipe.resolution or int(own)
    multiple = inner.vae_scale_factor * 2 ** (len(inner.unet.config.block_out_channels) - 1)
    if resolution % multiple:
        raise UsageError(
            f"resolution should be a multiple of {multiple} for {recipe.model}, not {resolution}."
        )
    return Base(
        pipeline=pipeline,
        digest=digest_of_model(recipe),
        is_xl=hasattr(inner, "text_encoder_2"),
        resolution=resolution,
    )


def add_lora(base: Base, recipe: TuneRecipe) -> list[torch.nn.Parameter]:
    """Freeze a model and add a LoRA to it, the same one for the same seed.

    Returns:
        What learns, in fp32.
    """
    import torch
    from diffusers.training_utils import cast_training_params
    from peft import LoraConfig

    inner = base.pipeline.inner
    targets = list(_ATTENTION)
    if recipe.layers == "all":
        kinds = (torch.nn.Linear, torch.nn.Conv2d)
        targets = [n for n, own in inner.unet.named_modules() if isinstance(own, kinds)]
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(recipe.seed)
        for module in frozen_parts(base):
            module.requires_grad_(requires_grad=False)
        inner.unet.add_adapter(_lora(LoraConfig, recipe, targets), LORA)
        for encoder in text_encoders(base) if recipe.text_encoder else ():
            encoder.add_adapter(_lora(LoraConfig, recipe, list(_OF_TEXT)), LORA)
        learning = [inner.unet, *(text_encoders(base) if recipe.text_encoder else ())]
        cast_training_params(learning, dtype=torch.float32)
    if recipe.gradient_checkpointing:
        inner.unet.enable_gradient_checkpointing()
        for encoder in text_encoders(base) if recipe.text_encoder else ():
            enable = getattr(encoder, "activation_checkpointing_enable", None)
            (enable or encoder.gradient_checkpointing_enable)()  # the name before transformers 6
    return [own for module in learning for own in module.parameters() if own.requires_grad]


def _lora(kind: Any, recipe: TuneRecipe, targets: list[str]) -> Any:
    return kind(
        r=recipe.rank,
        lora_alpha=recipe.rank,
        init_lora_weights="gaussian",
        target_modules=targets,
    )


def frozen_parts(base: Base) -> list[Any]:
    """Everything with weights."""
    return [base.pipeline.inner.unet, base.pipeline.inner.vae, *text_encoders(base)]


def text_encoders(base: Base) -> list[Any]:
    """One, or two of XL."""
    inner = base.pipeline.inner
    return [inner.text_encoder, inner.text_encoder_2] if base.is_xl else [inner.text_encoder]


@dataclass(frozen=True, kw_only=True)
class Condition:
    """What the denoiser is told of (B) texts.

    Attributes:
        states: (B, tokens, width) of the text encoders.
        pooled: (B, width) of the second one; None of models with one.
    """

    states: torch.Tensor
    pooled: torch.Tensor | None = None

    @staticmethod
    def joined(parts: Sequence[Condition]) -> Condition:
        """Of several texts, in their order."""
        import torch

        pooled = [part.pooled for part in parts if part.pooled is not None]
        return Condition(
            states=torch.cat([part.states for part in parts]),
            pooled=torch.cat(pooled) if pooled else None,
        )


def condition_of(base: Base, texts: Sequence[str]) -> Condition:
    """Read texts with the text encoders, as the pipeline itself does for whole prompts."""
    inner = base.pipeline.inner
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if base.is_xl:
            states, _, pooled, _ = inner.encode_prompt(
                prompt=list(texts), do_classifier_free_guidance=False, device=_device(base)
            )
            return Condition(states=states, pooled=pooled)
        states, _ = inner.encode_prompt(
            prompt=list(texts),
            device=_device(base),
            num_images_per_prompt=1,
            do_classifier_free_guidance=False,
        )
    return Condition(states=states)


def denoise(
    unet: Any, noisy: torch.Tensor, steps: torch.Tensor, told: Condition, *, resolution: int
) -> torch.Tensor:
    """What a denoiser predicts for (B, c, h, w) noisy latents."""
    import torch

    added: Mapping[str, Any] | None = None
    if told.pooled is not None:
        # Size, cut and wanted size of SDXL: whole squares of the resolution.
        sizes = [resolution, resolution, 0, 0, resolution, resolution]
        times = torch.tensor([sizes], device=noisy.device, dtype=told.states.dtype)
        added = {"text_embeds": told.pooled, "time_ids": times.repeat(len(noisy), 1)}
    found: torch.Tensor = unet(
        noisy, steps, encoder_hidden_states=told.states, added_cond_kwargs=added
    ).sample
    return found


def _device(base: Base) -> Any:
    import torch

    return torch.device(base.pipeline.device)


def refuse_out_of_memory(base: Base, error: Exception) -> GeneratorError:
    """What to do where memory runs out."""
    return GeneratorError(
        f"{base.pipeline.device} has not enough memory to teach with these options: use "
        "--gradient-checkpointing, a smaller --batch-size (with --accumulation for the same "
        f"effect), a smaller --resolution or --precision bf16 ({type(error).__name__})."
    )
