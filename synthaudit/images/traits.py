"""What an image file is besides its content: container, size, compression and their traces."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import JpegImagePlugin
from scipy.fft import dctn

from synthaudit.arrays import Floats, Singles
from synthaudit.images.collection import Collection
from synthaudit.images.decoding import (
    Frame,
    UnreadableImage,
    fit_to_frame,
    open_image,
    open_rgb,
)
from synthaudit.images.decoding_pool import DecodedChunk, read_each
from synthaudit.images.marks import MARKS, read_marks

TRAITS_VERSION: Final = 3
CONTAINER_TRAITS: Final = (
    *("width", "height", "aspect_ratio", "bytes_per_pixel"),
    *("jpeg_quality", "jpeg_subsampling", "is_progressive"),
    *("has_exif", "has_colour_profile", "has_text"),
    *("is_jpeg", "is_png", "is_webp", "is_other_format"),
    *("is_grey", "is_palette", "has_alpha"),
    *MARKS,
)
TRACE_TRAITS: Final = tuple(f"dct_{row}{column}" for row in range(8) for column in range(8))[1:]
TRAITS: Final = (*CONTAINER_TRAITS, *TRACE_TRAITS)
TRACE_FRAME: Final = Frame(height=224, width=224)

# The luminance table of the JPEG standard (annex K), which encoders scale by quality.
_STANDARD_TABLE: Final = np.array(
    [
        *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55),
        *(14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62),
        *(18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92),
        *(49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
    ]
)
_SUBSAMPLING_UNKNOWN: Final = -1


def trait_chunk(files: Sequence[bytes], frame: Frame, max_pixels: int) -> DecodedChunk:
    """Traits of some files, in the form in which a decoding pool hands on pixels.

    Returns:
        ``pixels`` is float32 (k, len(TRAITS)).
    """

    def read(data: bytes) -> Singles:
        picture = open_rgb(data, max_pixels=max_pixels)
        container = read_container(data)
        traces = block_energies(fit_to_frame(picture, frame))
        values = [container[name] for name in CONTAINER_TRAITS]
        return np.concatenate([values, traces]).astype(np.float32)

    return read_each(files, read, nothing=np.empty((0, len(TRAITS)), np.float32))


def look_at(collection: Collection, images: int) -> list[dict[str, float]]:
    """Container traits of about so many evenly spaced images, the unreadable ones left out."""
    step = max(len(collection.entries) // images, 1)
    found = []
    for entry in collection.entries[::step]:
        try:
            found.append(read_container(entry.location.read()))
        except (OSError, UnreadableImage):
            continue  # it will be listed when it is embedded
    return found


def read_container(data: bytes) -> dict[str, float]:
    """The traits of the file itself, without a look at its pixels.

    ``jpeg_quality`` is 0 and ``jpeg_subsampling`` -1 for other formats; subsampling is 0 for 4:4:4,
    1 for 4:2:2 and 2 for 4:2:0.

    Raises:
        UnreadableImage: the file cannot be opened as an image.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            image: Any = open_image(io.BytesIO(data))
            marks = read_marks(image, data)
        # Pillow raises nearly anything on hostile bytes, oversized images among it.
        except Exception as error:
            raise UnreadableImage(f"it cannot be opened: {error}") from error
    width, height = image.size
    kind = "JPEG" if image.format == "MPO" else image.format
    is_jpeg = kind == "JPEG"
    info = image.info
    return {
        "width": float(width),
        "height": float(height),
        "aspect_ratio": width / height,
        "bytes_per_pixel": len(data) / (width * height),
        "jpeg_quality": jpeg_quality(image.quantization) if is_jpeg else 0.0,
        "jpeg_subsampling": float(
            JpegImagePlugin.get_sampling(image) if is_jpeg else _SUBSAMPLING_UNKNOWN
        ),
        "is_progressive": float(bool(info.get("progressive") or info.get("interlace"))),
        "has_exif": float("exif" in info),
        "has_colour_profile": float("icc_profile" in info),
        "has_text": float("comment" in info or "xmp" in info or bool(getattr(image, "text", None))),
        "is_jpeg": float(is_jpeg),
        "is_png": float(kind == "PNG"),
        "is_webp": float(kind == "WEBP"),
        "is_other_format": float(kind not in ("JPEG", "PNG", "WEBP")),
        "is_grey": float(image.mode in ("1", "L", "LA", "I", "I;16", "F")),
        "is_palette": float(image.mode in ("P", "PA")),
        "has_alpha": float(image.mode in ("RGBA", "LA", "PA", "RGBa", "La")),
        **marks,
    }


def jpeg_quality(tables: dict[int, list[int]]) -> float:
    """Quality (1 to 100) of the usual encoders that gives such a luminance table."""
    if not tables:
        return 0.0
    # Whatever the order of the entries, and with the clipping that the lowest qualities meet.
    table = np.sort(np.asarray(tables[min(tables)], np.float64))
    return float(1 + np.abs(_tables_by_quality() - table).sum(axis=1).argmin())


@cache
def _tables_by_quality() -> Floats:
    """(100, 64) sorted luminance tables of the qualities 1 to 100."""
    quality = np.arange(1, 101)
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    tables = (_STANDARD_TABLE[None] * scale[:, None] + 50) // 100
    return np.sort(np.clip(tables, 1, 255), axis=1).astype(np.float64)


def block_energies(pixels: npt.NDArray[np.uint8]) -> Floats:
    """Log mean energy of the 63 alternating DCT bands of the 8 x 8 blocks of the luma."""
    luma = pixels.astype(np.float64) @ np.array([0.299, 0.587, 0.114])
    rows, columns = luma.shape[0] // 8, luma.shape[1] // 8
    blocks = luma[: rows * 8, : columns * 8].reshape(rows, 8, columns, 8).swapaxes(1, 2)
    bands = dctn(blocks, axes=(2, 3), norm="ortho")
    energy: Floats = np.log10(np.square(bands).mean(axis=(0, 1)) + 1e-3)
    return energy.ravel()[1:]
