"""Models of transformers that look at images: found, loaded without foreign code, and called."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from synthaudit.embedding.hub import file_digest
from synthaudit.embedding.torch_model import Placement
from synthaudit.errors import EmbedderError, GeneratorError
from synthaudit.generation.masks.protocol import ModelChoice
from synthaudit.generation.models.fetching import locate_folder, quietly

_FILES: Final = ("*.json", "*.txt", "*.model", "*.safetensors")


class TransformersModel:
    """A model and its processor, loaded when it is first asked.

    Args:
        kind: class of the model in transformers.
        processor: class of its processor.
        usual: repository of the hub.
        choice: which weights, and where.
    """

    def __init__(self, kind: str, processor: str, usual: str, choice: ModelChoice) -> None:
        self.kind, self._processor, self.choice = kind, processor, choice
        self.name = choice.model or usual
        self._loaded: tuple[Any, Any] | None = None
        self._place: Path | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Other processes load it themselves."""
        return {**self.__dict__, "_loaded": None}

    def identity(self) -> str:
        """The kind, and a digest of all weights and settings."""
        digest = hashlib.sha256()
        for file in sorted(self.place.iterdir()):
            if file.suffix in {".json", ".txt", ".model", ".safetensors"} and file.is_file():
                digest.update(f"{file.name}\0{file_digest(file)}\n".encode())
        return f"{self.kind}:{digest.hexdigest()}"

    @property
    def place(self) -> Path:
        """Its folder.

        Raises:
            GeneratorError: it is neither here nor to be had.
        """
        if self._place is None:
            self._place = locate_folder(
                self.name, _FILES, local_files_only=self.choice.local_files_only
            )
        return self._place

    @property
    def processor(self) -> Any:
        """What makes tensors of images, and boxes and masks of tensors."""
        return self._load()[1]

    def run(self, inputs: Any, **how: Any) -> Any:
        """The model's answer.

        Raises:
            GeneratorError: it fails, in its own words.
        """
        import torch

        model = self._load()[0]
        try:
            with torch.inference_mode():
                return model(**inputs.to(model.device), **how)
        except torch.OutOfMemoryError as error:
            raise GeneratorError(
                f"{self.name} has not enough memory on {model.device}: use a smaller model, or "
                "device: cpu."
            ) from error

    def _load(self) -> tuple[Any, Any]:
        if self._loaded is None:
            import transformers

            placement = Placement(device=self.choice.device, precision="fp32", batch_size=None)
            with _telling(self.name):
                device, _ = placement.resolve()
                how: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
                processor = getattr(transformers, self._processor).from_pretrained(
                    self.place, **how
                )
                model = getattr(transformers, self.kind).from_pretrained(
                    self.place, use_safetensors=True, **how
                )
                self._loaded = (model.eval().to(device), processor)
        return self._loaded


@contextmanager
def _telling(name: str) -> Iterator[None]:
    """Turn whatever loaders raise into one sentence."""
    try:
        import diffusers

        with quietly(diffusers), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except GeneratorError:
        raise
    except ImportError as error:
        raise GeneratorError(
            f"masks need the extra generate ({' '.join(str(error).split())[:200]}): in a "
            "checkout, pip install '.[generate]'."
        ) from error
    except EmbedderError as error:
        raise GeneratorError(str(error)) from error
    except Exception as error:
        reason = " ".join(str(error).split())[:300]
        raise GeneratorError(
            f"{name} cannot be loaded ({type(error).__name__}: {reason}): name another model."
        ) from error
