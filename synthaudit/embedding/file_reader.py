"""What worker processes read off files, by the road of the vectors: cached, parallel, refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from synthaudit.arrays import Singles
from synthaudit.images.decoding import Frame
from synthaudit.images.decoding_pool import Work
from synthaudit.images.pictures import (
    PICTURE_FRAME,
    PICTURE_NUMBERS,
    PICTURE_VERSION,
    picture_chunk,
)
from synthaudit.images.traits import TRACE_FRAME, TRAITS, TRAITS_VERSION, trait_chunk


@dataclass(frozen=True, kw_only=True)
class FileReader:
    """An embedder whose vectors ``work`` has already made of the files.

    Attributes:
        name: of what is read.
        dimension: numbers a file.
        version: raised when those numbers change.
        frame: what the files are brought to.
        work: makes the numbers.
    """

    name: str
    dimension: int
    version: int
    frame: Frame
    work: Work
    device: str = "cpu"
    batch_size: int = 256

    @property
    def fingerprint(self) -> str:
        """Changes whenever a number could."""
        return f"{self.name}/v{self.version}"

    def encode(self, pixels: Singles) -> Singles:
        """Hand on the numbers (B, dimension)."""
        return np.asarray(pixels, np.float32)


TRAIT_READER: Final = FileReader(
    name="traits",
    dimension=len(TRAITS),
    version=TRAITS_VERSION,
    frame=TRACE_FRAME,
    work=trait_chunk,
)
PICTURE_READER: Final = FileReader(
    name="pictures",
    dimension=PICTURE_NUMBERS,
    version=PICTURE_VERSION,
    frame=PICTURE_FRAME,
    work=picture_chunk,
)
