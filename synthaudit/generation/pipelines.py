"""A diffusers pipeline: found, loaded safely, and called with prompts embedded once."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

from synthaudit.embedding.hub import is_offline
from synthaudit.embedding.torch_model import Placement
from synthaudit.errors import EmbedderError, GeneratorError
from synthaudit.generation.families import FAMILIES, Family, Task

_PIPELINES: Final = {
    "text": "AutoPipelineForText2Image",
    "image": "AutoPipelineForImage2Image",
    "inpaint": "AutoPipelineForInpainting",
}
_REMEMBERED: Final = 512


class Pipeline:
    """A loaded pipeline on its device.

    Args:
        inner: the diffusers pipeline.
        device: where it computes.
        family: of its model; None where that is not known.
    """

    def __init__(self, inner: Any, device: str, family: Family | None = None) -> None:
        self.inner, self.device, self.family = inner, device, family
        self._embedded: dict[tuple[str, str | None, bool], Any] = {}
        self._is_sliced = False

    def embed(
        self, prompts: Sequence[str], negative: str | None, *, guided: bool
    ) -> dict[str, Any]:
        """What to call the pipeline with for these prompts: embeddings, each worked out once.

        Families of which it is not known that embeddings give the same images get texts.
        """
        import torch

        names = () if self.family is None else self.family.embeddings
        if not names:
            texts: dict[str, Any] = {"prompt": list(prompts)}
            if negative is not None:
                texts["negative_prompt"] = [negative] * len(prompts)
            return texts
        parts = [self._embed_one(prompt, negative, guided=guided) for prompt in prompts]
        return {
            name: torch.cat([part[place] for part in parts])
            for place, name in enumerate(names)
            if parts[0][place] is not None
        }

    def _embed_one(self, prompt: str, negative: str | None, *, guided: bool) -> Any:
        key = (prompt, negative, guided)
        if key not in self._embedded:
            if len(self._embedded) >= _REMEMBERED:
                self._embedded.clear()
            self._embedded[key] = self._ask(prompt, negative, guided=guided)
        return self._embedded[key]

    def _ask(self, prompt: str, negative: str | None, *, guided: bool) -> Any:
        import torch

        known = inspect.signature(self.inner.encode_prompt).parameters
        # No negative prompt stays none: SDXL has zeros for it, and not the embedding of "".
        asked = {
            "prompt": prompt,
            "prompt_2": None,
            "prompt_3": None,
            "device": self.device,
            "num_images_per_prompt": 1,
            "do_classifier_free_guidance": guided,
            "negative_prompt": negative,
        }
        with torch.inference_mode():
            return self.inner.encode_prompt(**{k: v for k, v in asked.items() if k in known})

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
            reason = " ".join(str(error).split())[:300]
            raise GeneratorError(
                f"{type(self.inner).__name__} fails ({type(error).__name__}: {reason}): change the "
                "options, or use another model."
            ) from error

    def save_memory(self) -> bool:
        """Let the decoder work image by image; whether that is new."""
        decoder: Any = getattr(self.inner, "vae", None)
        if self._is_sliced or not hasattr(decoder, "enable_slicing"):
            return False
        decoder.enable_slicing()
        self._is_sliced = True
        return True


def load_pipeline(
    place: Path,
    *,
    task: Task,
    precision: Literal["auto", "fp32", "fp16", "bf16"],
    device: str,
    scheduler: str | None,
    lora: Path | None,
    lora_scale: float,
    slice_attention: bool,
    family: Family | None,
) -> Pipeline:
    """Load a model from a folder or a single file: safetensors only, no code of the model's own.

    Raises:
        GeneratorError: it cannot be loaded.
    """
    import diffusers

    try:
        chosen, dtype = Placement(device=device, precision=precision, batch_size=None).resolve()
        with _quietly(diffusers), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            inner = _read(diffusers, place, task, dtype)
            if scheduler is not None:
                kind = getattr(diffusers, scheduler)
                inner.scheduler = kind.from_config(inner.scheduler.config)
            if lora is not None:
                _add_lora(inner, lora, lora_scale)
    except EmbedderError as error:
        raise GeneratorError(str(error)) from error
    # The loaders raise errors of several libraries besides their own.
    except Exception as error:
        reason = " ".join(str(error).split())
        raise GeneratorError(f"the model {place} cannot be loaded: {reason[:400]}") from error
    inner.set_progress_bar_config(disable=True)
    inner.to(chosen)
    if slice_attention:
        inner.enable_attention_slicing()
    return Pipeline(inner, str(chosen), family or _family_of(inner))


def _family_of(inner: Any) -> Family | None:
    """Of a single file, which tells its family only once it is read."""
    return FAMILIES.get(type(inner).__name__)


@contextmanager
def _quietly(diffusers: Any) -> Iterator[None]:
    """Without the library's notes and bars, which afterwards are what they were."""
    log = diffusers.utils.logging
    level, has_bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if has_bars:
            log.enable_progress_bar()


