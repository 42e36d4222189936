"""Images encoded anew: with one size and codec for all, or with those of other images."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from PIL import Image

from synthaudit.images.collection import Collection, Location, Stamp
from synthaudit.images.decoding import UnreadableImage, open_rgb
from synthaudit.images.decoding_pool import worker_processes

CodecName = Literal["JPEG", "PNG", "WEBP"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """A size and a codec.

    Attributes:
        width: of the picture, which is cut to the aspect ratio around its centre first.
        height: likewise.
        codec: file format.
        quality: of lossy codecs, 1 to 100.
        subsampling: of JPEG: 0 for 4:4:4, 1 for 4:2:2, 2 for 4:2:0.
    """

    width: int
    height: int
    codec: CodecName = "JPEG"
    quality: int = 90
    subsampling: int = 2


@dataclass(frozen=True, slots=True)
class RemadeLocation:
    """Bytes that a worker process makes of those of another place.

    Attributes:
        source: the other place.
        make: a function of a module and its bound arguments, bytes to bytes.
        name: tells what is made from whatever else is made of the same source.
        workers: processes, None for one a core.
    """

    source: Location
    make: Callable[[bytes], bytes]
    name: str
    workers: int | None

    def read(self) -> bytes:
        """The new bytes; those of the source where they do not decode, to be refused later."""
        data = self.source.read()
        try:
            made: bytes = worker_processes(self.workers).submit(self.make, data).result()
        except (UnreadableImage, BrokenProcessPool):
            return data
        return made

    def stamp(self) -> Stamp | None:
        """The source's stamp, under a place of its own."""
        stamp = self.source.stamp()
        return None if stamp is None else replace(stamp, place=f"{stamp.place}\0{self.name}")


def reencode(data: bytes, recipe: Recipe, *, max_pixels: int) -> bytes:
    """Decode, cut to the aspect ratio, resize and encode.

    Raises:
        UnreadableImage: the bytes do not decode.
    """
    image = open_rgb(data, max_pixels=max_pixels)
    scale = min(image.width / recipe.width, image.height / recipe.height)
    width, height = recipe.width * scale, recipe.height * scale
    left, top = (image.width - width) / 2, (image.height - height) / 2
    # Rounding may carry the box a hair beyond the picture.
    box = (
        max(left, 0.0),
        max(top, 0.0),
        min(left + width, image.width),
        min(top + height, image.height),
    )
    size = (recipe.width, recipe.height)
    if image.size != size:
        image = image.resize(size, Image.Resampling.BICUBIC, box=box)
    buffer = io.BytesIO()
    options: dict[str, int] = {}
    if recipe.codec != "PNG":
        options["quality"] = recipe.quality
    if recipe.codec == "JPEG":
        options["subsampling"] = recipe.subsampling
    image.save(buffer, recipe.codec, **options)
    return buffer.getvalue()


def reencoded(
    collection: Collection, recipes: Sequence[Recipe], *, workers: int | None, max_pixels: int
) -> Collection:
    """A collection whose images are made anew, each by its recipe."""
    entries = [
        replace(
            entry,
            location=RemadeLocation(
                entry.location,
                partial(reencode, recipe=recipe, max_pixels=max_pixels),
                str(recipe),
                workers,
            ),
        )
        for entry, recipe in zip(collection.entries, recipes, strict=True)
    ]
    return replace(collection, entries=entries)
