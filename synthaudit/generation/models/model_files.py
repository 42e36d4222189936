"""The files behind the options of ``diffusers``: found once, described, and known by digests."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

from synthaudit.embedding.hub import file_digest
from synthaudit.errors import PlanError
from synthaudit.generation.diffusion_options import DiffusionOptions, ImageAdapter
from synthaudit.generation.models.families import Model, describe
from synthaudit.generation.models.fetching import locate_folder, locate_model, locate_weights
from synthaudit.generation.models.pipelines import Parts
from synthaudit.generation.models.prompt_length import PromptReader
from synthaudit.generation.models.single_files import describe_file

# Templates of chats and tokenizers decide what a text encoder is given.
_DECIDING: Final = (".safetensors", ".json", ".txt", ".model", ".jinja", ".spm", ".gguf")
_CONFIGURATIONS: Final = ("*.json", "*.txt", "*.model", "*.jinja", "*.spm")
_FOLDER_WEIGHTS: Final = ("config.json", "diffusion_pytorch_model*.safetensors*")

Found = TypeVar("Found")


class ModelFiles:
    """For the life of a generator: before a later sweep a model may change in its place."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], Any] = {}

    def model(self, options: DiffusionOptions) -> Model:
        """What is known of the model before its weights are read."""
        place, config = self._place(options), self._config(options)
        return self._once(
            ("model", place, config),
            lambda: describe_file(place, config) if place.is_file() else describe(place),
        )

    def parts(self, options: DiffusionOptions) -> Parts:
        """Where everything lies.

        Raises:
            GeneratorError: something is neither here nor to be had.
        """
        local = options.local_files_only
        own, control = options.transformer, options.control
        return Parts(
            model=self._place(options),
            config=self._config(options),
            transformer=None if own is None else self._weights(own, options, (".gguf",)),
            loras=[(self._weights(lora.file, options), lora.scale) for lora in options.loras],
            adapter=None if options.adapter is None else self._adapter(options.adapter, options),
            encoder=None if options.adapter is None else self._encoder(options.adapter, options),
            control=None
            if control is None
            else self._once(
                ("control", control.model),
                lambda: locate_folder(
                    control.model, _FOLDER_WEIGHTS, ignored=["*.fp16.*"], local_files_only=local
                ),
            ),
        )

    def digests(self, options: DiffusionOptions) -> dict[str, Any]:
        """One digest each of the model and of whatever is added to it."""
        parts = self.parts(options)
        found: dict[str, Any] = {"model": self._digest(parts.model)}
        for name in ("config", "transformer", "control"):
            place = getattr(parts, name)
            if place is not None:
                found[name] = self._digest(place)
        if parts.loras:
            found["lora"] = [(self._digest(file), scale) for file, scale in parts.loras]
        if parts.adapter is not None and options.adapter is not None:
            weight = parts.adapter / options.adapter.subfolder / options.adapter.weight
            found["adapter"] = [self._digest(weight), self._digest(parts.encoder or weight)]
        return found

    def count_cut_words(self, prompt: str) -> int:
        """Tokens that no tokenizer of the models in use would read; CLIP's where none is there."""
        models = {key[1]: own for key, own in self._known.items() if key[0] == "model"}
        counts = [
            self._reader(place, own).count_cut(prompt)
            for place, own in models.items()
            if place.is_dir()
        ]
        return max(counts) if counts else PromptReader.of_clip().count_cut(prompt)

    def _reader(self, place: Path, model: Model) -> PromptReader:
        most = None if model.family is None else model.family.tokens
        return self._once(("reader", place), lambda: PromptReader.of_model(place, most))

    def _place(self, options: DiffusionOptions) -> Path:
        return self._once(
            ("place", options.model),
            lambda: locate_model(options.model, local_files_only=options.local_files_only),
        )

    def _config(self, options: DiffusionOptions) -> Path | None:
        config = options.config
        if config is None:
            return None
        if not self._place(options).is_file():
            raise PlanError("config is for a model in a single file: drop it.")
        return self._once(
            ("config", config),
            lambda: locate_folder(
                config, _CONFIGURATIONS, local_files_only=options.local_files_only
            ),
        )

    def _weights(self, name: str, options: DiffusionOptions, more: tuple[str, ...] = ()) -> Path:
        suffixes = (".safetensors", *more)
        return self._once(
            ("weights", name, suffixes),
            lambda: locate_weights(
                name, local_files_only=options.local_files_only, suffixes=suffixes
            ),
        )

    def _adapter(self, adapter: ImageAdapter, options: DiffusionOptions) -> Path:
        if not adapter.weight.endswith(".safetensors"):
            raise PlanError(
                f"adapter.weight should be a .safetensors file, not {adapter.weight}: others may "
                "hold code."
            )
        weight = "/".join(filter(None, (adapter.subfolder, adapter.weight)))
        encoder = _encoder_of(adapter)
        patterns = [weight, f"{encoder}/config.json", f"{encoder}/model*.safetensors*"]
        place = self._once(
            ("adapter", adapter.model, *patterns),
            lambda: locate_folder(
                adapter.model, patterns, local_files_only=options.local_files_only
            ),
        )
        if not (place / weight).is_file():
            raise PlanError(f"the adapter {adapter.model} has no {weight}: mend its weight.")
        return place

    def _encoder(self, adapter: ImageAdapter, options: DiffusionOptions) -> Path:
        """In the adapter's own folder, or else a folder or repository by itself."""
        own = self._adapter(adapter, options) / _encoder_of(adapter)
        if own.is_dir():
            return own
        patterns = ["*config.json", "model*.safetensors*"]
        return self._once(
            ("encoder", adapter.image_encoder),
            lambda: locate_folder(
                adapter.image_encoder, patterns, local_files_only=options.local_files_only
            ),
        )

    def _digest(self, place: Path) -> str:
        return self._once(("digest", place), lambda: _digest_of(place))

    def _once(self, key: tuple[Any, ...], find: Callable[[], Found]) -> Found:
        if key not in self._known:
            self._known[key] = find()
        found: Found = self._known[key]
        return found


def _encoder_of(adapter: ImageAdapter) -> str:
    """Its image encoder, from the root; without a slash diffusers looks in the subfolder."""
    if "/" in adapter.image_encoder:
        return adapter.image_encoder
    return "/".join(filter(None, (adapter.subfolder, adapter.image_encoder)))


def _digest_of(place: Path) -> str:
    """One digest of a file, or of all weights and settings in a folder."""
    if place.is_file():
        return file_digest(place)
    chosen: Mapping[str, Path] = {
        str(file.relative_to(place)): file
        for file in place.rglob("*")
        if file.suffix in _DECIDING and file.is_file()
    }
    digest = hashlib.sha256()
    for name in sorted(chosen):
        with contextlib.suppress(OSError):
            digest.update(f"{name}\0{file_digest(chosen[name])}\n".encode())
    return digest.hexdigest()
