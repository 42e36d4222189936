"""What an embedder is: pixels in, directions out, and a fingerprint to remember them by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy.typing as npt

from synthaudit.arrays import Singles
from synthaudit.images.decoding import Frame
from synthaudit.images.decoding_pool import Work


class Embedder(Protocol):
    """Turns batches of pixels into vectors."""

    @property
    def name(self) -> str:
        """As the user calls it, with every default written out."""

    @property
    def dimension(self) -> int:
        """The length d of a vector."""

    @property
    def fingerprint(self) -> str:
        """Changes whenever a vector could: covers model, weights and arithmetic.

        What ``frame`` does to an image is added by whoever remembers vectors.
        """

    @property
    def frame(self) -> Frame:
        """The pixel grid that ``encode`` takes."""

    @property
    def device(self) -> str:
        """Where it computes, for example ``cpu`` or ``cuda:0``."""

    @property
    def batch_size(self) -> int:
        """How many images ``encode`` likes at once."""

    def encode(self, pixels: npt.NDArray[Any]) -> Singles:
        """uint8 (B, height, width, 3) to float32 (B, d) with rows of length 1."""


@runtime_checkable
class AsynchronousEmbedder(Embedder, Protocol):
    """An embedder that computes a batch while the next one is made ready.

    Attributes:
        busy_seconds: how long it has computed so far.
    """

    busy_seconds: float

    def begin(self, pixels: npt.NDArray[Any]) -> Callable[[], Singles]:
        """Start on a batch; what comes back waits for its vectors. At most two at once."""


@runtime_checkable
class FileEmbedder(Embedder, Protocol):
    """An embedder whose ``encode`` takes what the decoding processes make of a file.

    Attributes:
        work: what they make of it instead of pixels on the frame.
    """

    work: Work


@runtime_checkable
class TextEmbedder(Embedder, Protocol):
    """An embedder that puts texts into the same space as images."""

    def encode_text(self, texts: Sequence[str]) -> Singles:
        """Texts to float32 (n, d) with rows of length 1."""
