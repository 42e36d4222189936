"""Small pictures for a report: WebP, within a budget of bytes."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from PIL import Image

from synthaudit.images.decoding import UnreadableImage, open_rgb

_EDGE: Final = 192
_LEAST: Final = 64
_QUALITY: Final = 75


def make_thumbnails(
    wanted: Iterable[tuple[str, str]],
    roots: Mapping[str, Path],
    *,
    budget: int,
    max_pixels: int,
) -> dict[tuple[str, str], bytes]:
    """Thumbnails of images by side and path, the first ones first, while the budget lasts.

    Images that are no files of their own (members of archives, rows of tables) have none.

    Args:
        wanted: sides and paths, the most telling ones first.
        roots: the folder of each side.
        budget: bytes.
        max_pixels: larger images are left out.
    """
    made: dict[tuple[str, str], bytes] = {}
    spent = 0
    for side, path in dict.fromkeys(wanted):
        try:
            image = open_rgb((roots[side] / path).read_bytes(), max_pixels=max_pixels)
        except (OSError, UnreadableImage):
            continue
        data = _encode(image)
        if spent + len(data) > budget:
            break
        spent += len(data)
        made[side, path] = data
    return made


def _encode(image: Image.Image) -> bytes:
    image.thumbnail((_EDGE, _EDGE))
    if max(image.size) < _LEAST:
        # Pixels of tiny pictures are shown as they are, not smoothed.
        factor = _LEAST // max(image.size) + 1
        size = (image.width * factor, image.height * factor)
        image = image.resize(size, Image.Resampling.NEAREST)
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=_QUALITY)
    return buffer.getvalue()
