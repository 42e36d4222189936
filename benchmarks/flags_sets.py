"""The sets of ``flags.py``: real photos with copies, repeats, edits and broken pictures planted."""

from __future__ import annotations

import io
import shutil
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
Edit = Callable[[Image.Image], Image.Image]
Pictures = list[Image.Image]


def pictures(pool: str) -> Pictures:
    """All photos of a pool, in one order."""
    files = sorted((DATA / pool).glob("*/*.jpg"))
    return [Image.open(file).convert("RGB") for file in files]


def unpack(place: Path) -> Path:
    """The photos of ``cifake_more``."""
    with tarfile.open(DATA / "cifake_more" / "real.tar") as shard:
        shard.extractall(place, filter="data")
    return place


def lay_out(folder: Path, side: str, named: Iterable[tuple[str, Image.Image]]) -> None:
    for name, picture in named:
        file = folder / side / f"{name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        picture.save(file, compress_level=1)


def fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def through_jpeg(quality: int) -> Edit:
    def edit(image: Image.Image) -> Image.Image:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality)
        return Image.open(io.BytesIO(buffer.getvalue())).convert("RGB")

    return edit


def cut(left: float, top: float, right: float, bottom: float) -> Edit:
    """Without these shares at the edges."""

    def edit(image: Image.Image) -> Image.Image:
        width, height = image.size
        ends = (left * width, top * height, (1 - right) * width, (1 - bottom) * height)
        return image.crop((round(ends[0]), round(ends[1]), round(ends[2]), round(ends[3])))

    return edit


def resized(across: float, down: float) -> Edit:
    return lambda image: image.resize(
        (max(round(image.width * across), 1), max(round(image.height * down), 1))
    )


def bordered(colour: str) -> Edit:
    return lambda image: ImageOps.expand(image, round(min(image.size) * 0.1), colour)


def banded(image: Image.Image) -> Image.Image:
    shown = image.copy()
    pen, top = ImageDraw.Draw(shown), round(image.height * 0.82)
    pen.rectangle((0, top, image.width, image.height), fill="white")
    font = ImageFont.load_default(max(image.height * 0.11, 6))
    pen.text((image.width * 0.05, top + image.height * 0.02), "SALE -50 %", fill="black", font=font)
    return shown


def watermarked(image: Image.Image) -> Image.Image:
    layer = Image.new("RGBA", image.size, (0, 0, 0, 0))
    font = ImageFont.load_default(max(image.height * 0.2, 8))
    ImageDraw.Draw(layer).text(
        (image.width * 0.1, image.height * 0.4), "SAMPLE", fill=(255, 255, 255, 150), font=font
    )
    return Image.alpha_composite(image.convert("RGBA"), layer).convert("RGB")


def noisy(image: Image.Image) -> Image.Image:
    pixels = np.asarray(image, float)
    noise = np.random.default_rng(int(pixels.sum()) % 1000).normal(0, 20, pixels.shape)
    return Image.fromarray(np.clip(pixels + noise, 0, 255).astype(np.uint8))


def holed(image: Image.Image) -> Image.Image:
    shown, (width, height) = image.copy(), image.size
    box = (width * 0.1, height * 0.15, width * 0.4, height * 0.45)
    ImageDraw.Draw(shown).rectangle(box, fill=(128, 128, 128))
    return shown


def turned(degrees: float) -> Edit:
    return lambda image: image.rotate(degrees, Image.Resampling.BICUBIC)


def shifted_hue(image: Image.Image) -> Image.Image:
    hue, saturation, value = image.convert("HSV").split()
    moved = hue.point(lambda level: (level + 40) % 256)
    return Image.merge("HSV", (moved, saturation, value)).convert("RGB")


EDITS: dict[str, Edit] = {
    "JPEG 30": through_jpeg(30),
    "JPEG 10": through_jpeg(10),
    "half the size": resized(0.5, 0.5),
    "a quarter of the size": resized(0.25, 0.25),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.4),
    "darker": lambda image: ImageEnhance.Brightness(image).enhance(0.6),
    "more contrast": lambda image: ImageEnhance.Contrast(image).enhance(1.6),
    "grey": lambda image: image.convert("L").convert("RGB"),
    "more colour": lambda image: ImageEnhance.Color(image).enhance(1.8),
    "other hues": shifted_hue,
    "blurred": lambda image: image.filter(ImageFilter.GaussianBlur(min(image.size) / 80)),
    "sharpened": lambda image: image.filter(ImageFilter.UnsharpMask(2, 200)),
    "noise": noisy,
    "posterised": lambda image: ImageOps.posterize(image, 3),
    "gamma": lambda image: image.point(lambda level: int(255 * (level / 255) ** 0.6)),
    "mirrored": ImageOps.mirror,
    "upside down and mirrored": ImageOps.flip,
    "turned by 90 degrees": lambda image: image.transpose(Image.Transpose.ROTATE_90),
    "turned by 180 degrees": lambda image: image.transpose(Image.Transpose.ROTATE_180),
    "turned by 5 degrees": turned(5),
    "turned by 10 degrees": turned(10),
    "cut by 5 %": cut(0.05, 0.05, 0.05, 0.05),
    "cut by 10 %": cut(0.1, 0.1, 0.1, 0.1),
    "cut by 20 %": cut(0.2, 0.2, 0.2, 0.2),
    "corner of 70 %": cut(0, 0, 0.3, 0.3),
    "white border": bordered("white"),
    "black border": bordered("black"),
    "band of text": banded,
    "watermark": watermarked,
    "squashed": resized(1.0, 0.7),
}
"""Thirty."""

BETWEEN: dict[str, Edit] = {
    "corner of 60 %": cut(0, 0, 0.4, 0.4),
    "corner of 75 %": cut(0.25, 0.25, 0, 0),
    "corner of 85 %": cut(0.15, 0, 0, 0.15),
    "left fifth cut": cut(0.2, 0, 0, 0),
    "right 15 % cut": cut(0, 0, 0.15, 0),
    "cut by 25 %": cut(0.25, 0.25, 0.25, 0.25),
    "cut off the middle": cut(0.2, 0.05, 0.1, 0.15),
    "turned by 3 degrees": turned(3),
    "turned by 15 degrees": turned(15),
    "a part painted over": holed,
}
"""Edits that no framing was made for."""

MILD: tuple[Edit, ...] = (
    through_jpeg(60),
    resized(0.5, 0.5),
    lambda image: ImageEnhance.Brightness(image).enhance(1.2),
    cut(0.05, 0.05, 0.05, 0.05),
    cut(0.1, 0.1, 0.1, 0.1),
    ImageOps.mirror,
)

DEFECTS: dict[str, Edit] = {
    "black": lambda image: Image.new("RGB", image.size),
    "nearly black": lambda image: Image.eval(image, lambda level: level // 20),
    "white": lambda image: Image.new("RGB", image.size, "white"),
    "blurred": lambda image: image.filter(ImageFilter.GaussianBlur(max(min(image.size) / 25, 2))),
    "hardly any contrast": lambda image: ImageEnhance.Contrast(image).enhance(0.08),
    "strip": lambda image: image.resize((image.width * 4, image.height)),
}
