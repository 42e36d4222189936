"""A perceptual hash: the coarse pattern of light of an image, whatever its codec, size and crop."""

from __future__ import annotations

import math
from functools import cache, lru_cache
from typing import Final

import numpy as np
from PIL import Image

from synthaudit.arrays import Floats, Integers, Singles

_GRID: Final = 32
_WAVES: Final = 8
# Pictures are brought to this many pixels in either direction; framings are taken from there.
_BASE: Final = 96
# Lines of less than so many grey levels are even; a trimmed picture has this share left at least.
_EVEN: Final = 24.0
_LEAST_LEFT: Final = 0.3

_ROW, _COLUMN = np.divmod(np.arange(_WAVES * _WAVES)[1:], _WAVES)
# The amplitudes of pictures fall with the frequency: this evens them out.
_WEIGHT: Final = np.hypot(_ROW, _COLUMN)
HASH_LENGTH: Final = len(_WEIGHT)

MIRROR: Final = np.where(_COLUMN % 2 == 1, -1.0, 1.0)
"""Times this (HASH_LENGTH,), a hash is that of the mirrored image: odd waves change their sign."""

_FLIP: Final = np.where(_ROW % 2 == 1, -1.0, 1.0)
_SAME: Final[Integers] = np.arange(HASH_LENGTH)
_TURNED: Final[Integers] = _COLUMN * _WAVES + _ROW - 1
POSES: Final = (
    (_SAME, np.ones(HASH_LENGTH)),
    (_SAME, MIRROR),
    (_SAME, _FLIP),
    (_SAME, MIRROR * _FLIP),
    (_TURNED, np.ones(HASH_LENGTH)),
    (_TURNED, MIRROR),
    (_TURNED, _FLIP),
    (_TURNED, MIRROR * _FLIP),
)
"""Mirrored, flipped and turned by quarters: taken in this order and times these signs, a hash is
that of the image in another pose. The first two are the image and its mirror image."""

Box = tuple[float, float, float, float]
"""Left, top, right and bottom, in shares of the width and height."""


def _middle(zoom: float) -> Box:
    return (1 - zoom) / 2, (1 - zoom) / 2, (1 + zoom) / 2, (1 + zoom) / 2


def _corners(size: float) -> list[Box]:
    starts = [(x, y) for x in (0.0, 1 - size) for y in (0.0, 1 - size)]
    return [(x, y, x + size, y + size) for x, y in starts]


def _sides(size: float) -> list[Box]:
    return [(0, 0, size, 1), (1 - size, 0, 1, 1), (0, 0, 1, size), (0, 1 - size, 1, 1)]


_WINDOWS: Final[tuple[Box, ...]] = (
    *map(_middle, (0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5)),
    *(box for size in (0.8, 0.7, 0.62) for box in _corners(size)),
    *(box for size in (0.88, 0.8) for box in _sides(size)),
)
# Of a picture turned by so many degrees, the middle that stays within it.
_TILTS: Final = ((10.0, 0.7), (-10.0, 0.7), (18.0, 0.6), (-18.0, 0.6))

WHOLE: Final = 0
SQUARE: Final = 1
TRIMMED: Final = 2
_FIRST_WINDOW: Final = 3
_FIRST_TILT: Final = _FIRST_WINDOW + len(_WINDOWS)
FRAMINGS: Final = _FIRST_TILT + len(_TILTS)


def _place(box: Box) -> int:
    return _FIRST_WINDOW + _WINDOWS.index(box)


_UPPER, _LOWER = (_place(box) for box in _sides(0.8)[2:])
COMPARISONS: Final = (
    (WHOLE, WHOLE),
    (SQUARE, SQUARE),
    *((WHOLE, _FIRST_WINDOW + window) for window in range(len(_WINDOWS))),
    (TRIMMED, TRIMMED),
    (TRIMMED, WHOLE),
    (_UPPER, _UPPER),
    (_LOWER, _LOWER),
    *((_place(_middle(tilt[1])), _FIRST_TILT + n) for n, tilt in enumerate(_TILTS)),
)
"""Which framing of an image is compared with which of a real one: the whole with the whole (however
squashed, and in all poses), square with square, the whole with parts of the real one of which it
may be a crop, without borders, without a band at the bottom or the top, and tilted. The first six
matter most."""


