"""What is true of a family of diffusion models, before any of its weights are read.

A row says what no file of the model tells: usual steps and guidance, and which argument does what.
The rest is read from the model's own ``model_index.json`` and configurations.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

Task = Literal["text", "image", "inpaint"]

_ALL: Final[tuple[Task, ...]] = ("text", "image", "inpaint")


@dataclass(frozen=True, kw_only=True)
class Family:
    """Models that are called alike.

    Attributes:
        name: for people.
        steps: usual number of steps.
        guidance: usual ``guidance_scale``; None where that has no effect.
        contrast: the argument that weighs a negative prompt, which counts where it is above 1; None
            where there are no negative prompts.
        true_guidance: usual ``true_cfg_scale``; None where there is none.
        tasks: what it can start from.
        multiple: of which both sides must be; where ``patch`` is set, of a patch of latents.
        patch: sides of a patch of latents.
        pads: whether it can look at the surroundings of a mask alone.
        adapters: whether diffusers has IP-Adapters for it.
        tokens: of a prompt it reads at most, with the tokenizer that reads most.
        hands_sigmas: whether its pipeline hands noise levels of its own to the scheduler.
        mixes_prompts: whether an image depends on the other prompts of its batch, because they are
            filled up to the longest and the filling is read.
    """

    name: str
    steps: int
    guidance: float | None
    contrast: Literal["guidance_scale", "true_cfg_scale"] | None = "guidance_scale"
    true_guidance: float | None = None
    tasks: tuple[Task, ...] = ("text",)
    multiple: int = 8
    patch: int | None = None
    pads: bool = False
    adapters: bool = False
    tokens: int = 77
    hands_sigmas: bool = False
    mixes_prompts: bool = False


_STABLE_1: Final = Family(
    name="Stable Diffusion 1 and 2",
    steps=30,
    guidance=7.5,
    tasks=_ALL,
    pads=True,
    adapters=True,
)
_STABLE_XL: Final = Family(
    name="Stable Diffusion XL", steps=30, guidance=5.0, tasks=_ALL, pads=True, adapters=True
)
_STABLE_3: Final = Family(
    name="Stable Diffusion 3",
    steps=28,
    guidance=7.0,
    tasks=_ALL,
    patch=2,
    pads=True,
    adapters=True,
    tokens=256,
)
_FLUX_1: Final = Family(
    name="FLUX.1",
    steps=28,
    guidance=3.5,
    contrast="true_cfg_scale",
    true_guidance=1.0,
    tasks=_ALL,
    patch=2,
    pads=True,
    adapters=True,
    tokens=512,
    hands_sigmas=True,
)
_FLUX_2: Final = Family(
    name="FLUX.2",
    steps=50,
    guidance=4.0,
    contrast=None,
    patch=2,
    tokens=512,
    hands_sigmas=True,
)

FAMILIES: Final[Mapping[str, Family]] = {
    "StableDiffusionPipeline": _STABLE_1,
    "StableDiffusionImg2ImgPipeline": _STABLE_1,
    "StableDiffusionInpaintPipeline": _STABLE_1,
    "StableDiffusionXLPipeline": _STABLE_XL,
    "StableDiffusionXLImg2ImgPipeline": _STABLE_XL,
    "StableDiffusionXLInpaintPipeline": _STABLE_XL,
    "StableDiffusion3Pipeline": _STABLE_3,
    "FluxPipeline": _FLUX_1,
    "Flux2Pipeline": _FLUX_2,
    "Flux2KleinPipeline": replace(_FLUX_2, name="FLUX.2 klein"),
    "QwenImagePipeline": Family(
        name="Qwen-Image",
        steps=50,
        guidance=None,
        contrast="true_cfg_scale",
        true_guidance=4.0,
        tasks=_ALL,
        pads=True,
        patch=2,
        tokens=512,
        hands_sigmas=True,
    ),
    "ZImagePipeline": Family(
        name="Z-Image",
        steps=50,
        guidance=5.0,
        tasks=_ALL,
        patch=2,
        tokens=512,
        hands_sigmas=True,
    ),
    "SanaPipeline": Family(name="Sana", steps=20, guidance=4.5, multiple=32, tokens=300),
    "PixArtSigmaPipeline": Family(name="PixArt-Sigma", steps=20, guidance=4.5, tokens=300),
    "Lumina2Pipeline": Family(
        name="Lumina 2", steps=30, guidance=4.0, patch=2, tokens=256, hands_sigmas=True
    ),
    "AuraFlowPipeline": Family(name="AuraFlow", steps=50, guidance=3.5, patch=2, tokens=256),
    "ChromaPipeline": Family(
        name="Chroma", steps=35, guidance=5.0, patch=2, tokens=512, hands_sigmas=True
    ),
    "CogView4Pipeline": Family(
        name="CogView4",
        steps=50,
        guidance=5.0,
        multiple=16,
        tokens=1024,
        hands_sigmas=True,
        mixes_prompts=True,
    ),
}
"""By the class that ``model_index.json`` names."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """What the files of a model tell beside their weights.

    Attributes:
        pipeline: class of diffusers; None where the files do not name one.
        family: its row, as this model has it; None where nothing is known.
        is_listed: whether the family is one of ``FAMILIES``, and not only read off a signature.
        is_inpainting: whether it can only repaint.
        is_flow: whether it was trained to match a flow, which decides what schedulers it bears.
    """

    pipeline: str | None = None
    family: Family | None = None
    is_listed: bool = False
    is_inpainting: bool = False
    is_flow: bool = False


def describe(place: Path) -> Model:
    """Read what a folder tells of its model; of single files see ``describe_file``."""
    index = _settings(place / "model_index.json")
    name = index.get("_class_name")
    if not isinstance(name, str):
        return Model()
    family = FAMILIES.get(name)
    if family is not None:
        family = _as_distilled(family, index, _settings(place / "transformer" / "config.json"))
        family = replace(family, multiple=_multiple(family, place))
    channels = _settings(place / "unet" / "config.json").get("in_channels")
    return Model(
        pipeline=name,
        family=family or by_signature(name),
        is_listed=family is not None,
        is_inpainting=channels == 9,
        is_flow=_is_flow(index, _settings(place / "scheduler" / "scheduler_config.json")),
    )


def by_name(pipeline: str, *, is_distilled: bool = False) -> Model:
    """A model of which only the pipeline is known, and whether guidance was distilled away."""
    family = FAMILIES[pipeline]
    own = {"guidance_embeds": not is_distilled}
    if family.patch is not None:
        family = replace(family, multiple=8 * family.patch)
    return Model(
        pipeline=pipeline,
        family=_as_distilled(family, {}, own) if family.name == "FLUX.1" else family,
        is_listed=True,
        is_inpainting=pipeline == "StableDiffusionInpaintPipeline",
        is_flow=family.hands_sigmas or family.name == "Stable Diffusion 3",
    )


def by_signature(pipeline: str) -> Family | None:
    """What the signature of a pipeline tells of a family that has no row here.

    Args:
        pipeline: a class of diffusers.

    Returns:
        None where diffusers has no such class, or it does not start from a text.
    """
    import diffusers
    from diffusers.pipelines import auto_pipeline as tasks

    kind = getattr(diffusers, pipeline, None)
    known = {} if kind is None else inspect.signature(kind.__call__).parameters
    if "prompt" not in known:
        return None

    def default(name: str) -> Any:
        found = known.get(name)
        return (
            found.default if found is not None and isinstance(found.default, int | float) else None
        )

    texts = tasks.AUTO_TEXT2IMAGE_PIPELINES_MAPPING
    key = next((key for key, own in texts.items() if own is kind), None)
    own: list[Task] = ["text"]
    own += ["image"] if key in tasks.AUTO_IMAGE2IMAGE_PIPELINES_MAPPING else []
    own += ["inpaint"] if key in tasks.AUTO_INPAINT_PIPELINES_MAPPING else []
    scale: Literal["guidance_scale", "true_cfg_scale"] | None = None
    if "negative_prompt" in known:
        scale = "true_cfg_scale" if "true_cfg_scale" in known else "guidance_scale"
    return Family(
        name=pipeline,
        steps=int(default("num_inference_steps") or 30),
        guidance=default("guidance_scale"),
        contrast=scale,
        true_guidance=default("true_cfg_scale"),
        tasks=tuple(own),
        tokens=int(default("max_sequence_length") or 10**6),
        hands_sigmas=True,
        mixes_prompts=True,
    )


def _is_flow(index: Mapping[str, Any], own: Mapping[str, Any]) -> bool:
    scheduler = index.get("scheduler")
    name = scheduler[-1] if isinstance(scheduler, list) and scheduler else ""
    return "Flow" in str(name) or bool(own.get("use_flow_sigmas"))


def _as_distilled(family: Family, index: Mapping[str, Any], own: Mapping[str, Any]) -> Family:
    """Guidance that was distilled into a model, or into nothing."""
    if family.name == "FLUX.1" and not own.get("guidance_embeds", False):
        return replace(family, name="FLUX.1 schnell", guidance=None, steps=4)
    if family.name == "Qwen-Image" and own.get("guidance_embeds", False):
        return replace(family, guidance=1.0)
    if index.get("is_distilled") is True:
        return replace(family, guidance=None, steps=4)
    return family


def _multiple(family: Family, place: Path) -> int:
    if family.patch is None:
        return family.multiple
    blocks = _settings(place / "vae" / "config.json").get("block_out_channels")
    factor = 2 ** (len(blocks) - 1) if isinstance(blocks, list) and blocks else 8
    return int(factor * family.patch)


def _settings(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
