"""A torch image tower as an embedder: placement, arithmetic, and batches that fit in memory."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from synthaudit.arrays import Singles
from synthaudit.errors import EmbedderError
from synthaudit.images.decoding import Frame, Pixels
from synthaudit.progress import LOGGER
from synthaudit.settings import Settings

if TYPE_CHECKING:
    import torch

Precision = Literal["auto", "fp32", "fp16", "bf16"]

_BATCH_ON_GPU: Final = 256
_BATCH_ON_CPU: Final = 32
# One batch is copied while another is computed; the third waits to be fetched.
_STAGES: Final = 3


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where and how a model computes, as the user asked for it.

    Attributes:
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``, ...
        precision: ``auto`` is bf16 or fp16 on a GPU, else fp32.
        batch_size: None for a size that suits the device.
        compiled: whether kernels are made for the model: minutes at first, faster from then on.
    """

    device: str
    precision: Precision
    batch_size: int | None
    compiled: bool = False

    def resolve(self) -> tuple[torch.device, torch.dtype]:
        """The first GPU, in bf16 where it has it and fp16 elsewhere, or else the CPU.

        Raises:
            EmbedderError: the device does not exist on this machine.
        """
        import torch

        name = self.device
        if name == "auto":
            mps = torch.backends.mps.is_available()
            name = "cuda" if torch.cuda.is_available() else "mps" if mps else "cpu"
        try:
            chosen = torch.device(name)
            torch.empty(1, device=chosen)
        except (RuntimeError, AssertionError) as error:
            reason = str(error).splitlines()[0]
            raise EmbedderError(
                f"device {self.device!r} is not at hand ({reason}): try cpu."
            ) from error
        if self.precision != "auto":
            types: dict[str, torch.dtype] = {
                "fp32": torch.float32,
                "fp16": torch.float16,
                "bf16": torch.bfloat16,
            }
            return chosen, types[self.precision]
        if chosen.type != "cuda":
            return chosen, torch.float32
        return chosen, torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


def placement_of(settings: Settings) -> Placement:
    """As the settings ask for it."""
    return Placement(
        device=settings.device,
        precision=settings.precision,
        batch_size=settings.batch_size,
        compiled=settings.compiled,
    )


