"""What traits of files are called where people read of them."""

from __future__ import annotations

import re
from typing import Final

_TITLES: Final = {
    "width": "width in pixels",
    "height": "height in pixels",
    "aspect_ratio": "width by height",
    "bytes_per_pixel": "bytes a pixel",
    "jpeg_quality": "JPEG quality",
    "jpeg_subsampling": "JPEG colour subsampling",
    "is_progressive": "progressive files",
    "has_exif": "EXIF data",
    "has_colour_profile": "colour profiles",
    "has_text": "text in the file",
    "is_jpeg": "JPEG files",
    "is_png": "PNG files",
    "is_webp": "WebP files",
    "is_other_format": "other formats",
    "is_grey": "grey pictures",
    "is_palette": "palettes",
    "has_alpha": "transparency",
}
_BLOCK: Final = re.compile(r"dct_([0-7])([0-7])")
_FINENESS: Final = ("coarse", "middling", "fine", "finest")


def trait_title(name: str) -> str:
    """A trait in words; those of block frequencies say how fine a texture, and which way it goes.

    The frequency of row r and column c of an 8 x 8 block has r and c half-waves a block: waves that
    are 16 / r pixels high and 16 / c pixels wide.

    >>> trait_title("jpeg_quality"), trait_title("dct_77")
    ('JPEG quality', 'finest texture (waves of 2.3 pixels)')
    >>> trait_title("dct_04")
    'fine vertical texture (waves of 4 pixels)'
    """
    found = _BLOCK.fullmatch(name)
    if found is None:
        return _TITLES.get(name, name.replace("_", " "))
    row, column = int(found[1]), int(found[2])
    largest = max(row, column)
    ways = ""
    if min(row, column) * 3 <= largest:
        ways = " horizontal" if row > column else " vertical"
    return f"{_FINENESS[largest // 2]}{ways} texture (waves of {16 / largest:.2g} pixels)"
