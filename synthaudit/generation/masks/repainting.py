"""References with masks: which image of the real set, what of it is painted anew, what is kept."""

from __future__ import annotations

import hashlib
import io
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image, ImageOps

from synthaudit.arrays import Flags
from synthaudit.errors import GeneratorError
from synthaudit.generation.jobs import Job
from synthaudit.generation.masks.finding import Finding, FoundObject, ObjectFinder, why_share
from synthaudit.generation.masks.geometry import box_around, grown, likeness_of_boxes, opacity
from synthaudit.generation.masks.options import MaskOptions
from synthaudit.generation.masks.places import find_mask
from synthaudit.generation.references import References, fitting_sides
from synthaudit.images.collection import ImageEntry
from synthaudit.images.decoding import UnreadableImage, open_image, open_rgb

_HALF: Final = 128
_REMEMBERED: Final = 64
_SAME_PLACE: Final = 0.5
_ODD: Final = 0.03


@dataclass(frozen=True, kw_only=True)
class Repaint:
    """A reference that is painted anew in part, cut to the size of the picture to be made.

    Attributes:
        image: the reference, RGB.
        painted: (height, width) what is painted anew.
        feather: pixels over which the new picture fades in.
        objects: what of the reference is the object; empty where nobody knows.
    """

    image: Image.Image
    painted: Flags
    feather: int
    objects: Sequence[FoundObject]

    def paste(self, made: Image.Image) -> Image.Image:
        """The new picture where it was painted; elsewhere the reference, byte for byte."""
        weight = opacity(self.painted, self.feather)[:, :, None]
        old, new = (np.asarray(own.convert("RGB"), np.float64) for own in (self.image, made))
        return Image.fromarray(np.rint(old + weight * (new - old)).astype(np.uint8))

    def mask(self) -> Image.Image:
        """White where to paint, as pipelines take it."""
        return Image.fromarray(np.where(self.painted, np.uint8(255), np.uint8(0)))

    def digest(self) -> str:
        """Of all that decides the picture."""
        digest = hashlib.sha256(f"{self.image.size} {self.feather}".encode())
        digest.update(self.image.tobytes())
        for mask in (self.painted, *(own.mask for own in self.objects)):
            digest.update(np.packbits(mask).tobytes())
        return digest.hexdigest()


