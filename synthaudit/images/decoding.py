"""Encoded bytes to upright 8-bit RGB pixels: the only place where an image file is interpreted."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from threading import Lock
from typing import IO, Final, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

try:
    import simplejpeg
except ImportError:  # of the extra ``fast``: the same pixels in less time
    simplejpeg = None

DEFAULT_MAX_PIXELS = 200_000_000

PREPROCESSING_VERSION = 1
"""Part of every cache key: raise it whenever the pixels that leave this module change."""

Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]
Fit = Literal["shortest", "longest", "squash"]
Resizer = Literal["pillow", "torch"]
Pixels = npt.NDArray[np.uint8]
Picture = Image.Image | Pixels
"""Upright RGB, as Pillow or as numpy has it: turning one into the other takes as long as JPEG."""

_RESAMPLING = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
_ORIENTATION_TAG = 0x0112
# Formats of pictures. Pillow knows more: EPS runs Ghostscript on what the file says.
_FORMATS = (
    *("AVIF", "BMP", "DIB", "GIF", "HEIF", "ICO", "JPEG", "JPEG2000", "JXL", "MPO", "PCX"),
    *("PNG", "PPM", "PSD", "QOI", "TGA", "TIFF", "WEBP", "XBM"),
)
# How many times as long as wide a picture may be, before its ends are cut.
_RIBBON = 8
_WHITE = (255, 255, 255)

_OPENING: Final = Lock()
"""Of Pillow's own cap on sizes, which is one for all threads."""


class UnreadableImage(Exception):  # noqa: N818 - a verdict on a file, not a fault
    """One image cannot be used; the message is the reason that ``unreadable.csv`` shows.

    ``is_lasting`` says whether the same bytes will fail again whatever the settings and machine.
    """

    def __init__(self, reason: str, *, is_lasting: bool = True) -> None:
        super().__init__(reason)
        self.is_lasting = is_lasting


@dataclass(frozen=True, kw_only=True)
class Frame:
    """The pixel grid that an embedder wants.

    ``fit`` says how an image meets the grid: ``shortest`` scales the shorter side to it and cuts
    the centre, ``longest`` scales the longer side and pads with ``fill``, ``squash`` ignores the
    aspect ratio. ``enlarge`` scales to a larger picture first, of which the centre is cut.
    ``resizer`` ``torch`` is several times faster and within one grey level of Pillow's; it is for
    embedders that need torch anyway.
    """

    height: int
    width: int
    fit: Fit = "shortest"
    interpolation: Interpolation = "bicubic"
    fill: int = 0
    enlarge: float = 1.0
    resizer: Resizer = "pillow"

    def describe(self) -> str:
        """A stable text for fingerprints."""
        text = f"{self.height}x{self.width}/{self.fit}/{self.interpolation}/{self.fill}"
        text += f"/{self.enlarge:g}/v{PREPROCESSING_VERSION}"
        return text if self.resizer == "pillow" else f"{text}/{self.resizer}"


def open_image(file: IO[bytes]) -> Image.Image:
    """Open a picture as Pillow does, but of no format that is a program or only stands for one.

    Nothing is decoded yet, and pictures of any size are opened: whoever decodes has a limit.

    Raises:
        UnidentifiedImageError: it is of no format of pictures that this machine knows.
    """
    Image.init()
    formats = [name for name in _FORMATS if name in Image.OPEN]
    with _OPENING:
        cap, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            return Image.open(file, formats=formats)
        finally:
            Image.MAX_IMAGE_PIXELS = cap


