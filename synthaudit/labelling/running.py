"""Look for an object in every image of a set: ``synthaudit masks``. Start reading here."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np
from PIL import Image
from pydantic import ValidationError

from synthaudit.embedding.cache import default_folder
from synthaudit.errors import DataError, StorageError, UsageError
from synthaudit.generation.masks.finding import Finding, ObjectFinder
from synthaudit.generation.masks.options import MaskOptions
from synthaudit.generation.masks.places import mask_name, stem_of
from synthaudit.images.collection import Collection, ImageEntry
from synthaudit.images.decoding import UnreadableImage, open_rgb
from synthaudit.images.opening import Source, open_source
from synthaudit.images.places import is_url
from synthaudit.labelling.coco import LabelledImage, coco
from synthaudit.labelling.mask_sheet import MOST_SHOWN, mask_sheet, thumbnail
from synthaudit.labelling.result import MASKS_FILE, LookedAt, Masks
from synthaudit.leftovers import clear, draft_prefix
from synthaudit.names import write_name
from synthaudit.progress import DONE, LOGGER, Progress, listening
from synthaudit.result.writing import refuse_beside, refuse_file
from synthaudit.validation import explain

MASKS: Final = "masks"
_SUBJECT: Final = "{subject}"


def find_masks(
    real: Source,
    *,
    out: str | Path,
    device: str = "auto",
    local_files_only: bool = False,
    use_cache: bool = True,
    max_pixels: int = 200_000_000,
    progress: Progress | None = None,
    **options: Any,
) -> Masks:
    """Find what a text names in every image, and write masks, boxes and a sheet to look at.

    Args:
        real: the images.
        out: folder of the results; what an earlier call left there is replaced.
        device: where models compute.
        local_files_only: never ask a hub.
        use_cache: keep what is found, so that the same call is quick.
        max_pixels: larger images are refused.
        progress: told of every image.
        options: the fields of ``MaskOptions``, by name; ``find`` may say ``{subject}`` for the
            class of each image.

    Returns:
        ``Masks``, which has also been written.

    Raises:
        UsageError: an option is wrong.
        DataError: the images or hints cannot be used, or nothing is found in any.
        GeneratorError: a model is not to be had.
        StorageError: there is no room.
    """
    asked = _options(options)
    if asked.folder is not None:
        raise UsageError("masks are looked for here, not taken from a folder: say what to find.")
    folder = Path(out)
    refuse_file(folder)
    refuse_beside(folder, "scores.json", "an audit")
    refuse_beside(folder, "sweep.json", "a sweep")
    if (folder / MASKS).exists() and not (folder / MASKS_FILE).is_file():
        raise UsageError(
            f"{folder / MASKS} is there already and is not of synthaudit masks: give another "
            "folder with --out."
        )
    _refuse_mended(folder)
    if not is_url(os.fspath(real)) and folder.resolve().is_relative_to(Path(real).resolve()):
        raise UsageError(
            f"masks would be written into {folder}, among the images: give another folder with "
            "--out."
        )
    opened = open_source(real)
    if not isinstance(opened, Collection):
        raise DataError(f"{real} holds ready vectors, but objects are looked for in images.")
    _refuse_without_classes(asked, opened)
    finder = ObjectFinder(
        asked,
        device=device,
        local_files_only=local_files_only,
        kept=default_folder() / MASKS if use_cache else None,
    )
    identity = finder.identity()
    with listening(progress) as listener:
        listener.start("looking for objects", len(opened.entries))
        stems = Counter(stem_of(entry.path) for entry in opened.entries)
        search = _Search(finder, folder, stems, max_pixels=max_pixels)
        try:
            for entry in opened.entries:
                search.look(entry)
                listener.advance(1)
            for own in opened.unreadable:
                search.leave_out(own.path, None, own.reason)
            found = search.result(identity)
            search.publish()
        finally:
            search.close()
        listener.start(DONE, 0)
    found.write(folder)
    return found


def _refuse_mended(folder: Path) -> None:
    """Refuse to replace masks that a person has changed since they were written."""
    if not (folder / MASKS_FILE).is_file():
        return
    written = (folder / MASKS_FILE).stat().st_mtime_ns
    for file in (folder / MASKS).rglob("*"):
        if file.is_file() and file.stat().st_mtime_ns > written:
            raise UsageError(
                f"{write_name(str(file))} has been changed since the masks were written, which "
                "would be lost: give another folder with --out, or remove this one."
            )


def _options(options: dict[str, Any]) -> MaskOptions:
    try:
        return MaskOptions.model_validate(options)
    except ValidationError as error:
        sentence = explain(
            error, noun="option", known=lambda _: MaskOptions.model_fields, speaks_for_itself=True
        )
        raise UsageError(sentence) from error


def _refuse_without_classes(options: MaskOptions, real: Collection) -> None:
    if options.find and _SUBJECT in options.find and any(e.label is None for e in real.entries):
        raise UsageError(
            "find says {subject}, the class of an image, but there are images without class "
            "folders: name the object."
        )


class _Search:
    """One search through a set; masks are written aside and come to their place at the end."""

    def __init__(
        self,
        finder: ObjectFinder,
        folder: Path,
        stems: Mapping[PurePosixPath, int],
        *,
        max_pixels: int,
    ) -> None:
        self._finder, self._folder, self._max_pixels = finder, folder, max_pixels
        self._images: list[LookedAt] = []
        self._labels: list[LabelledImage] = []
        self._cells: list[tuple[str, str, Image.Image, bool]] = []
        self._stems = stems
        self._unreadable = 0
        self._is_new = not folder.exists()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            clear(folder)
            self._draft = Path(tempfile.mkdtemp(prefix=draft_prefix(), dir=folder))
        except OSError as error:
            raise _cannot_write(folder, error) from error

    def look(self, entry: ImageEntry) -> None:
        """Look for the object in an image."""
        try:
            image = open_rgb(entry.location.read(), max_pixels=self._max_pixels)
        except (OSError, UnreadableImage) as error:
            LOGGER.warning("%s is left out: %s.", entry.path, error)
            self.leave_out(entry.path, entry.label, str(error))
            return
        words = self._finder.options.find
        text = None if words is None else words.replace(_SUBJECT, entry.label or "")
        finding = self._finder.find(image, entry.path, text)
        usable = finding.why is None
        masks = self._write(entry, finding) if usable else []
        score = max((own.score for own in finding.objects), default=None)
        self._images.append(
            LookedAt(
                path=entry.path,
                label=entry.label,
                found=finding.found,
                share=finding.share,
                score=score,
                why=finding.why,
                masks=masks,
            )
        )
        if usable:
            category = entry.label or text or "object"
            self._labels.append(
                LabelledImage(
                    file_name=entry.path,
                    size=image.size,
                    category=category,
                    objects=finding.objects,
                )
            )
        if len(self._cells) < MOST_SHOWN:
            note = finding.why or f"{finding.found} found, {finding.share:.0%}, best {score:.2f}"
            self._cells.append((entry.path, note, thumbnail(image, finding), not usable))

    def leave_out(self, path: str, label: str | None, reason: str) -> None:
        """Note an image that cannot be read."""
        self._unreadable += 1
        why = f"it cannot be read: {reason}"
        self._images.append(
            LookedAt(path=path, label=label, found=0, share=0.0, score=None, why=why)
        )

    def result(self, identity: dict[str, Any]) -> Masks:
        """What was found.

        Raises:
            DataError: nothing of use in any image.
        """
        options = self._finder.options
        if not self._labels:
            reasons = Counter(own.why for own in self._images).most_common(1)
            why = f" (mostly: {reasons[0][0]})" if reasons else ""
            what = repr(options.find) if options.find else "an object"
            raise DataError(
                f"none of the {len(self._images):,} images shows {what} in a way that is of use"
                f"{why}: try other words, a lower --threshold or another --detector."
            )
        return Masks(
            images=self._images,
            unreadable=self._unreadable,
            options=options.model_dump(mode="json", exclude={"paint", "feather", "confirm"}),
            identity=identity,
            labels=coco(
                self._labels, f"objects ({options.find or 'by hints'}), found by synthaudit masks"
            ),
            sheet=mask_sheet(self._cells),
        )

    def publish(self) -> None:
        """Put the masks in their place."""
        place = self._folder / MASKS
        try:
            shutil.rmtree(place, ignore_errors=True)
            self._draft.chmod(0o755)
            os.replace(self._draft, place)
        except OSError as error:
            raise _cannot_write(self._folder, error) from error

    def close(self) -> None:
        """Leave nothing half-written behind."""
        shutil.rmtree(self._draft, ignore_errors=True)
        if self._is_new and self._folder.is_dir() and not any(self._folder.iterdir()):
            self._folder.rmdir()

    def _write(self, entry: ImageEntry, finding: Finding) -> list[str]:
        """Masks of an image, white where the object is; of several objects by number."""
        whole = mask_name(entry.path, self._stems)
        names = [str(whole)]
        if self._finder.options.objects == "each":
            count = len(finding.objects)
            names = [str(whole.with_suffix(f".object-{n}.png")) for n in range(1, count + 1)]
        for name, own in zip(names, finding.objects, strict=True):
            file = self._draft / name
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(np.where(own.mask, np.uint8(255), np.uint8(0))).save(file)
            except OSError as error:
                raise _cannot_write(self._folder, error) from error
        return [f"{MASKS}/{name}" for name in names]


def _cannot_write(folder: Path, error: OSError) -> StorageError:
    reason = (error.strerror or str(error)).lower()
    return StorageError(
        f"masks cannot be written to {folder} ({reason}): free some space, or choose another "
        "folder with --out."
    )
