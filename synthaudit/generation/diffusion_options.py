"""What a plan may say to the generator ``diffusers``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from synthaudit.generation.jobs import GeneratorOptions, SizedOptions
from synthaudit.generation.masks.options import MaskOptions
from synthaudit.generation.models.families import Task
from synthaudit.validation import explain

_POINTLESS_WITHOUT: Final = {
    "strength": "references",
    "padding": "masks",
    "adapter_scale": "adapter",
    "judge": "adapter",
    "lora_scale": "lora",
}


class LoraWeights(GeneratorOptions):
    """One of several LoRA weights: a file, a folder or ``owner/name[/file]`` of the hub."""

    file: str = Field(min_length=1)
    scale: float = Field(default=1.0, ge=-10.0, le=10.0)


class ImageAdapter(GeneratorOptions):
    """An IP-Adapter: image prompts for a model that reads only texts.

    Attributes:
        model: a folder or a repository of the hub.
        subfolder: where in it the weights are; "" for its root.
        weight: the file, a .safetensors one.
        image_encoder: folder of what reads the images: in ``subfolder``, or from the root where it
            has a slash; of FLUX.1 a folder or repository of its own.
    """

    model: str = Field(min_length=1)
    subfolder: str = ""
    weight: str = Field(min_length=1)
    image_encoder: str = "image_encoder"


class Control(GeneratorOptions):
    """A ControlNet, and the folder of the images that it follows.

    Attributes:
        model: a folder or a repository of the hub.
        images: folder of control images, in class folders where there are classes; each class takes
            its own in the order of their names.
        scale: how far they are followed.
    """

    model: str = Field(min_length=1)
    images: str = Field(min_length=1)
    scale: float = Field(default=1.0, ge=0.0, le=10.0)


class DiffusionOptions(SizedOptions):
    """Options of the generator ``diffusers``.

    Attributes:
        model: a repository of the hub, a folder, or a single .safetensors file.
        config: of a single file, the folder or repository with its configurations and tokenizers;
            by default that which diffusers knows for its kind.
        transformer: a .gguf or .safetensors file in the place of the model's own transformer.
        steps, guidance_scale: of the sampling; by default what is usual for the model's family.
        true_cfg_scale: weight of the negative prompt, of families where ``guidance_scale`` is
            another thing (FLUX.1, Qwen-Image); it counts above 1.
        negative_prompt, scheduler, size: likewise; size is one number or ``[width, height]``. A
            scheduler is a class of diffusers.
        lora: LoRA weights, or a list of ``{file, scale}``; ``lora_scale`` the strength of one.
        references: ``real`` takes real images of the subject, a folder those in it;
            ``strength`` in (0, 1] is how much of them is repainted.
        masks: folder of masks, white where to repaint, named like the references; or ``{find,
            paint, ...}``, see ``MaskOptions``. What is not repainted stays as it is.
        padding: pixels around what is repainted that the model looks at, at full size; None for the
            whole image.
        seed: added to the seed of each image: as an axis, other drawings of the same.
        adapter: an IP-Adapter, for which the references are image prompts; they are also repainted
            where ``strength`` or ``masks`` is given. ``adapter_scale`` is how far they are
            followed, or ``adaptive``.
        judge: the CLIP embedder by which ``adaptive`` tells how clearly a reference shows its
            class.
        control: a ControlNet with its images.
        precision, device, batch_size: ``auto`` is bf16 or fp16 on a GPU, fp32 elsewhere; batches of
            16 on a GPU and 4 elsewhere, halved when memory runs out.
        attention: ``slicing`` saves memory.
        decoding: ``slices`` (image by image) and ``tiles`` (part by part, which may leave faint
            seams) save memory.
        offload: ``model`` keeps in GPU memory only the part that computes, ``sequential`` only the
            layer.
        quantisation: diffusers' own ``PipelineQuantizationConfig``: ``quant_backend``,
            ``quant_kwargs``, ``components_to_quantize``.
        torch_compile: compile the denoiser; the first batch takes minutes.
        local_files_only: never ask a hub.
    """

    model: str = Field(min_length=1)
    config: str | None = None
    transformer: str | None = None
    steps: int | None = Field(default=None, ge=1, le=1000)
    guidance_scale: float | None = Field(default=None, ge=0.0, le=100.0)
    true_cfg_scale: float | None = Field(default=None, ge=0.0, le=100.0)
    negative_prompt: str | None = None
    scheduler: str | None = None
    lora: str | list[LoraWeights] | None = None
    lora_scale: float = Field(default=1.0, ge=-10.0, le=10.0)
    references: str | None = None
    strength: float = Field(default=0.6, gt=0.0, le=1.0)
    masks: str | MaskOptions | None = None
    padding: int | None = Field(default=None, ge=0, le=4096)
    seed: int = Field(default=0, ge=0, lt=2**32)
    adapter: ImageAdapter | None = None
    adapter_scale: float | Literal["adaptive"] = Field(default=0.5)
    judge: str = "clip"
    control: Control | None = None
    precision: Literal["auto", "fp32", "fp16", "bf16"] = "auto"
    device: str = "auto"
    batch_size: int | None = Field(default=None, ge=1)
    attention: Literal["default", "slicing"] = "default"
    decoding: Literal["whole", "slices", "tiles"] = "whole"
    offload: Literal["none", "model", "sequential"] = "none"
    quantisation: Mapping[str, Any] | None = None
    torch_compile: bool = False
    local_files_only: bool = False

    @field_validator("masks", mode="before")
    @classmethod
    def _are_masks(cls, masks: Any) -> Any:
        if not isinstance(masks, Mapping):
            return masks
        try:
            return MaskOptions.model_validate(masks)
        except ValidationError as error:
            sentence = explain(
                error,
                noun="option",
                known=lambda _: MaskOptions.model_fields,
                speaks_for_itself=True,
            )
            raise ValueError(f"masks: {sentence}") from error

    @model_validator(mode="after")
    def _what_needs_something_else(self) -> DiffusionOptions:
        if self.references is None and self.masks is not None:
            raise ValueError("masks need references to repaint: add references")
        if self.references is None and self.adapter is not None:
            raise ValueError("an adapter needs references to follow: add references")
        for name, other in _POINTLESS_WITHOUT.items():
            # Of an axis, an arm without the other is no mistake.
            if name in self.model_fields_set and other not in self.model_fields_set:
                raise ValueError(f"{name} has no effect without {other}: add {other}, or drop it")
        if isinstance(self.lora, list) and "lora_scale" in self.model_fields_set:
            raise ValueError("lora_scale is of a single file: give each of several its scale")
        if self.adapter_scale != "adaptive" and not 0.0 <= self.adapter_scale <= 10.0:
            raise ValueError("adapter_scale should be a number from 0 to 10, or adaptive")
        return self

    @property
    def starts_from_references(self) -> bool:
        """Whether references are repainted, and not only image prompts."""
        if self.references is None:
            return False
        return self.adapter is None or self.masks is not None or "strength" in self.model_fields_set

    @property
    def task(self) -> Task:
        """What the pipeline starts from."""
        if not self.starts_from_references:
            return "text"
        return "image" if self.masks is None else "inpaint"

    @property
    def loras(self) -> Sequence[LoraWeights]:
        """All LoRA weights with their strengths."""
        if isinstance(self.lora, str):
            return [LoraWeights(file=self.lora, scale=self.lora_scale)]
        return self.lora or []
