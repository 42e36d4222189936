"""Real images that generators start from: by subject and number, the same in every arm."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageOps

from synthaudit.errors import GeneratorError
from synthaudit.generation.jobs import Job
from synthaudit.images.collection import Collection, ImageEntry
from synthaudit.images.decoding import UnreadableImage, open_image, open_rgb
from synthaudit.images.opening import open_source

_EDGE = 512


class References:
    """Images of the real set, or of folders, in the order of their paths.

    Args:
        real: the real set of the sweep.
        max_pixels: larger images are refused.
    """

    def __init__(self, real: Collection, *, max_pixels: int) -> None:
        self.real, self.max_pixels = real, max_pixels
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

    def pick(self, source: str, job: Job, *, masks: str | None = None) -> ImageEntry:
        """The reference of a job.

        Raises:
            GeneratorError: there is none, or its mask is missing.
        """
        entries = self.of_subject(source, job.subject)
        entry = entries[job.number % len(entries)]
        if masks is not None and not Path(masks).is_dir():
            raise GeneratorError(f"there is no folder of masks at {masks}: mend masks.")
        if masks is not None and self._mask(masks, entry) is None:
            raise GeneratorError(f"there is no mask for {entry.path} in {masks}: add it.")
        return entry

    def digest(self, source: str, job: Job, masks: str | None) -> str:
        """A digest of reference and mask."""
        entry = self.pick(source, job, masks=masks)
        digest = hashlib.sha256(entry.location.read())
        if masks is not None and (mask := self._mask(masks, entry)) is not None:
            digest.update(mask.read_bytes())
        return digest.hexdigest()

    def open(
        self,
        source: str,
        job: Job,
        *,
        masks: str | None,
        sides: tuple[int, int] | None,
        multiple: int = 8,
    ) -> tuple[Image.Image, Image.Image | None]:
        """Reference and mask of a job, cut and resized alike.

        Args:
            source: where it is from.
            job: for which.
            masks: folder of masks; None for none.
            sides: width and height; None for those of the reference, 512 at most.
            multiple: of which those then are.
        """
        entry = self.pick(source, job, masks=masks)
        image = self.decode(entry)
        if sides is None:
            sides = (_EDGE, _EDGE) if min(image.size) >= _EDGE else _whole(image.size, multiple)
        mask = None
        if masks is not None and (file := self._mask(masks, entry)) is not None:
            mask = ImageOps.fit(open_image(io.BytesIO(file.read_bytes())).convert("L"), sides)
        return ImageOps.fit(image, sides, Image.Resampling.BICUBIC), mask

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

    def _mask(self, masks: str, entry: ImageEntry) -> Path | None:
        stem = Path(masks) / Path(entry.path)
        return next(
            (
                file
                for suffix in (stem.suffix, ".png", ".jpg", ".webp")
                if (file := stem.with_suffix(suffix)).is_file()
            ),
            None,
        )


def _whole(size: tuple[int, int], multiple: int) -> tuple[int, int]:
    width, height = (max(side // multiple * multiple, multiple) for side in size)
    return width, height