class TorchEmbedder:
    """Encodes uint8 batches with a torch module.

    Args:
        name: as the user calls it.
        identity: of model and weights, for the fingerprint.
        encode: normalised pixels (B, 3, height, width) to features (B, d), on the device.
        frame: the grid that the model takes.
        mean, std: three channels each, for pixels in [0, 1].
        device: where the module is.
        dtype: of the module's input.
        batch_size: None for a size that suits the device.
        compiled: whether ``torch.compile`` makes kernels for batches of that size.
    """

    def __init__(
        self,
        *,
        name: str,
        identity: str,
        encode: Callable[[torch.Tensor], torch.Tensor],
        frame: Frame,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        device: torch.device,
        dtype: torch.dtype,
        batch_size: int | None,
        compiled: bool = False,
    ) -> None:
        import torch

        self.name, self.frame, self.device = name, frame, str(device)
        self.batch_size = batch_size or (_BATCH_ON_CPU if device.type == "cpu" else _BATCH_ON_GPU)
        kind = str(dtype).removeprefix("torch.") + ("/compiled" if compiled else "")
        self.fingerprint = f"{identity}/mean={mean}/std={std}/{kind}"
        self._encode, self._place, self._dtype = encode, device, dtype
        shape = (1, 3, 1, 1)
        self._mean = torch.tensor(mean, device=device, dtype=torch.float32).reshape(shape)
        self._std = torch.tensor(std, device=device, dtype=torch.float32).reshape(shape)
        self._compiled: Callable[[torch.Tensor], torch.Tensor] | None = None
        blank = np.zeros((1, frame.height, frame.width, 3), np.uint8)
        self.dimension = int(self._run(blank).shape[1])
        if compiled:
            self._compiled = torch.compile(self._features, dynamic=False)
        self.busy_seconds = 0.0
        self._stages: list[_Stage] = []

    def encode(self, pixels: Pixels) -> Singles:
        """uint8 (B, height, width, 3) to float32 (B, d), rows of length 1.

        When the device runs out of memory the batch is halved, for good, and the work goes on.

        Raises:
            EmbedderError: not even a single image fits.
        """
        import torch

        parts: list[Singles] = []
        start = 0
        while start < len(pixels):
            try:
                parts.append(self._run(pixels[start : start + self.batch_size]))
                start += self.batch_size
            except torch.OutOfMemoryError as error:
                if self.batch_size == 1:
                    raise EmbedderError(
                        f"{self.device} has not enough memory for one image of {self.name}: free "
                        "some, or use --device cpu or a smaller model."
                    ) from error
                self.batch_size //= 2
                LOGGER.warning("out of memory: batches of %d from here on.", self.batch_size)
                if torch.cuda.is_available():
                    torch.cuda.empty_cache()
        return np.concatenate(parts) if parts else np.empty((0, self.dimension), np.float32)

    def begin(self, pixels: Pixels) -> Callable[[], Singles]:
        """Start on at most ``batch_size`` images; what comes back waits for their vectors.

        On a GPU the next batch is copied while this one is computed. Without one, or when it has
        too little memory, this is ``encode``.
        """
        import torch

        if self._place.type == "cuda" and len(pixels) <= self.batch_size:
            try:
                return self._begin_on_gpu(pixels)
            except torch.OutOfMemoryError:
                self._stages.clear()
        started = time.perf_counter()
        vectors = self.encode(pixels)
        self.busy_seconds += time.perf_counter() - started
        return lambda: vectors

    def _begin_on_gpu(self, pixels: Pixels) -> Callable[[], Singles]:
        import torch

        if len(self._stages) < _STAGES:
            shape = (self.batch_size, self.frame.height, self.frame.width, 3)
            self._stages.append(_Stage(shape, self.dimension, self._place))
        else:
            self._stages.append(self._stages.pop(0))
        stage = self._stages[-1]
        batch = stage.send(pixels)
        with torch.inference_mode():
            stage.started.record()
            features = self._compute(batch)
            stage.ended.record()
            stage.fetch(features)

        def finish() -> Singles:
            vectors = stage.receive(len(pixels))
            self.busy_seconds += stage.started.elapsed_time(stage.ended) / 1000.0
            return vectors

        return finish

    def _run(self, pixels: Pixels) -> Singles:
        import torch

        with torch.inference_mode():
            batch = torch.from_numpy(np.ascontiguousarray(pixels)).to(self._place)
            return np.asarray(self._compute(batch).cpu().numpy(), np.float32)

    def _compute(self, batch: torch.Tensor) -> torch.Tensor:
        """Vectors of a batch; kernels are made for full ones, to which others are filled up."""
        if self._compiled is None:
            return self._features(batch)
        import torch

        blank = batch.new_zeros((max(self.batch_size - len(batch), 0), *batch.shape[1:]))
        return self._compiled(torch.cat([batch, blank]))[: len(batch)]

    def _features(self, batch: torch.Tensor) -> torch.Tensor:
        """Bytes (B, height, width, 3) on the device, widened and normalised there, to vectors."""
        import torch

        # Turning the axes of such bytes gives channels-last pixels, which GPUs like best.
        pixels = batch.permute(0, 3, 1, 2).to(torch.float32).div_(255.0)
        pixels = pixels.sub_(self._mean).div_(self._std).to(self._dtype)
        return torch.nn.functional.normalize(self._encode(pixels).to(torch.float32), dim=-1)


class _Stage:
    """Pinned memory for one batch on its way to a GPU, and for its vectors on their way back.

    Used again only after ``receive``, by which time both ways are done.
    """

    def __init__(self, shape: tuple[int, ...], dimension: int, device: torch.device) -> None:
        import torch

        self._device = device
        self._pixels = torch.empty(shape, dtype=torch.uint8, pin_memory=True)
        self._vectors = torch.empty((shape[0], dimension), dtype=torch.float32, pin_memory=True)
        self._copying = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self.started = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        self.ended = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        self._fetched = torch.cuda.Event()  # type: ignore[no-untyped-call]

    def send(self, pixels: Pixels) -> torch.Tensor:
        """The batch on the device, there by the time that the current stream uses it."""
        import torch

        staged = self._pixels[: len(pixels)]
        staged.numpy()[:] = pixels
        current = torch.cuda.current_stream(self._device)
        with torch.cuda.stream(self._copying):
            batch = staged.to(self._device, non_blocking=True)
        current.wait_stream(self._copying)
        # The memory belongs to the copying stream, which must not reuse it while it is read.
        batch.record_stream(current)
        return batch

    def fetch(self, features: torch.Tensor) -> None:
        """Start to copy vectors back."""
        self._vectors[: len(features)].copy_(features, non_blocking=True)
        self._fetched.record()

    def receive(self, count: int) -> Singles:
        """Wait for the vectors."""
        self._fetched.synchronize()
        return np.array(self._vectors[:count].numpy())
