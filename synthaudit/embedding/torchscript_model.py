"""Models that come as TorchScript files, such as SSCD's copy detector, with a note beside them."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from synthaudit.embedding import hub
from synthaudit.embedding.torch_model import TorchEmbedder, placement_of
from synthaudit.errors import EmbedderError
from synthaudit.images.decoding import Frame
from synthaudit.settings import Settings
from synthaudit.validation import explain

if TYPE_CHECKING:
    import torch

Channels = Annotated[tuple[float, float, float], Field(strict=False)]


class Preprocessing(BaseModel):
    """What a model expects: the note beside its file.

    Attributes:
        size: edge of the square of pixels, the shorter edge first.
        mean: of each channel, for pixels in [0, 1]; ImageNet's by default.
        deviation: likewise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int = Field(ge=8, le=4096)
    mean: Channels = (0.485, 0.456, 0.406)
    deviation: Channels = (0.229, 0.224, 0.225)


def make_torchscript(argument: str, settings: Settings) -> TorchEmbedder:
    """``torchscript:FILE``, with ``FILE.json`` beside it.

    A TorchScript file is a program: use none that you would not run.

    Args:
        argument: the file.
        settings: device and precision.

    Raises:
        EmbedderError: file or note are missing or wrong.
    """
    import torch

    file, note = (Path(f"{argument}{end}").expanduser() for end in ("", ".json"))
    for own in (file, note):
        if not own.is_file():
            raise EmbedderError(
                f"torchscript: needs a file and, beside it, FILE.json with size, mean and "
                f"deviation, but there is no {own}."
            )
    wanted = _read_note(note)
    placement = placement_of(settings)
    device, dtype = placement.resolve()
    try:
        with warnings.catch_warnings():
            # Its successor reads other files; whoever has this one can do nothing about it.
            warnings.simplefilter("ignore")
            model = torch.jit.load(str(file), map_location=device)  # type: ignore[no-untyped-call]
        model.eval().to(dtype)
    # It raises errors of many kinds.
    except Exception as error:
        reason = " ".join(str(error).split()).partition(". ")[0][:200]
        raise EmbedderError(f"{file} is no TorchScript file ({reason}).") from error

    def encode(batch: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = model(batch)
        return features

    try:
        return TorchEmbedder(
            name=f"torchscript:{argument}",
            identity=f"torchscript/{hub.file_digest(file)}",
            encode=encode,
            frame=Frame(height=wanted.size, width=wanted.size, interpolation="bilinear"),
            mean=wanted.mean,
            std=wanted.deviation,
            device=device,
            dtype=dtype,
            batch_size=placement.batch_size,
            compiled=False,
        )
    except RuntimeError as error:
        reason = " ".join(str(error).split())[-300:]
        raise EmbedderError(
            f"{file} does not take {wanted.size} x {wanted.size} pixels, as its note says: {reason}"
        ) from error


def _read_note(note: Path) -> Preprocessing:
    try:
        return Preprocessing.model_validate(json.loads(note.read_text(encoding="utf-8")))
    except ValidationError as error:
        sentence = explain(error, noun="key", known=lambda _: Preprocessing.model_fields)
        raise EmbedderError(f"{note}: {sentence}") from error
    except (OSError, ValueError) as error:
        raise EmbedderError(f"{note} is no JSON: {error}.") from error
