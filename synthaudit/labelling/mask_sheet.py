"""A sheet of images with what was found in them: the object in colour, the rest in grey."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from synthaudit.generation.masks.finding import Finding

_CELL: Final = 160
_MARGIN: Final = 8
_LINE: Final = 34
_COLUMNS: Final = 8
_FADED: Final = 0.35
_OUTLINE: Final = (214, 39, 40)
_PAPER, _INK, _ALARM = (255, 255, 255), (30, 30, 30), (170, 20, 20)

MOST_SHOWN: Final = 96
"""More images are not on one sheet."""


def thumbnail(image: Image.Image, finding: Finding) -> Image.Image:
    """An image with its object in colour, the rest faded and grey, boxes around what was found."""
    pixels = np.asarray(image.convert("RGB"), np.float64)
    grey = np.asarray(image.convert("L"), np.float64)[:, :, None]
    faded = 255.0 - (255.0 - grey) * _FADED
    mask = np.zeros(pixels.shape[:2], dtype=bool)
    for own in finding.objects:
        mask |= own.mask
    shown = Image.fromarray(np.where(mask[:, :, None], pixels, faded).astype(np.uint8))
    scale = _CELL / max(shown.size)
    small = shown.resize(
        (max(round(shown.width * scale), 1), max(round(shown.height * scale), 1)),
        Image.Resampling.LANCZOS,
    )
    draw = ImageDraw.Draw(small)
    for own in finding.objects:
        left, top, right, bottom = (side * scale for side in own.box)
        draw.rectangle((left, top, max(right - 1, left), max(bottom - 1, top)), outline=_OUTLINE)
    return ImageOps.pad(small, (_CELL, _CELL), color=_PAPER)


def mask_sheet(cells: Sequence[tuple[str, str, Image.Image, bool]]) -> Image.Image:
    """Draw a sheet.

    Args:
        cells: name, note, thumbnail, and whether something is wrong with the image.
    """
    shown = cells[:MOST_SHOWN]
    columns = min(_COLUMNS, max(len(shown), 1))
    lines = -(-len(shown) // columns)
    across, down = _CELL + _MARGIN, _CELL + _LINE + _MARGIN
    sheet = Image.new("RGB", (columns * across + _MARGIN, lines * down + _MARGIN), _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=12)
    for number, (name, note, picture, is_wrong) in enumerate(shown):
        left = _MARGIN + number % columns * across
        top = _MARGIN + number // columns * down
        sheet.paste(picture, (left, top))
        ink = _ALARM if is_wrong else _INK
        for line, text in enumerate((name, note)):
            draw.text((left, top + _CELL + 2 + 15 * line), _cut(draw, font, text), ink, font)
    return sheet


def _cut(
    draw: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    text: str,
) -> str:
    """As much of a text as a cell is wide; of names the end tells more."""
    while len(text) > 1 and draw.textlength(text, font=font) > _CELL:
        text = "…" + text.removeprefix("…")[1:]
    return text