def decode(data: bytes, frame: Frame, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> Pixels:
    """Decode one image file and bring it to ``frame``.

    Args:
        data: the file's bytes; the format is told by its content, never by a name.
        frame: the grid to fill.
        max_pixels: larger images are refused before any pixel is decoded.

    Returns:
        uint8 array (height, width, 3), RGB, upright, transparency laid over white.

    Raises:
        UnreadableImage: with the reason, for whatever cannot be decoded in full.
    """
    return fit_to_frame(_open(data, frame, max_pixels), frame)


def open_rgb(
    data: bytes, *, frame: Frame | None = None, max_pixels: int = DEFAULT_MAX_PIXELS
) -> Image.Image:
    """Decode to an upright RGB picture; with ``frame``, large JPEGs may come at reduced scale.

    Raises:
        UnreadableImage: with the reason, for whatever cannot be decoded in full.
    """
    picture = _open(data, frame, max_pixels)
    return picture if isinstance(picture, Image.Image) else Image.fromarray(picture)


def _open(data: bytes, frame: Frame | None, max_pixels: int) -> Picture:
    if not data:
        raise UnreadableImage("the file is empty")
    try:
        with warnings.catch_warnings():
            # Pillow warns about large images, odd metadata and the like: our own limit decides,
            # and what matters beyond it raises.
            warnings.simplefilter("ignore")
            return _open_rgb(data, frame, max_pixels)
    except UnreadableImage:
        raise
    except Image.DecompressionBombError as error:
        raise UnreadableImage(f"too many pixels: {error}", is_lasting=False) from error
    except UnidentifiedImageError as error:
        raise UnreadableImage(_describe_unknown(data)) from error
    except MemoryError as error:
        raise UnreadableImage("not enough memory to decode it", is_lasting=False) from error
    # Decoders raise nearly anything on hostile bytes; one bad file must not stop a run.
    except Exception as error:
        raise UnreadableImage(_describe_failure(error)) from error


def _open_rgb(data: bytes, frame: Frame | None, max_pixels: int) -> Picture:
    image = open_image(io.BytesIO(data))
    width, height = image.size
    if width * height > max_pixels:
        raise UnreadableImage(
            f"{width} x {height} pixels is more than the limit of {max_pixels:,}; "
            "raise --max-pixels if the file is to be trusted",
            is_lasting=False,
        )
    if frame is not None and image.format in ("JPEG", "MPO"):
        # Twice the target keeps the later resize antialiased: a difference of two grey levels.
        side = 2 * max(frame.height, frame.width)
        if min(width, height) >= 2 * side:
            image.draft(
                None, (side * width // min(width, height), side * height // min(width, height))
            )
    image.seek(0)
    orientation = image.getexif().get(_ORIENTATION_TAG, 1)
    pixels = _fast_pixels(image, data)
    if pixels is not None and orientation == 1:
        return pixels
    if pixels is not None:
        image = Image.fromarray(pixels)
    image.load()
    if orientation != 1:
        image.getexif()[_ORIENTATION_TAG] = orientation
        image = ImageOps.exif_transpose(image)
    return _to_rgb(image)


def _fast_pixels(image: Image.Image, data: bytes) -> Pixels | None:
    """The pixels by the faster of two wrappers of one JPEG library, where it is there and can."""
    if simplejpeg is None or image.format != "JPEG" or image.mode != "RGB":
        return None
    width, height = image.size
    try:
        pixels: Pixels = simplejpeg.decode_jpeg(data, min_height=height, min_width=width)
    except ValueError:
        return None  # Pillow says best what is wrong with it
    return pixels if pixels.shape[:2] == (height, width) else None


def _to_rgb(image: Image.Image) -> Image.Image:
    mode = image.mode
    if mode == "RGB" and "transparency" not in image.info:
        return image
    if mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in image.info:
        return _over_white(image)
    if mode in ("F", "I") or mode.startswith("I;"):
        return Image.fromarray(_scale_to_bytes(image)).convert("RGB")
    if mode == "LAB":
        return _lab_to_rgb(image)
    return image.convert("RGB")


def _over_white(image: Image.Image) -> Image.Image:
    layer = image.convert("RGBA")
    canvas = Image.new("RGBA", layer.size, (*_WHITE, 255))
    canvas.alpha_composite(layer)
    return canvas.convert("RGB")


def _scale_to_bytes(image: Image.Image) -> Pixels:
    """Scale deep grey values to 0..255 where Pillow would clip them.

    The full scale is read from the values, for neither integer nor float files state it: 1 for
    floats in [0, 1], else the smallest of 8, 16 and 32 bits that holds them; a range that fits
    none of these (negative or infinite extremes) is stretched from its minimum to its maximum.
    """
    values = np.asarray(image, dtype=np.float64)
    if not np.isfinite(values).all():
        raise UnreadableImage("it has pixels that are not finite numbers")
    low, high = float(values.min()), float(values.max())
    if image.mode.startswith("I;16"):
        scale = 65535.0
    elif image.mode == "F" and low >= 0.0 and high <= 1.0:
        scale = 1.0
    else:
        scale = next((s for s in (255.0, 65535.0, 2.0**32 - 1) if high <= s), 0.0)
    if low < 0.0 or scale == 0.0:
        values, scale = values - low, max(high - low, np.finfo(np.float64).tiny)
    return np.rint(values * (255.0 / scale)).astype(np.uint8)


def _lab_to_rgb(image: Image.Image) -> Image.Image:
    lab = ImageCms.createProfile("LAB")
    srgb = ImageCms.createProfile("sRGB")
    transform = ImageCms.buildTransform(lab, srgb, "LAB", "RGB")
    converted = ImageCms.applyTransform(image, transform)
    if converted is None:  # only with inPlace=True
        raise UnreadableImage("its LAB colours could not be converted")
    return converted


def fit_to_frame(picture: Picture, frame: Frame) -> Pixels:
    """Resize (antialiased) and cut or pad an RGB picture: uint8 array (height, width, 3)."""
    width, height = _size(picture)
    if frame.fit == "shortest" and max(width, height) > _RIBBON * min(width, height):
        picture = _trim_ribbon(picture)
        width, height = _size(picture)
    goal = (int(frame.width * frame.enlarge + 1e-9), int(frame.height * frame.enlarge + 1e-9))
    if frame.fit == "squash" or (width, height) == goal:
        size = goal
    else:
        ratios = (goal[0] / width, goal[1] / height)
        ratio = max(ratios) if frame.fit == "shortest" else min(ratios)
        # Truncation and rounding follow torchvision (shortest) and open_clip (longest).
        whole = int if frame.fit == "shortest" else round
        size = (max(whole(width * ratio + 1e-9), 1), max(whole(height * ratio + 1e-9), 1))
    pixels = np.asarray(picture, dtype=np.uint8)
    if size != (width, height):
        pixels = _resize(picture, size, frame)
    left, top = round((size[0] - frame.width) / 2), round((size[1] - frame.height) / 2)
    if frame.fit == "longest":
        canvas = np.full((frame.height, frame.width, 3), frame.fill, np.uint8)
        canvas[-top : size[1] - top, -left : size[0] - left] = pixels
        return canvas
    return np.ascontiguousarray(pixels[top : top + frame.height, left : left + frame.width])


def _size(picture: Picture) -> tuple[int, int]:
    """Width and height."""
    if isinstance(picture, Image.Image):
        return picture.size
    return picture.shape[1], picture.shape[0]


def _resize(picture: Picture, size: tuple[int, int], frame: Frame) -> Pixels:
    if frame.resizer == "pillow" or frame.interpolation not in ("bilinear", "bicubic"):
        image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
        return np.asarray(image.resize(size, _RESAMPLING[frame.interpolation]), dtype=np.uint8)
    import torch

    # Pillow's memory is copied, for torch will not share what it may not write.
    source = picture if isinstance(picture, np.ndarray) else np.array(picture)
    resized = torch.nn.functional.interpolate(
        torch.from_numpy(source).permute(2, 0, 1)[None],
        size=(size[1], size[0]),
        mode=frame.interpolation,
        antialias=True,
    )
    return np.asarray(resized[0].permute(1, 2, 0).numpy(), dtype=np.uint8)


def _trim_ribbon(picture: Picture) -> Pixels:
    """Cut the far ends of a ribbon, which scaling its short side would blow up without bound."""
    width, height = _size(picture)
    longest = _RIBBON * min(width, height)
    left, top = max(width - longest, 0) // 2, max(height - longest, 0) // 2
    pixels = np.array(picture, dtype=np.uint8)
    return pixels[top : top + min(height, longest), left : left + min(width, longest)]


def _describe_unknown(data: bytes) -> str:
    head = data[:512].lstrip().lower()
    if head.startswith((b"<svg", b"<?xml")) and b"<svg" in data[:4096].lower():
        return "SVG is a drawing, not pixels: export it as PNG"
    if head.startswith((b"<!doctype html", b"<html")):
        return "it is a web page, not an image (a failed download?)"
    if not data.strip(b"\0"):
        return "it holds only zero bytes"
    return "its content is no image format that Pillow can read"


def _describe_failure(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    if "truncated" in text.lower() or "unexpected end of file" in text.lower():
        return f"the file is truncated: {text}"
    return f"it does not decode: {text}"