def perceptual_hash(image: Image.Image) -> Singles:
    """Low frequencies of the luma of an RGB picture, each framing of length 1.

    The cosine transform of 32 x 32 grey values, 8 x 8 waves of it without the mean, as in pHash
    (Zauner 2010) but with their values rather than their signs, weighted by frequency.

    Returns:
        float32 (FRAMINGS, HASH_LENGTH); zeros for an even grey, which has no pattern.
    """
    grey = _small(image.convert("L"))
    base = _squeezed(grey)
    width, height = image.size
    side = min(width, height)
    square = _middle_of(side / width, side / height)
    # Rows by columns: both directions of the transform at once, framing by framing.
    down, across = _window_waves()
    waves = np.empty((FRAMINGS, _WAVES, _WAVES))
    waves[_FIRST_WINDOW:_FIRST_TILT] = (down @ base) @ across
    for place, box in ((WHOLE, _middle(1.0)), (SQUARE, square), (TRIMMED, _trimmed(base))):
        waves[place] = _waves(box[1], box[3]) @ base @ _waves(box[0], box[2]).T
    for number, (angle, zoom) in enumerate(_TILTS):
        tilted = _squeezed(grey.rotate(angle, Image.Resampling.BILINEAR))
        box = _middle(zoom)
        waves[_FIRST_TILT + number] = _waves(box[1], box[3]) @ tilted @ _waves(box[0], box[2]).T
    weighted = waves.reshape(FRAMINGS, -1)[:, 1:] * _WEIGHT
    length = np.linalg.norm(weighted, axis=1, keepdims=True)
    return np.where(length > 1e-4, weighted / np.maximum(length, 1e-9), 0.0).astype(np.float32)


def _middle_of(width: float, height: float) -> Box:
    return (1 - width) / 2, (1 - height) / 2, (1 + width) / 2, (1 + height) / 2


def _small(grey: Image.Image) -> Image.Image:
    """Of the same shape, the shorter edge no longer than _BASE."""
    scale = _BASE / min(grey.size)
    if scale >= 1.0:
        return grey
    edges = [max(round(edge * scale), 1) for edge in grey.size]
    return grey.resize((edges[0], edges[1]), Image.Resampling.BILINEAR, reducing_gap=2.0)


def _squeezed(grey: Image.Image) -> Singles:
    """_BASE x _BASE grey values."""
    return np.asarray(grey.resize((_BASE, _BASE), Image.Resampling.BILINEAR), np.float32)


def _trimmed(base: Singles) -> Box:
    """Without even rows and columns at the edges; the whole where little would be left."""
    rows, columns = (
        np.flatnonzero(lines.max(axis=1) - lines.min(axis=1) > _EVEN) for lines in (base, base.T)
    )
    if min(len(rows), len(columns)) < _LEAST_LEFT * _BASE:
        return _middle(1.0)
    ends = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    left, top, right, bottom = (float(end) / _BASE for end in ends)
    return left, top, right, bottom


@cache
def _window_waves() -> tuple[Floats, Floats]:
    down = np.stack([_waves(box[1], box[3]) for box in _WINDOWS])
    across = np.stack([_waves(box[0], box[2]).T for box in _WINDOWS])
    return down, across


@lru_cache(maxsize=4096)
def _waves(start: float, end: float) -> Floats:
    """(_WAVES, _BASE) from grey values to the waves of a part of them.

    The part is first averaged to _GRID values, each a triangle as wide as it must be.
    """
    step = (end - start) * _BASE / _GRID
    centre = start * _BASE + (np.arange(_GRID) + 0.5) * step
    distance = np.abs(np.arange(_BASE) + 0.5 - centre[:, None]) / max(step, 1.0)
    triangle = np.maximum(1.0 - distance, 0.0)
    average = triangle / triangle.sum(axis=1, keepdims=True)
    return np.asarray(_cosines() @ average)


@cache
def _cosines() -> Floats:
    """(_WAVES, _GRID) the orthonormal cosine transform (DCT-II), its slowest waves."""
    wave = np.arange(_WAVES)[:, None]
    rows = np.cos(math.pi * (np.arange(_GRID) + 0.5) * wave / _GRID) * math.sqrt(2.0 / _GRID)
    rows[0] /= math.sqrt(2.0)
    return np.asarray(rows)
