"""A diffusers pipeline: loaded safely, with what a plan adds to it, and called."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from synthaudit.embedding.torch_model import Placement
from synthaudit.errors import EmbedderError, GeneratorError
from synthaudit.generation.diffusion_options import DiffusionOptions, ImageAdapter
from synthaudit.generation.models.families import FAMILIES, Family, Model, Task
from synthaudit.generation.models.fetching import quietly
from synthaudit.generation.models.schedulers import replace_scheduler
from synthaudit.generation.models.single_files import read_single_file

_PIPELINES: Final = {
    "text": "AutoPipelineForText2Image",
    "image": "AutoPipelineForImage2Image",
    "inpaint": "AutoPipelineForInpainting",
}


@dataclass(frozen=True, kw_only=True)
class Parts:
    """Where everything lies that a pipeline is put together from.

    Attributes:
        model: folder, or single file.
        config: folder of the configurations of a single file; None for what diffusers knows.
        transformer: file in the place of the model's own; None for that.
        loras: files with their strengths.
        adapter: root folder of an IP-Adapter; None for none. ``encoder`` is the folder of what
            reads its images.
        control: folder of a ControlNet; None for none.
    """

    model: Path
    config: Path | None = None
    transformer: Path | None = None
    loras: Sequence[tuple[Path, float]] = field(default_factory=tuple)
    adapter: Path | None = None
    encoder: Path | None = None
    control: Path | None = None


class Pipeline:
    """A loaded pipeline on its device.

    Args:
        inner: the diffusers pipeline.
        device: where it computes.
        family: of its model; None where that is not known.
    """

    def __init__(self, inner: Any, device: str, family: Family | None = None) -> None:
        self.inner, self.device, self.family = inner, device, family
        self._is_sliced = False

    @property
    def arguments(self) -> Sequence[str]:
        """What it can be called with."""
        return tuple(inspect.signature(self.inner.__call__).parameters)

    @property
    def watermark(self) -> str | None:
        """The mark that it leaves in images, by name."""
        mark = getattr(self.inner, "watermark", None)
        return None if mark is None else type(mark).__name__

    def run(self, **call: Any) -> Any:
        """Sample images.

        Raises:
            GeneratorError: the pipeline fails, in its own words.
        """
        import torch

        try:
            with torch.inference_mode(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return self.inner(**call)
        except torch.OutOfMemoryError:
            raise
        # What pipelines raise on what they cannot do is of many kinds.
        except Exception as error:
            raise GeneratorError(
                f"{type(self.inner).__name__} fails ({_reason(error)}): change the options, or use "
                "another model."
            ) from error

    def follow(self, scale: float) -> None:
        """Set how far image prompts are followed."""
        self.inner.set_ip_adapter_scale(scale)

    def save_memory(self) -> bool:
        """Let the decoder work image by image; whether that is new."""
        decoder: Any = getattr(self.inner, "vae", None)
        if self._is_sliced or not hasattr(decoder, "enable_slicing"):
            return False
        decoder.enable_slicing()
        self._is_sliced = True
        return True


def load_pipeline(
    parts: Parts, options: DiffusionOptions, model: Model, *, device: str
) -> Pipeline:
    """Put a pipeline together: safetensors and GGUF only, no code of the model's own.

    Args:
        parts: where they lie.
        options: what is done with them.
        model: what is known of it.
        device: where it computes, ``auto`` for the best there is.

    Raises:
        GeneratorError: a part cannot be loaded, or does not fit the others.
    """
    import diffusers

    try:
        placement = Placement(device=device, precision=options.precision, batch_size=None)
        chosen, dtype = placement.resolve()
    except EmbedderError as error:
        raise GeneratorError(str(error)) from error
    with quietly(diffusers), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with _blaming("the model", options.model):
            inner = _read(parts, options, model, dtype)
            if options.scheduler is not None:
                replace_scheduler(inner, options.scheduler)
        _add_loras(inner, parts.loras)
        if parts.adapter is not None and options.adapter is not None:
            with _blaming("the adapter", options.adapter.model):
                _add_adapter(inner, parts, options.adapter, dtype)
        inner.set_progress_bar_config(disable=True)
        with _blaming("the model", options.model):
            _place(inner, chosen, options)
    return Pipeline(inner, str(chosen), model.family or FAMILIES.get(type(inner).__name__))


@contextmanager
def _blaming(what: str, name: str) -> Iterator[None]:
    """Turn whatever the loaders of several libraries raise into one sentence."""
    try:
        yield
    except GeneratorError:
        raise
    except Exception as error:
        raise GeneratorError(f"{what} {name} cannot be loaded: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())[:400]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _read(parts: Parts, options: DiffusionOptions, model: Model, dtype: Any) -> Any:
    import diffusers

    if parts.model.is_file():
        inner = read_single_file(parts.model, parts.config, dtype)
        if options.task == "text":
            return inner
        return getattr(diffusers, _PIPELINES[options.task]).from_pipe(inner)
    more: dict[str, Any] = {}
    if "XL" in (model.pipeline or ""):
        # Else there is a mark in the images wherever a certain package happens to be.
        more["add_watermarker"] = False
    if options.quantisation is not None:
        more["quantization_config"] = diffusers.PipelineQuantizationConfig(**options.quantisation)
    if parts.transformer is not None:
        more |= _own_transformer(parts, dtype)
    if parts.control is not None:
        more["controlnet"] = _control(parts.control, dtype)
    return _loader(options.task, model).from_pretrained(
        parts.model,
        torch_dtype=dtype,
        use_safetensors=True,
        trust_remote_code=False,
        local_files_only=True,
        **more,
    )


def _loader(task: Task, model: Model) -> Any:
    """Pipelines that diffusers knows by no task are loaded as what they are."""
    import diffusers
    from diffusers.pipelines.auto_pipeline import AUTO_TEXT2IMAGE_PIPELINES_MAPPING

    known = {kind.__name__ for kind in AUTO_TEXT2IMAGE_PIPELINES_MAPPING.values()}
    if task == "text" and model.pipeline not in known and model.pipeline not in FAMILIES:
        return diffusers.DiffusionPipeline
    return getattr(diffusers, _PIPELINES[task])


def _own_transformer(parts: Parts, dtype: Any) -> Mapping[str, Any]:
    import diffusers

    index = diffusers.DiffusionPipeline.load_config(parts.model)
    name = "transformer" if "transformer" in index else "unet"
    how: dict[str, Any] = {"torch_dtype": dtype, "config": str(parts.model), "subfolder": name}
    if str(parts.transformer).endswith(".gguf"):
        how["quantization_config"] = diffusers.GGUFQuantizationConfig(compute_dtype=dtype)
    kind = getattr(diffusers, index[name][1])
    return {name: kind.from_single_file(str(parts.transformer), local_files_only=True, **how)}


def _control(place: Path, dtype: Any) -> Any:
    import diffusers

    name = diffusers.ControlNetModel.load_config(place).get("_class_name", "ControlNetModel")
    return getattr(diffusers, name).from_pretrained(
        place, torch_dtype=dtype, use_safetensors=True, local_files_only=True
    )


def _add_loras(inner: Any, loras: Sequence[tuple[Path, float]]) -> None:
    """Weights of another family are passed over by the loaders without an error."""
    if not loras:
        return
    names = [f"lora_{number}" for number in range(len(loras))]
    for name, (file, _) in zip(names, loras, strict=True):
        with _blaming("the LoRA weights", str(file)):
            inner.load_lora_weights(
                str(file.parent),
                weight_name=file.name,
                adapter_name=name,
                local_files_only=True,
                use_safetensors=True,
            )
        if name not in {known for own in inner.get_list_adapters().values() for known in own}:
            raise GeneratorError(
                f"the LoRA weights {file} do not fit {type(inner).__name__}: they are of another "
                "family of models."
            )
    with _blaming("the LoRA weights", ", ".join(str(file) for file, _ in loras)):
        inner.set_adapters(names, [scale for _, scale in loras])


def _add_adapter(inner: Any, parts: Parts, adapter: ImageAdapter, dtype: Any) -> None:
    parameters = inspect.signature(inner.load_ip_adapter).parameters
    how: dict[str, Any] = {"subfolder": adapter.subfolder, "weight_name": adapter.weight}
    if "image_encoder_pretrained_model_name_or_path" in parameters:  # FLUX.1
        how["image_encoder_pretrained_model_name_or_path"] = str(parts.encoder)
        how["image_encoder_dtype"] = dtype
    elif hasattr(inner, "transformer"):
        # Stable Diffusion 3 looks for the folder in the working directory (diffusers 0.42).
        how["image_encoder_folder"] = str(Path(str(parts.encoder)).absolute())
    else:
        how["image_encoder_folder"] = adapter.image_encoder
    inner.load_ip_adapter(str(parts.adapter), local_files_only=True, **how)


def _place(inner: Any, device: Any, options: DiffusionOptions) -> None:
    """Move it to where it computes, and save memory as the options say."""
    if options.offload == "none":
        inner.to(device)
    elif options.offload == "model":
        inner.enable_model_cpu_offload(device=device)
    else:
        inner.enable_sequential_cpu_offload(device=device)
    if options.attention == "slicing":
        inner.enable_attention_slicing()
    decoder = getattr(inner, "vae", None)
    if options.decoding != "whole":
        name = "enable_slicing" if options.decoding == "slices" else "enable_tiling"
        if not hasattr(decoder, name):
            raise GeneratorError(
                f"the decoder of {options.model} cannot work in {options.decoding}: drop decoding."
            )
        getattr(decoder, name)()
    if options.torch_compile:
        (inner.transformer if hasattr(inner, "transformer") else inner.unet).compile()
