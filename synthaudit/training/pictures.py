"""The pictures of one side as one array, with their classes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from synthaudit.arrays import Flags, Integers
from synthaudit.errors import DataError
from synthaudit.images.collection import Collection, ImageEntry
from synthaudit.images.decoding import Frame, Pixels, UnreadableImage, fit_to_frame, open_rgb
from synthaudit.images.traits import look_at
from synthaudit.progress import LOGGER, Progress
from synthaudit.threads import in_threads

_MOST_UNREADABLE: Final = 0.05
_LOOKED_AT: Final = 200
_EDGES: Final = (32, 224)


@dataclass(frozen=True, kw_only=True, eq=False)
class Pictures:
    """n pictures.

    Attributes:
        pixels: (n, size, size, 3).
        target: (n,) class numbers.
        digests: (n,) of the files' bytes.
    """

    pixels: Pixels = field(repr=False)
    target: Integers = field(repr=False)
    digests: Sequence[str] = field(repr=False)

    def __len__(self) -> int:
        return len(self.target)

    def take(self, rows: Integers | Flags) -> Pictures:
        """Some of them."""
        chosen = np.arange(len(self))[rows]
        return Pictures(
            pixels=self.pixels[chosen],
            target=self.target[chosen],
            digests=[self.digests[row] for row in chosen],
        )

    def __add__(self, other: Pictures) -> Pictures:
        return Pictures(
            pixels=np.concatenate([self.pixels, other.pixels]),
            target=np.concatenate([self.target, other.target]),
            digests=[*self.digests, *other.digests],
        )

    @property
    def digest(self) -> str:
        """Of all files and classes, in their order."""
        lines = (f"{own}:{number}" for own, number in zip(self.digests, self.target, strict=True))
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def some(names: Sequence[str]) -> str:
    """Five of some names, and how many more there are."""
    more = f" and {len(names) - 5:,} more" if len(names) > 5 else ""
    return f"{', '.join(names[:5])}{more}"


def usual_edge(collection: Collection) -> int:
    """The median shorter edge of some images, within 32 and 224."""
    edges = [min(own["width"], own["height"]) for own in look_at(collection, _LOOKED_AT)]
    return int(np.clip(np.median(edges) if edges else _EDGES[1], *_EDGES))


def read_pictures(
    collection: Collection,
    classes: Sequence[str],
    *,
    size: int,
    max_pixels: int,
    progress: Progress,
) -> Pictures:
    """Decode the images of some classes.

    Args:
        collection: of images with classes.
        classes: their names; images of others are left out.
        size: the edge of the square that each is brought to, its shorter edge first.
        max_pixels: larger images are refused.
        progress: told of images that are read.

    Raises:
        DataError: there are none, or more than one in twenty cannot be read.
    """
    number = {name: position for position, name in enumerate(classes)}
    entries = [own for own in collection.entries if own.label in number]
    if not entries:
        raise DataError(
            f"{collection.name} has no images of the classes {some(classes)}: images should "
            " lie in a folder a class, named alike on all sides."
        )
    frame = Frame(height=size, width=size)
    progress.start(f"reading {collection.name}", len(entries))

    def read(entry: ImageEntry) -> tuple[Pixels, str] | str:
        try:
            data = entry.location.read()
            return fit_to_frame(open_rgb(data, max_pixels=max_pixels), frame), hashlib.sha256(
                data
            ).hexdigest()
        except (OSError, UnreadableImage) as error:
            return f"{entry.path}: {error}"

    found = in_threads(read, entries, progress.advance)
    wrong = [own for own in found if isinstance(own, str)]
    if len(wrong) > _MOST_UNREADABLE * len(entries):
        raise DataError(
            f"{len(wrong):,} of {len(entries):,} images of {collection.name} cannot be read "
            f"({wrong[0]}): mend or remove them."
        )
    if wrong:
        shown = "; ".join(wrong[:3]) + (f" and {len(wrong) - 3:,} more" if len(wrong) > 3 else "")
        LOGGER.warning("%s images of %s cannot be read: %s.", len(wrong), collection.name, shown)
    read_ones = [
        (own, number[str(entry.label)])
        for own, entry in zip(found, entries, strict=True)
        if not isinstance(own, str)
    ]
    return Pictures(
        pixels=np.stack([own[0] for own, _ in read_ones]),
        target=np.array([position for _, position in read_ones]),
        digests=[own[1] for own, _ in read_ones],
    )
