"""How a model is taught a class: the options of ``tune``, and of ``tune:`` in a plan."""

from __future__ import annotations

from typing import Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from synthaudit.errors import UsageError
from synthaudit.validation import explain

DEFAULT_MODEL: Final = "stable-diffusion-v1-5/stable-diffusion-v1-5"
DEFAULT_TOKEN: Final = "ohwx"  # noqa: S105 - a word that means nothing
TOKEN: Final = "{token}"  # noqa: S105 - a placeholder
CLASS: Final = "{class}"


class TuneRecipe(BaseModel):
    """Options of ``tune``, frozen; unknown names are refused.

    Attributes:
        model: a model of Stable Diffusion 1.5, 2 or XL: a folder, a file or a repository.
        token: a rare word that comes to stand for what the images have in common.
        prompt: what an image is taught with; ``{token}`` and ``{class}`` are filled in. A caption
            of an image, where there is one, goes in its place.
        class_prompt: what the model itself makes class images with; ``{a}`` is the article.
        captions: whether captions beside the images are used.
        prior_images: class images for each class; 0 for none.
        prior_weight: weight of the loss on them (lambda in DreamBooth, Ruiz et al. 2022).
        rank: of the LoRA (Hu et al. 2021); its scale is 1.
        layers: ``attention``, or ``all`` convolutions and linear layers too, which learns more and
            memorises sooner.
        text_encoder: whether the text encoders learn too.
        steps: of the optimizer.
        batch_size: images a step and device; as many class images besides.
        accumulation: batches a step.
        learning_rate: of AdamW, constant.
        resolution: edge of the square that images are cut to; None for the model's own.
        gradient_checkpointing: less memory for more time.
        precision: ``auto`` is bf16 or fp16 on a GPU, else fp32; the LoRA itself stays in fp32.
        checkpoint_every: steps between weights that are kept and can be gone on from.
        audit_every: steps between audits; 0 for none.
        samples: images that each audit makes of the model.
        sample_steps, guidance_scale: of those, and of class images.
        max_unoriginal, max_unvaried: shares of the samples that may copy training images, or
            repeat one another; more than chance explains stops the training.
        confidence: of that, over all audits together.
        embedder: see ``Settings``; decides what is alike.
        seed: decides everything.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``.
        local_files_only: never ask a hub.
        max_pixels: larger images are refused.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, protected_namespaces=())

    model: str = Field(default=DEFAULT_MODEL, min_length=1)
    token: str = Field(default=DEFAULT_TOKEN, min_length=1)
    prompt: str = "a photo of {token} {class}"
    class_prompt: str = "a photo of {a} {class}"
    captions: bool = True
    prior_images: int = Field(default=100, ge=0, le=100_000)
    prior_weight: float = Field(default=1.0, ge=0.0, le=100.0, allow_inf_nan=False)
    rank: int = Field(default=8, ge=1, le=1024)
    layers: Literal["attention", "all"] = "attention"
    text_encoder: bool = False
    steps: int = Field(default=400, ge=1, le=10_000_000)
    batch_size: int = Field(default=1, ge=1, le=4096)
    accumulation: int = Field(default=1, ge=1, le=4096)
    learning_rate: float = Field(default=1e-4, gt=0.0, le=1.0, allow_inf_nan=False)
    resolution: int | None = Field(default=None, ge=16, le=4096)
    gradient_checkpointing: bool = False
    precision: Literal["auto", "fp32", "fp16", "bf16"] = "auto"
    checkpoint_every: int = Field(default=100, ge=1)
    audit_every: int = Field(default=100, ge=0)
    samples: int = Field(default=16, ge=8, le=4096)
    sample_steps: int = Field(default=30, ge=1, le=1000)
    guidance_scale: float = Field(default=7.5, ge=0.0, le=100.0)
    max_unoriginal: float = Field(default=0.05, ge=0.0, le=1.0)
    max_unvaried: float = Field(default=0.1, ge=0.0, le=1.0)
    confidence: float = Field(default=0.95, gt=0.5, lt=1.0)
    embedder: str = Field(default="auto", min_length=1)
    seed: int = Field(default=0, ge=0, lt=2**31)
    device: str = Field(default="auto", min_length=1)
    local_files_only: bool = False
    max_pixels: int = Field(default=200_000_000, ge=1)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if CLASS not in self.prompt and TOKEN not in self.prompt:
            raise ValueError(f"prompt should use {TOKEN} or {CLASS}, not be {self.prompt!r}")
        if self.prior_images and CLASS not in self.class_prompt:
            raise ValueError(f"class_prompt should use {CLASS}, not be {self.class_prompt!r}")
        if self.resolution is not None and self.resolution % 8:
            raise ValueError(f"resolution should be a multiple of 8, not {self.resolution}")
        return self

    @property
    def has_prior(self) -> bool:
        """Whether class images are learnt from too."""
        return self.prior_images > 0 and self.prior_weight > 0.0

    def deciding(self) -> dict[str, Any]:
        """What the weights of a step depend on; how long it goes on and who looks is not part."""
        left_out = {
            *("steps", "checkpoint_every", "audit_every", "samples", "max_unoriginal"),
            *("max_unvaried", "confidence", "embedder", "device", "local_files_only"),
            *("max_pixels", "model"),
        }
        return self.model_dump(mode="json", exclude=left_out)


def make_tune_recipe(options: dict[str, Any]) -> TuneRecipe:
    """Validate options.

    Raises:
        UsageError: in one sentence, with the nearest known name for an unknown one.
    """
    try:
        return TuneRecipe.model_validate(options)
    except ValidationError as error:
        sentence = explain(
            error, noun="option", known=lambda _: TuneRecipe.model_fields, speaks_for_itself=True
        )
        raise UsageError(sentence) from error
