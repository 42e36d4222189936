"""A contact sheet: arms down, subjects across, one picture each, made from the same seed."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from synthaudit.images.decoding import open_image

_CELL = 128
_MARGIN = 6
_LABEL = 260
_HEAD = 26
_COLUMNS = 12
_ROWS = 60
_INK, _PAPER, _EMPTY = (30, 30, 30), (255, 255, 255), (225, 225, 225)


def contact_sheet(
    rows: Sequence[tuple[str, Mapping[str, Path]]], columns: Sequence[str], *, label: int = _LABEL
) -> Image.Image:
    """Draw a sheet.

    Args:
        rows: for each arm its name and, by column, an image file.
        columns: subjects, or numbers of images.
        label: pixels for the names of the rows.
    """
    shown, across = rows[:_ROWS], columns[:_COLUMNS]
    step = _CELL + _MARGIN
    size = (label + len(across) * step + _MARGIN, _HEAD + len(shown) * step + _MARGIN)
    sheet = Image.new("RGB", size, _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=13)
    for number, column in enumerate(across):
        _write(draw, font, column, (label + number * step, 6), _CELL)
    for line, (name, files) in enumerate(shown):
        top = _HEAD + line * step
        _write(draw, font, name, (_MARGIN, top + _CELL // 2 - 8), label - 2 * _MARGIN)
        for number, column in enumerate(across):
            left = label + number * step
            picture = _thumbnail(files.get(column))
            if picture is None:
                draw.rectangle((left, top, left + _CELL, top + _CELL), fill=_EMPTY)
            else:
                sheet.paste(picture, (left, top))
    return sheet


def _thumbnail(file: Path | None) -> Image.Image | None:
    if file is None:
        return None
    try:
        with open_image(io.BytesIO(file.read_bytes())) as image:
            return ImageOps.pad(image.convert("RGB"), (_CELL, _CELL), color=_EMPTY)
    except (OSError, ValueError, Image.DecompressionBombError):
        return None


def _write(
    draw: ImageDraw.ImageDraw,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    text: str,
    place: tuple[int, int],
    width: int,
) -> None:
    """Text cut to a width; characters that the font lacks show as boxes."""
    text = " ".join(text.split())
    while text and draw.textlength(text, font=font) > width:
        text = text[:-2].rstrip() + "…" if len(text) > 2 else ""
    draw.text(place, text, fill=_INK, font=font)