class MaskedReferences:
    """References whose objects are known, for the options of one arm.

    Args:
        references: the real images.
        masks: a folder of masks, white where to paint; or what to find and what to paint.
        finder: finds the objects; None for a folder.
    """

    def __init__(
        self, references: References, masks: str | MaskOptions, finder: ObjectFinder | None
    ) -> None:
        self._references, self._masks, self._finder = references, masks, finder
        self._chosen: dict[tuple[Any, ...], int] = {}
        self._recent: OrderedDict[tuple[Any, ...], Repaint] = OrderedDict()

    def pick(
        self, source: str, job: Job, sides: tuple[int, int] | None, multiple: int
    ) -> ImageEntry:
        """The reference of a job.

        Raises:
            GeneratorError: there is none with a usable mask.
        """
        entries = self._references.of_subject(source, job.subject)
        key = (source, job.subject, job.number, sides, multiple)
        if key not in self._chosen:
            self._chosen[key] = self._first_usable(entries, job, sides, multiple)
        return entries[self._chosen[key]]

    def open(self, source: str, job: Job, sides: tuple[int, int] | None, multiple: int) -> Repaint:
        """The reference of a job, cut to size, and what of it is painted.

        Raises:
            GeneratorError: there is none with a usable mask.
        """
        entry = self.pick(source, job, sides, multiple)
        count = len(self._references.of_subject(source, job.subject))
        found = self._repaint(entry, job.number // count, sides, multiple)
        assert isinstance(found, Repaint)
        return found

    def is_there(self, made: Image.Image, repaint: Repaint) -> bool:
        """Whether a new picture still shows, at their places, all objects of its reference."""
        if self._finder is None or isinstance(self._masks, str) or self._masks.find is None:
            return True
        found = [own.box for own in self._finder.detect(made, self._masks.find)]
        return all(likeness_of_boxes(own.mask, found) >= _SAME_PLACE for own in repaint.objects)

    def _first_usable(
        self,
        entries: Sequence[ImageEntry],
        job: Job,
        sides: tuple[int, int] | None,
        multiple: int,
    ) -> int:
        if isinstance(self._masks, str):
            position = job.number % len(entries)
            self._own_file(self._masks, entries[position])
            return position
        reasons = []
        for further in range(len(entries)):
            position = (job.number + further) % len(entries)
            own = self._repaint(entries[position], job.number // len(entries), sides, multiple)
            if isinstance(own, Repaint):
                return position
            reasons.append(f"{entries[position].path}: {own}")
        of = "" if job.subject is None else f" of {job.subject!r}"
        raise GeneratorError(
            f"none of the {len(entries):,} reference images{of} has a usable mask "
            f"({reasons[0]}): look at them with synthaudit masks, and change what is looked for or "
            "the thresholds."
        )

    def _repaint(
        self, entry: ImageEntry, object_number: int, sides: tuple[int, int] | None, multiple: int
    ) -> Repaint | str:
        """What of an image is painted; or why nothing can be."""
        key = (entry.path, object_number, sides, multiple)
        if key in self._recent:
            return self._recent[key]
        image = self._references.decode(entry)
        size = sides or fitting_sides(image.size, multiple)
        fitted = ImageOps.fit(image, size, Image.Resampling.BICUBIC)
        if isinstance(self._masks, str):
            file = self._own_file(self._masks, entry)
            painted = cut(read_mask(file, image.size), size)
            found = Repaint(image=fitted, painted=painted, feather=0, objects=())
        else:
            finding = self._finding(entry, image)
            if finding.why is not None:
                return finding.why
            objects = [own for o in finding.objects if (own := _cut_object(o, size)) is not None]
            if not objects:
                return "what was found lies outside of what is cut out of the image"
            if self._masks.objects == "each":
                objects = [objects[object_number % len(objects)]]
            union = np.logical_or.reduce([own.mask for own in objects])
            painted = grown(union, self._masks.margin)
            painted = ~painted if self._masks.paint == "background" else painted
            if not painted.any():
                return "nothing is left to paint"
            found = Repaint(
                image=fitted, painted=painted, feather=self._masks.feather, objects=objects
            )
        self._recent[key] = found
        if len(self._recent) > _REMEMBERED:
            self._recent.popitem(last=False)
        return found

    def _finding(self, entry: ImageEntry, image: Image.Image) -> Finding:
        assert isinstance(self._masks, MaskOptions)
        if self._masks.folder is None:
            assert self._finder is not None
            return self._finder.find(image, entry.path, self._masks.find)
        try:
            file = self._own_file(self._masks.folder, entry)
        except GeneratorError:
            if not Path(self._masks.folder).is_dir():
                raise
            return Finding(objects=(), found=0, share=0.0, why="there is no mask of it")
        mask = read_mask(file, image.size)
        box = box_around(mask)
        if box is None:
            return Finding(objects=(), found=0, share=0.0, why="its mask is empty")
        own, share = FoundObject(box=box, mask=mask, score=1.0), float(mask.mean())
        why = why_share(share, self._masks)
        return Finding(objects=[own], found=1, share=share, why=why)

    def _own_file(self, folder: str, entry: ImageEntry) -> Path:
        if not Path(folder).is_dir():
            raise GeneratorError(f"there is no folder of masks at {folder}: mend the path.")
        file = find_mask(Path(folder), entry.path)
        if file is not None:
            return file
        raise GeneratorError(f"there is no mask for {entry.path} in {folder}: add it.")


def read_mask(file: Path, size: tuple[int, int]) -> Flags:
    """(height, width) where a picture is white, at the size of its image.

    Raises:
        GeneratorError: it cannot be read.
    """
    try:
        picture = open_image(io.BytesIO(file.read_bytes()))
        if "A" in picture.getbands() or "transparency" in picture.info:
            # Editors save masks as white on nothing: what is transparent is no object.
            layer = picture.convert("RGBA")
            picture = Image.new("RGBA", layer.size, (0, 0, 0, 255))
            picture.alpha_composite(layer)
        has_colours = picture.mode not in ("1", "L", "RGBA")
        own = open_rgb(file.read_bytes()).convert("L") if has_colours else picture.convert("L")
    except (OSError, UnreadableImage, ValueError, Image.DecompressionBombError) as error:
        raise GeneratorError(f"the mask {file} cannot be used: {error}.") from error
    if abs(own.width * size[1] - own.height * size[0]) > _ODD * own.height * size[0]:
        raise GeneratorError(
            f"the mask {file} is of {own.width} x {own.height} pixels, its image of {size[0]} x "
            f"{size[1]} (upright): give it the form of the image."
        )
    if own.size != size:
        own = own.resize(size, Image.Resampling.BILINEAR)
    return np.asarray(own) >= _HALF


def cut(mask: Flags, size: tuple[int, int]) -> Flags:
    """A mask cut and resized as its image is."""
    picture = Image.fromarray(np.where(mask, np.uint8(255), np.uint8(0)))
    return np.asarray(ImageOps.fit(picture, size, Image.Resampling.BILINEAR)) >= _HALF


def _cut_object(own: FoundObject, size: tuple[int, int]) -> FoundObject | None:
    mask = cut(own.mask, size)
    box = box_around(mask)
    return None if box is None else FoundObject(box=box, mask=mask, score=own.score)
