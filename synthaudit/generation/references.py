"""Real images that generators start from: by subject and number, the same in every arm."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageOps

from synthaudit.errors import GeneratorError
from synthaudit.generation.jobs import Job
from synthaudit.images.collection import Collection, ImageEntry
from synthaudit.images.decoding import UnreadableImage, open_rgb
from synthaudit.images.opening import open_source

_EDGE = 512


class References:
    """Images of the real set, or of folders, in the order of their paths.

    Args:
        real: the real set of the sweep.
        max_pixels: larger images are refused.
        kept: folder in which what is found in images is kept; None to keep nothing.
    """

    def __init__(self, real: Collection, *, max_pixels: int, kept: Path | None = None) -> None:
        self.real, self.max_pixels, self.kept = real, max_pixels, kept
        self._folders: dict[str, Collection] = {}

    def of_subject(self, source: str, subject: str | None) -> Sequence[ImageEntry]:
        """The images of a subject; all of them where none is of its class.

        Raises:
            GeneratorError: there are none.
        """
        collection = self._open(source)
        own = [entry for entry in collection.entries if entry.label == subject]
        entries = own or list(collection.entries)
        if not entries:
            raise GeneratorError(f"there are no reference images in {source}: mend references.")
        return entries

    def classes_of(self, source: str) -> Sequence[str]:
        """The classes that there are references of, sorted."""
        entries = self._open(source).entries
        return sorted({entry.label for entry in entries if entry.label is not None})

    def pick(self, source: str, job: Job) -> ImageEntry:
        """The reference of a job.

        Raises:
            GeneratorError: there is none.
        """
        entries = self.of_subject(source, job.subject)
        return entries[job.number % len(entries)]

    def digest(self, source: str, job: Job) -> str:
        """A digest of the reference."""
        return hashlib.sha256(self.pick(source, job).location.read()).hexdigest()

    def open(
        self, source: str, job: Job, *, sides: tuple[int, int] | None, multiple: int = 8
    ) -> Image.Image:
        """The reference of a job, cut and resized.

        Args:
            source: where it is from.
            job: for which.
            sides: width and height; None for those of the reference, 512 at most.
            multiple: of which those then are.
        """
        image = self.decode(self.pick(source, job))
        size = sides or fitting_sides(image.size, multiple)
        return ImageOps.fit(image, size, Image.Resampling.BICUBIC)

    def decode(self, entry: ImageEntry) -> Image.Image:
        """An entry's picture.

        Raises:
            GeneratorError: it cannot be read.
        """
        try:
            return open_rgb(entry.location.read(), max_pixels=self.max_pixels)
        except (OSError, UnreadableImage) as error:
            raise GeneratorError(f"the image {entry.path} cannot be used: {error}.") from error

    def _open(self, source: str) -> Collection:
        if source == "real":
            return self.real
        if source not in self._folders:
            opened = open_source(source)
            if not isinstance(opened, Collection):
                raise GeneratorError(f"references should be images, but {source} holds vectors.")
            self._folders[source] = opened
        return self._folders[source]


def fitting_sides(size: tuple[int, int], multiple: int) -> tuple[int, int]:
    """Width and height of what is made of an image: its own, 512 at most, whole multiples.

    >>> fitting_sides((100, 70), 8)
    (96, 64)
    """
    if min(size) >= _EDGE:
        return _EDGE, _EDGE
    width, height = (max(side // multiple * multiple, multiple) for side in size)
    return width, height
