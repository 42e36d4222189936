"""One decoding of a file, and all that is read off the picture: patterns and appearance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from synthaudit.arrays import Singles
from synthaudit.images.appearance import APPEARANCE, APPEARANCE_EDGE, appearance, size_of
from synthaudit.images.decoding import Frame, open_rgb
from synthaudit.images.decoding_pool import DecodedChunk, read_each
from synthaudit.images.perceptual_hash import FRAMINGS, HASH_LENGTH, perceptual_hash

PICTURE_VERSION: Final = 3
"""Raised whenever one of the numbers changes."""

PATTERN_NUMBERS: Final = FRAMINGS * HASH_LENGTH
PICTURE_NUMBERS: Final = PATTERN_NUMBERS + len(APPEARANCE)
PICTURE_FRAME: Final = Frame(height=APPEARANCE_EDGE, width=APPEARANCE_EDGE)
"""Photos may be decoded at a reduced scale that still fills this."""


def picture_chunk(files: Sequence[bytes], _: Frame, max_pixels: int) -> DecodedChunk:
    """Patterns and appearance of some files, in the form in which a decoding pool hands on pixels.

    Returns:
        ``pixels`` is float32 (k, PICTURE_NUMBERS), patterns first.
    """

    def read(data: bytes) -> Singles:
        picture = open_rgb(data, frame=PICTURE_FRAME, max_pixels=max_pixels)
        return np.concatenate(
            [perceptual_hash(picture).ravel(), appearance(picture, size_of(data))]
        )

    return read_each(files, read, nothing=np.empty((0, PICTURE_NUMBERS), np.float32))
