"""Images that were given to be filled up: candidates like those that are made."""

from __future__ import annotations

import hashlib
from pathlib import Path

from synthaudit.building.ledger import Candidate, Ledger
from synthaudit.errors import DataError, UsageError
from synthaudit.images.collection import Collection, FileLocation, ImageEntry
from synthaudit.images.generation_record import GenerationRecord
from synthaudit.images.opening import open_source
from synthaudit.images.web import WebAccess
from synthaudit.result.writing import write_files
from synthaudit.settings import Settings


def open_to_fill(source: str | Path, folder: Path, settings: Settings) -> Collection:
    """The images that are to be filled up into a set in another folder.

    Raises:
        DataError, UsageError: they are not there, are no images, or are the set itself.
    """
    if folder.resolve() == Path(source).resolve():
        raise UsageError("--add-to and --out are one folder: give another --out.")
    return open_given(source, settings)


def given_candidates(opened: Collection, ledger: Ledger) -> list[Candidate]:
    """The images of a folder that are not judged yet, as candidates; nothing in it is changed."""
    found = [_candidate(entry, ledger.folder) for entry in opened.entries]
    # What cannot be opened is listed with what is bad.
    found += [
        _candidate(
            ImageEntry(path=lost.path, label=_class_of(lost.path), location=FileLocation("")),
            ledger.folder,
        )
        for lost in opened.unreadable
    ]
    return [own for own in found if own.path not in ledger.candidates]


def open_given(source: str | Path, settings: Settings) -> Collection:
    """The images that are to be filled up.

    Raises:
        DataError, UsageError: they are not there, or are no images.
    """
    opened = open_source(source, WebAccess.of(settings))
    if not isinstance(opened, Collection):
        raise DataError(f"--add-to should be images, but {source} holds vectors.")
    return opened


def _class_of(path: str) -> str | None:
    return path.split("/", 1)[0] if "/" in path else None


def _candidate(entry: ImageEntry, hidden: Path) -> Candidate:
    digest = hashlib.sha256(entry.path.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    name = f"given-{digest}{Path(entry.path).suffix.lower()}"
    # A copy, so that the set stays whatever becomes of the folder.
    place = hidden / "given" / name
    file = f"given/{name}"
    if not place.is_file():
        try:
            write_files(place.parent, {name: entry.location.read()})
        except OSError:
            file = ""  # it cannot be read, which is listed
    record = entry.record or GenerationRecord()
    return Candidate(
        path=name if entry.label is None else f"{entry.label}/{name}",
        file=file,
        subject=entry.label,
        prompt=record.prompt,
        seed=record.seed,
        generator=record.generator,
        origin=entry.path,
    )
