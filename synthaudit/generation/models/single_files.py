"""Whole models in one .safetensors file, as people trade them: of what kind, and loaded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from synthaudit.errors import GeneratorError
from synthaudit.generation.models.families import Model, by_name, describe

_KINDS: Final[Mapping[str, str]] = {
    "v1": "StableDiffusionPipeline",
    "v2": "StableDiffusionPipeline",
    "inpainting": "StableDiffusionInpaintPipeline",
    "inpainting_v2": "StableDiffusionInpaintPipeline",
    "xl_base": "StableDiffusionXLPipeline",
    "playground-v2-5": "StableDiffusionXLPipeline",
    "xl_inpaint": "StableDiffusionXLInpaintPipeline",
    "sd3": "StableDiffusion3Pipeline",
    "sd35_medium": "StableDiffusion3Pipeline",
    "sd35_large": "StableDiffusion3Pipeline",
    "flux-dev": "FluxPipeline",
    "flux-schnell": "FluxPipeline",
    "flux-2-dev": "Flux2Pipeline",
}
"""What diffusers calls a checkpoint to its pipeline."""


_UNREACHABLE: Final = re.compile("Offline|LocalEntryNotFound|[Cc]onnect|resolve")


class _Shapes(Mapping[str, Any]):
    """The weights of a file by name, of which only the shapes are read."""

    def __init__(self, file: Path) -> None:
        from safetensors import safe_open

        with safe_open(file, framework="np") as opened:
            self._shapes = {name: opened.get_slice(name).get_shape() for name in opened.keys()}  # noqa: SIM118

    def __getitem__(self, name: str) -> Any:
        return SimpleNamespace(shape=tuple(self._shapes[name]))

    def __iter__(self) -> Iterator[str]:
        return iter(self._shapes)

    def __len__(self) -> int:
        return len(self._shapes)


def kind_of(file: Path) -> str:
    """What diffusers calls the model in a file, such as ``v1``, ``xl_base`` or ``flux-dev``.

    Raises:
        GeneratorError: it is no .safetensors file.
    """
    from diffusers.loaders.single_file_utils import infer_diffusers_model_type

    try:
        return str(infer_diffusers_model_type(_Shapes(file)))
    # The reader raises errors of its own, of no documented kind.
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise GeneratorError(f"{file} cannot be read as weights: {reason}.") from error


def describe_file(file: Path, config: Path | None) -> Model:
    """What a file tells of its model before its weights are read, with its configurations if given.

    Raises:
        GeneratorError: it cannot be read, or is no model that makes images from texts.
    """
    if config is not None:
        return describe(config)
    kind = kind_of(file)
    name = _KINDS.get(kind)
    if name is None:
        raise GeneratorError(
            f"{file} is no model that makes images from texts: diffusers takes it for {kind!r}."
        )
    return by_name(name, is_distilled=kind == "flux-schnell")


def read_single_file(file: Path, config: Path | None, dtype: Any) -> Any:
    """Load the whole model in a file.

    Args:
        file: of safetensors.
        config: folder of its configurations and tokenizers; None for what diffusers knows for its
            kind, which may have to be fetched.
        dtype: of its weights.

    Raises:
        GeneratorError: it holds no whole model, or what it lacks is not to be had.
    """
    import diffusers

    name = str(describe_file(file, config).pipeline)
    how: dict[str, Any] = {"torch_dtype": dtype, "local_files_only": True}
    if config is not None:
        how["config"] = str(config)
    if "XL" in name:
        how["add_watermarker"] = False
    try:
        return getattr(diffusers, name).from_single_file(str(file), **how)
    # What the loaders raise is of many kinds; these two are told apart by their texts.
    except Exception as error:
        if config is None and _UNREACHABLE.search(f"{type(error).__name__}: {error}"):
            raise GeneratorError(
                f"the configurations of {file} are not in the local cache and the hub cannot be "
                "asked: give config, the folder of a model of the same family."
            ) from error
        if "appear to be missing" in str(error) or "SingleFileComponent" in type(error).__name__:
            raise GeneratorError(
                f"{file} holds only a part of a model: give the whole model as model, and this "
                "file as transformer."
            ) from error
        raise
