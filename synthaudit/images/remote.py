"""Images behind URLs that fsspec knows: ``s3://``, ``gs://``, ``https://``, ``file://``."""

from __future__ import annotations

import hashlib
import posixpath
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from synthaudit.errors import UsageError
from synthaudit.images.collection import Collection, ImageEntry, Stamp
from synthaudit.images.folders import IMAGE_SUFFIXES
from synthaudit.images.shards import index_shard

_MARK: Final = "://"


def is_url(name: str) -> bool:
    """Whether a source is a URL and no path."""
    return _MARK in name


@dataclass(frozen=True, slots=True)
class RemoteLocation:
    """An object, or a stretch of one; read anew wherever it is needed."""

    url: str
    identity: str
    offset: int | None = None
    size: int | None = None

    def read(self) -> bytes:
        """Its bytes; OSError when they cannot be had."""
        files, path = _open(self.url)
        end = None if self.offset is None or self.size is None else self.offset + self.size
        try:
            data: bytes = files.cat_file(path, start=self.offset, end=end)
        # Each kind of storage raises errors of its own.
        except Exception as error:
            raise OSError(0, f"{self.url}: {error}") from error
        return data

    def stamp(self) -> Stamp | None:
        """What the listing said of its size and version."""
        place = self.url if self.offset is None else f"{self.url}::{self.offset}"
        digest = hashlib.sha256(self.identity.encode()).digest()
        return Stamp(
            place=place,
            size=self.size or 0,
            modified_ns=int.from_bytes(digest[:7], "big"),
        )


def open_url(url: str) -> Collection:
    """The images below a URL, or in the uncompressed tar shard that it names.

    Raises:
        UsageError: there is no such place, or no way to it.
        DataError: a shard is compressed or truncated.
    """
    files, path = _open(url)
    is_shard = path.endswith(".tar")
    try:
        is_there = files.exists(path)
        listing = {} if is_shard or not is_there else files.find(path, detail=True)
    # Each kind of storage raises errors of its own.
    except Exception as error:
        raise UsageError(f"{url} cannot be listed: {' '.join(str(error).split())}") from error
    if not is_there:
        raise UsageError(f"{url} does not exist.")
    if is_shard:
        return _shard(url, files, path)
    root = path.rstrip("/") + "/"
    entries = [
        _entry(files, name, name.removeprefix(root), info)
        for name, info in sorted(listing.items())
        if posixpath.splitext(name)[1].lower() in IMAGE_SUFFIXES and "/." not in f"/{name}"
    ]
    return Collection(name=url, root=Path(url), entries=entries)


def _entry(files: Any, name: str, relative: str, info: dict[str, Any]) -> ImageEntry:
    label = relative.split("/", 1)[0] if "/" in relative else None
    location = RemoteLocation(url=files.unstrip_protocol(name), identity=_identity(info))
    return ImageEntry(path=relative, label=label, location=location)


def _identity(info: dict[str, Any]) -> str:
    """What the listing says of the version of an object."""
    known = ("size", "ETag", "etag", "md5Hash", "mtime", "LastModified", "updated")
    return repr([(key, info[key]) for key in known if key in info])


def _shard(url: str, files: Any, path: str) -> Collection:
    identity = _identity(files.info(path))

    def locate(member: str, offset: int, size: int) -> RemoteLocation:
        return RemoteLocation(url=url, identity=f"{identity} {member}", offset=offset, size=size)

    with files.open(path, "rb") as stream:
        entries = index_shard(stream, posixpath.basename(path), url, locate)
    return Collection(
        name=url, root=Path(url), entries=sorted(entries, key=lambda entry: entry.path)
    )


def _open(url: str) -> tuple[Any, str]:
    import fsspec

    try:
        files, path = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise UsageError(f"{url} cannot be reached: {error}") from error
    return files, path
