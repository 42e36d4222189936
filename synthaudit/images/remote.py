"""Images behind URLs: folders, and stretches of larger objects."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from pathlib import Path

from synthaudit.errors import UsageError
from synthaudit.images.collection import Collection, ImageEntry, Stamp
from synthaudit.images.folders import IMAGE_SUFFIXES
from synthaudit.images.places import reach, version_in
from synthaudit.images.web import WebAccess
from synthaudit.names import write_name


@dataclass(frozen=True, slots=True)
class RemoteLocation:
    """An object, or a stretch of one; read anew wherever it is needed.

    ``version`` is what the listing said of it; None where it was not listed. ``access`` is what a
    manifest that names it may reach; None where the user has named it.
    """

    url: str
    version: str | None
    offset: int | None = None
    size: int | None = None
    access: WebAccess | None = None

    def read(self) -> bytes:
        """Its bytes; OSError when they cannot be had."""
        files, path = reach(self.url, self.access)
        end = None if self.offset is None or self.size is None else self.offset + self.size
        try:
            data: bytes = files.cat_file(path, start=self.offset, end=end)
        # Each kind of storage raises errors of its own.
        except Exception as error:
            reason = " ".join(str(error).split()) or "no answer in time"
            raise OSError(0, f"{write_name(self.url)}: {reason}") from error
        return data

    def stamp(self) -> Stamp | None:
        """What the listing said of its version."""
        place = self.url if self.offset is None else f"{self.url}::{self.offset}"
        return None if self.version is None else Stamp.of_version(place, self.version)


def open_remote_folder(url: str) -> Collection:
    """The images below a URL; the class is the first sub-folder.

    Raises:
        UsageError: there is no such place, or no way to it.
    """
    files, path = reach(url)
    files.invalidate_cache()
    try:
        is_there = files.exists(path)
        listing = files.find(path, detail=True) if is_there else {}
    # Each kind of storage raises errors of its own.
    except Exception as error:
        raise UsageError(f"{url} cannot be listed: {' '.join(str(error).split())}") from error
    if not is_there:
        raise UsageError(f"{url} does not exist.")
    root = path.rstrip("/") + "/"
    entries = []
    for name, info in sorted(listing.items()):
        relative = name.removeprefix(root)
        if posixpath.splitext(name)[1].lower() in IMAGE_SUFFIXES and "/." not in f"/{relative}":
            location = RemoteLocation(files.unstrip_protocol(name), version_in(info))
            label = relative.split("/", 1)[0] if "/" in relative else None
            entries.append(ImageEntry(path=relative, label=label, location=location))
    return Collection(name=url, root=Path(url), entries=entries)
