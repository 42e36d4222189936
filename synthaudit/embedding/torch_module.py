"""A torch module of the caller's own, with its transform, as an embedder."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from synthaudit.arrays import Singles
from synthaudit.embedding.torch_model import Placement, Precision
from synthaudit.errors import EmbedderError, blaming
from synthaudit.images.decoding import Frame, open_rgb
from synthaudit.images.decoding_pool import DecodedChunk, read_each

if TYPE_CHECKING:
    import torch

Transform = Callable[[Image.Image], "torch.Tensor"]


class ModuleEmbedder:
    """Embeds with any module that makes a vector of an image.

    Args:
        module: takes a batch of what the transform makes, and gives (B, d).
        transform: a Pillow image in RGB to a tensor, all of one shape. It is run in worker
            processes.
        device: ``auto``, ``cpu``, ``cuda``, ...
        precision: arithmetic; ``auto`` is bf16 or fp16 on a GPU, else fp32.
        batch_size: images at once; None for a size that suits the device.

    Raises:
        EmbedderError: module and transform do not fit each other, or what comes is no vector.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        transform: Transform,
        *,
        device: str = "auto",
        precision: Precision = "auto",
        batch_size: int | None = None,
    ) -> None:
        import torch

        if not isinstance(module, torch.nn.Module) or not callable(transform):
            raise EmbedderError(
                "embedder should be a pair of a torch module and its transform, not of "
                f"{type(module).__name__} and {type(transform).__name__}."
            )
        place, self._dtype = Placement(
            device=device, precision=precision, batch_size=batch_size
        ).resolve()
        self._module = module.eval().to(place, self._dtype)
        self.name = f"torch:{type(module).__name__}"
        self.device = str(place)
        self.batch_size = batch_size or (32 if place.type == "cpu" else 256)
        kind = str(self._dtype).removeprefix("torch.")
        self.fingerprint = f"{self.name}/{_digest(module, transform)}/{kind}"
        self.frame = Frame(height=1, width=1)
        shape, self.dimension = self._try_out(transform)
        self.work = _Transformation(transform=transform, name=self.name, shape=shape)

    def encode(self, pixels: Singles) -> Singles:
        """What the transform made (B, ...) to float32 (B, d), rows of length 1.

        Raises:
            EmbedderError: the module fails.
        """
        with blaming(f"the module of {self.name}", EmbedderError):
            return self._encode(pixels)

    def _encode(self, pixels: Singles) -> Singles:
        import torch

        with torch.inference_mode():
            batch = torch.from_numpy(np.ascontiguousarray(pixels))
            features = self._module(batch.to(self.device, self._dtype)).float()
            return np.asarray(torch.nn.functional.normalize(features, dim=-1).cpu().numpy())

    def _try_out(self, transform: Transform) -> tuple[tuple[int, ...], int]:
        blank = Image.new("RGB", (512, 512), "grey")
        try:
            pixels = np.asarray(transform(blank), np.float32)
            found = self._encode(pixels[None])
        # It is the caller's code, which may raise anything.
        except Exception as error:
            reason = " ".join(str(error).split())[:300]
            raise EmbedderError(
                f"{self.name} cannot embed a grey picture by its transform ({reason}): the "
                "transform should make a tensor of a Pillow image that the module takes in batches."
            ) from error
        if found.ndim != 2:
            raise EmbedderError(
                f"{self.name} should give a vector an image, (B, d), not {found.shape}."
            )
        return pixels.shape, int(found.shape[1])


def _digest(module: torch.nn.Module, transform: Transform) -> str:
    """Of all that decides a vector: structure, weights, and what the transform is made of."""
    import cloudpickle

    digest = hashlib.sha256(repr(module).encode())
    # What is pickled by its name alone may change under that name.
    with contextlib.suppress(OSError, TypeError):
        digest.update(inspect.getsource(transform).encode())
    digest.update(cloudpickle.dumps(transform))
    for name, values in module.state_dict().items():
        digest.update(name.encode())
        digest.update(values.detach().cpu().float().numpy().tobytes())
    return digest.hexdigest()[:32]


@dataclass(frozen=True, kw_only=True)
class _Transformation:
    """What the processes of a decoding pool do to files: a transform, whose shape is known."""

    transform: Transform
    name: str
    shape: tuple[int, ...]

    def __call__(
        self,
        files: Sequence[bytes],
        frame: Frame,  # noqa: ARG002 - the transform has its own
        max_pixels: int,
    ) -> DecodedChunk:
        def read(data: bytes) -> Any:
            return self._make(open_rgb(data, max_pixels=max_pixels))

        return read_each(files, read, nothing=np.empty((0,), np.float32))

    def _make(self, picture: Image.Image) -> Singles:
        with blaming(f"the transform of {self.name}", EmbedderError):
            made = np.asarray(self.transform(picture), np.float32)
        if made.shape != self.shape:
            raise EmbedderError(
                f"the transform of {self.name} should make one shape of every picture, but made "
                f"{made.shape} of one and {self.shape} of another: let it resize and crop."
            )
        return made