def _read(diffusers: Any, place: Path, task: Task, dtype: Any) -> Any:
    if place.is_dir():
        return getattr(diffusers, _PIPELINES[task]).from_pretrained(
            place,
            torch_dtype=dtype,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
        )
    kind = diffusers.StableDiffusionXLPipeline
    try:
        inner = kind.from_single_file(str(place), torch_dtype=dtype, local_files_only=True)
    except Exception:  # noqa: BLE001 - a checkpoint tells its kind by which loader takes it
        kind = diffusers.StableDiffusionPipeline
        inner = kind.from_single_file(str(place), torch_dtype=dtype, local_files_only=True)
    return inner if task == "text" else getattr(diffusers, _PIPELINES[task]).from_pipe(inner)


def _add_lora(inner: Any, lora: Path, scale: float) -> None:
    folder = lora.parent if lora.is_file() else lora
    name = {"weight_name": lora.name} if lora.is_file() else {}
    inner.load_lora_weights(
        str(folder), **name, adapter_name="sweep", local_files_only=True, use_safetensors=True
    )
    inner.set_adapters(["sweep"], [scale])


def locate_model(model: str, *, local_files_only: bool) -> Path:
    """The folder or file of a model, fetched from the hub if need be.

    Raises:
        GeneratorError: it is neither here nor to be had.
    """
    place = Path(model)
    if place.is_dir():
        if not (place / "model_index.json").is_file():
            raise GeneratorError(f"{model} is no diffusers model: it has no model_index.json.")
        return place
    if place.is_file():
        if place.suffix != ".safetensors":
            raise GeneratorError(f"{model} should be a .safetensors file: others may hold code.")
        return place
    if place.is_absolute() or model.count("/") != 1 or model.startswith("."):
        raise GeneratorError(f"there is no model at {model}: mend the path.")
    return _from_hub(model, local_files_only=local_files_only)


def _from_hub(model: str, *, local_files_only: bool) -> Path:
    """What the pipeline reads and no more: one variant of the weights, templates included."""
    import diffusers

    def download(**how: Any) -> Path:
        with _quietly(diffusers):
            return Path(
                diffusers.DiffusionPipeline.download(
                    model, use_safetensors=True, trust_remote_code=False, **how
                )
            )

    try:
        return download(local_files_only=True)
    except Exception as error:
        if local_files_only or is_offline():
            raise GeneratorError(
                f"the model {model} is not in the local cache and no hub may be asked: fetch it "
                f"where there is a network with `hf download {model}`, or give a local folder."
            ) from error
    try:
        return download()
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise GeneratorError(
            f"the model {model} is not in the local cache and cannot be fetched ({reason}): check "
            "its name and the network, or give a local folder."
        ) from error


@cache
def scheduler_names() -> tuple[str, ...]:
    """The schedulers that diffusers has."""
    import diffusers

    return tuple(
        name for name in dir(diffusers) if name.endswith("Scheduler") and "Flax" not in name
    )
