"""A collection: the images of one side in a fixed order, and how to get at their bytes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from synthaudit.images.generation_record import GenerationRecord
from synthaudit.names import write_name

Side = Literal["real", "synthetic"]


@dataclass(frozen=True, kw_only=True)
class Stamp:
    """What tells, without reading, whether stored bytes are still the same."""

    place: str
    size: int
    modified_ns: int

    @classmethod
    def of_version(cls, place: str, version: str) -> Stamp:
        """The stamp of something whose version is told by a text."""
        digest = hashlib.sha256(version.encode()).digest()
        return cls(place=place, size=0, modified_ns=int.from_bytes(digest[:7], "big"))


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """A file that could not be used, and why."""

    path: str
    reason: str


class Location(Protocol):
    """Where the bytes of one image are."""

    def read(self) -> bytes:
        """All bytes of the file; OSError when it cannot be read."""

    def stamp(self) -> Stamp | None:
        """The stamp of the bytes; None when it cannot be had."""


@dataclass(frozen=True, kw_only=True)
class ImageEntry:
    """One image.

    Attributes:
        path: relative to the collection's root.
        label: its class.
        location: of its bytes.
        record: how it was made; None where nothing is known.
    """

    path: str
    label: str | None
    location: Location
    record: GenerationRecord | None = None


@dataclass(frozen=True, kw_only=True)
class Collection:
    """The images of one side.

    Attributes:
        name: as the user called it.
        root: paths are relative to this folder.
        entries: sorted by path.
        unreadable: what was found to be unusable before any byte was decoded.
        notes: what was skipped, in sentences.
        other_prompts: what comparable sets, such as the other arms of a sweep, were asked for; by
            text, its class.
    """

    name: str
    root: Path
    entries: Sequence[ImageEntry]
    unreadable: Sequence[Unreadable] = ()
    notes: Sequence[str] = ()
    other_prompts: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FileLocation:
    """A file of its own, by its path; a text, for a million ``Path`` objects take their time."""

    file: str

    def read(self) -> bytes:
        """All bytes of the file."""
        return Path(self.file).read_bytes()

    def stamp(self) -> Stamp | None:
        """Absolute path, size and modification time."""
        try:
            status = os.stat(self.file)  # noqa: PTH116
        except OSError:
            return None
        place = write_name(os.path.abspath(self.file))  # noqa: PTH100
        return Stamp(place=place, size=status.st_size, modified_ns=status.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class MemberLocation:
    """A stretch of bytes inside an uncompressed archive."""

    archive: Path
    member: str
    offset: int
    size: int

    def read(self) -> bytes:
        """The member's bytes."""
        with self.archive.open("rb") as stream:
            stream.seek(self.offset)
            return stream.read(self.size)

    def stamp(self) -> Stamp | None:
        """The archive's path and time with the member's place in it."""
        try:
            status = self.archive.stat()
        except OSError:
            return None
        place = write_name(f"{self.archive.absolute()}::{self.offset}:{self.member}")
        return Stamp(place=place, size=self.size, modified_ns=status.st_mtime_ns)
