"""What a picture looks like in a few numbers: light, contrast, sharpness, noise, colour, frame."""

from __future__ import annotations

import io
import warnings
from typing import Final

import numpy as np
from PIL import Image

from synthaudit.arrays import Floats, Singles
from synthaudit.images.decoding import open_image

APPEARANCE_EDGE: Final = 192
"""Pictures are looked at with a shorter edge of this many pixels at most, never enlarged, so that
sharpness and noise of large and small files can be compared."""

APPEARANCE: Final = (
    *("lightest", "darkest", "brightness", "contrast", "detail"),
    *("sharpness", "noise", "colour", "border", "centring"),
    *("size", "elongation"),
)
"""What is read off a picture; logarithms are natural.

``lightest`` and ``darkest``: luma that 99 % and 5 % of the pixels stay below, in [0, 1].
``brightness``: mean luma; ``contrast``: the logarithm of its deviation.
``detail``: entropy of the histogram of luma, in bits.
``sharpness``: the logarithm of the variance of the Laplacian.
``noise``: the logarithm of its deviation after Immerkaer (Computer Vision and Image Understanding,
1996), by its quieter half, in the middle of the picture at its own resolution.
``colour``: the logarithm of the mean range of the channels.
``border``: share of the area in even rows and columns at the edges.
``centring``: 1 less the mean distance of gradients from the middle lines, in half edges.
``size``: the logarithm of the root of the number of pixels of the file.
``elongation``: the logarithm of the ratio of its longer to its shorter edge.
"""

_LEVELS: Final = np.arange(256)
_EVEN: Final = 3.0
_LEAST: Final = 0.25
# Mean of the smaller half of absolute values of a standard normal variable.
_QUIET_HALF: Final = 0.3249


def appearance(image: Image.Image, size: tuple[int, int]) -> Singles:
    """Look at a picture.

    Args:
        image: RGB, perhaps decoded at a reduced scale.
        size: width and height of the file.

    Returns:
        float32 (len(APPEARANCE),), all finite.
    """
    noise = _noise(np.asarray(_middle(image).convert("L"), np.float32))
    factor = APPEARANCE_EDGE / min(image.size)
    if factor < 1.0:
        edges = [max(round(edge * factor), 1) for edge in image.size]
        image = image.resize((edges[0], edges[1]), Image.Resampling.BILINEAR, reducing_gap=2.0)
    red, green, blue = (np.asarray(channel) for channel in image.split())
    most, least = np.maximum(red, green), np.minimum(red, green)
    span = float((np.maximum(most, blue) - np.minimum(least, blue)).mean())
    luma = np.asarray(image.convert("L"))
    share = np.bincount(luma.ravel(), minlength=256) / luma.size
    below = np.cumsum(share)
    mean = float(share @ _LEVELS)
    deviation = float(np.sqrt(share @ np.square(_LEVELS - mean)))
    some = share[share > 0.0]
    grey = luma.astype(np.float32)
    width, height = size
    values = {
        "lightest": int(np.searchsorted(below, 0.99)) / 255,
        "darkest": int(np.searchsorted(below, 0.05)) / 255,
        "brightness": mean / 255,
        "contrast": np.log(max(deviation, _LEAST) / 255),
        "detail": -float(some @ np.log2(some)),
        "sharpness": np.log(max(_laplacian_variance(grey), _LEAST)),
        "noise": np.log(max(noise, _LEAST)),
        "colour": np.log(max(span, _LEAST) / 255),
        "border": _border(grey),
        "centring": _centring(grey),
        "size": 0.5 * np.log(width * height),
        "elongation": abs(np.log(width / height)),
    }
    return np.array([values[name] for name in APPEARANCE], np.float32)


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height of a file that is known to decode."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with open_image(io.BytesIO(data)) as image:
            return image.size


def _middle(image: Image.Image) -> Image.Image:
    """What is seen of it without resizing, which averages noise away."""
    left, top = (max((edge - APPEARANCE_EDGE) // 2, 0) for edge in image.size)
    return image.crop((left, top, image.width - left, image.height - top))


def _laplacian_variance(grey: Singles) -> float:
    if min(grey.shape) < 3:
        return 0.0
    middle = grey[1:-1, 1:-1]
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float((around - 4.0 * middle).var())


def _noise(grey: Singles) -> float:
    """Deviation of white noise that would leave as much of what edges leave nothing of."""
    if min(grey.shape) < 3:
        return 0.0
    across = grey[:, :-2] - 2.0 * grey[:, 1:-1] + grey[:, 2:]
    both = across[:-2] - 2.0 * across[1:-1] + across[2:]
    # The quieter half is that of even areas, where there are some: texture is no noise.
    size = np.abs(both).ravel()
    quiet = np.partition(size, len(size) // 2)[: len(size) // 2 + 1]
    return float(quiet.mean()) / (_QUIET_HALF * 6.0)


def _border(grey: Singles) -> float:
    """Share of the area in even lines at the edges; 1 for an even picture."""
    inner = 1.0
    for lines in (grey, grey.T):
        uneven = np.flatnonzero(lines.max(axis=1) - lines.min(axis=1) > _EVEN)
        if len(uneven) == 0:
            return 1.0
        inner *= float(uneven[-1] - uneven[0] + 1) / len(lines)
    return 1.0 - inner


def _centring(grey: Singles) -> float:
    """1 where all gradients are in the middle, 0 where all are in the corners."""
    height, width = grey.shape
    if min(height, width) < 2:
        return 0.5
    strength = np.abs(np.diff(grey, axis=0))[:, :-1] + np.abs(np.diff(grey, axis=1))[:-1]
    total = float(strength.sum())
    if total <= 0.0:
        return 0.5
    rows = float(strength.sum(axis=1) @ _distances(height - 1))
    columns = float(strength.sum(axis=0) @ _distances(width - 1))
    return 1.0 - (rows + columns) / (2.0 * total)


def _distances(count: int) -> Floats:
    """From the middle, 0, to either end, 1."""
    return np.asarray(np.abs((np.arange(count) + 0.5) * 2.0 / count - 1.0))
