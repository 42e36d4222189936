"""A perceptual hash: the coarse pattern of light of an image, whatever its codec and size."""

from __future__ import annotations

from typing import Final

import numpy as np
from PIL import Image
from scipy.fft import dctn

from synthaudit.arrays import Singles

_GRID: Final = 32
_WAVES: Final = 8

_ROW, _COLUMN = np.divmod(np.arange(_WAVES * _WAVES)[1:], _WAVES)
# The amplitudes of pictures fall with the frequency: this evens them out.
_WEIGHT: Final = np.hypot(_ROW, _COLUMN)
HASH_LENGTH: Final = len(_WEIGHT)

MIRROR: Final = np.where(_COLUMN % 2 == 1, -1.0, 1.0)
"""Times this (HASH_LENGTH,), a hash is that of the mirrored image: odd waves change their sign."""

WHOLE: Final = 0
SQUARE: Final = 1
_ZOOMS: Final = (0.95, 0.9, 0.85, 0.8)
FRAMINGS: Final = 2 + len(_ZOOMS)
COMPARISONS: Final = (
    (WHOLE, WHOLE),
    (SQUARE, SQUARE),
    *((WHOLE, 2 + zoom) for zoom in range(len(_ZOOMS))),
)
"""Which framing of an image is compared with which of a real one: the whole with the whole (however
squashed), square with square, and the whole with the middle of the real one, of which it may be a
crop."""


def perceptual_hash(image: Image.Image) -> Singles:
    """Low frequencies of the luma of an RGB picture, each framing of length 1.

    The cosine transform of 32 x 32 grey values, 8 x 8 waves of it without the mean, as in pHash
    (Zauner 2010) but with their values rather than their signs, weighted by frequency.

    Returns:
        float32 (FRAMINGS, HASH_LENGTH); an even grey has the first axis only.
    """
    grey = image.convert("L")
    return np.stack([_waves(grey, box) for box in _boxes(*grey.size)])


def _boxes(width: int, height: int) -> list[tuple[float, float, float, float]]:
    side = min(width, height)
    sizes = [(width, height), (side, side), *((zoom * width, zoom * height) for zoom in _ZOOMS)]
    return [
        ((width - w) / 2, (height - h) / 2, (width + w) / 2, (height + h) / 2) for w, h in sizes
    ]


def _waves(grey: Image.Image, box: tuple[float, float, float, float]) -> Singles:
    small = grey.resize((_GRID, _GRID), Image.Resampling.BILINEAR, box=box)
    waves = dctn(np.asarray(small, np.float64), norm="ortho")[:_WAVES, :_WAVES].ravel()[1:]
    weighted = waves * _WEIGHT
    length = float(np.linalg.norm(weighted))
    unit = weighted / length if length > 1e-6 else np.eye(1, HASH_LENGTH)[0]
    return unit.astype(np.float32)
