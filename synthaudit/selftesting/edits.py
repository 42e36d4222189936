"""Edits of single images that the self-test plants: mild ones of copies, and damage."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from typing import Final

from PIL import Image, ImageEnhance, ImageFilter

from synthaudit.images.decoding import open_rgb

Edit = Callable[[Image.Image], Image.Image]


def _through_jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(io.BytesIO(buffer.getvalue())).convert("RGB")


def _resized(image: Image.Image, factor: float) -> Image.Image:
    """Down by a factor, then back."""
    small = (max(round(image.width * factor), 1), max(round(image.height * factor), 1))
    shrunk = image.resize(small, Image.Resampling.BICUBIC)
    return shrunk.resize(image.size, Image.Resampling.BICUBIC)


def _cropped(image: Image.Image, share: float) -> Image.Image:
    left, top = round(image.width * share), round(image.height * share)
    return image.crop((left, top, image.width - left, image.height - top))


def _blurred(image: Image.Image) -> Image.Image:
    # A radius in proportion to the picture, so that the damage looks alike at every size.
    return image.filter(ImageFilter.GaussianBlur(max(min(image.size) / 150, 0.5)))


MILD_EDITS: Final[tuple[str, ...]] = ("compressed a little", "resized", "brightened", "cropped")
"""What a copy may have gone through; copies take turns."""

EDITS: Final[dict[str, Edit]] = {
    "compressed a little": lambda image: _through_jpeg(image, 75),
    "resized": lambda image: _resized(image, 0.8),
    "brightened": lambda image: ImageEnhance.Brightness(image).enhance(1.08),
    "cropped": lambda image: _cropped(image, 0.03),
    "blurred": _blurred,
    "compressed": lambda image: _through_jpeg(image, 20),
    "upscaled": lambda image: _resized(image, 0.5),
}


def edit(data: bytes, *, name: str, max_pixels: int) -> bytes:
    """An image file after one of ``EDITS``, uncompressed, so that nothing else is added to it.

    Raises:
        UnreadableImage: the bytes do not decode.
    """
    buffer = io.BytesIO()
    EDITS[name](open_rgb(data, max_pixels=max_pixels)).save(buffer, "PPM")
    return buffer.getvalue()


def editor(name: str, *, max_pixels: int) -> Callable[[bytes], bytes]:
    """``edit`` with its arguments bound, to be sent to a worker process."""
    return partial(edit, name=name, max_pixels=max_pixels)
