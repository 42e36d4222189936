"""Where files are: paths of this machine, and URLs that fsspec knows (``s3://``, ``gs://``)."""

from __future__ import annotations

import glob
import os
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final

from synthaudit.errors import UsageError
from synthaudit.images.web import WebAccess, client_options
from synthaudit.names import write_name

_MARK: Final = "://"
_WILD: Final = "*?["


def is_url(name: str) -> bool:
    """Whether a source is a URL and no path."""
    return _MARK in name


def suffix_of(place: str) -> str:
    """The last ending of a name, in lower case."""
    return PurePosixPath(place).suffix.lower()


def reach(url: str, access: WebAccess | None = None) -> tuple[Any, str]:
    """The file system behind a URL, and the path there.

    Args:
        url: what is named.
        access: what a manifest that names it may reach; None where the user has named it.

    Raises:
        UsageError: there is no way to it.
    """
    import fsspec

    try:
        files, path = fsspec.core.url_to_fs(url, **client_options(url, access=access))
    # Each kind of storage raises errors of its own, some when it is only made.
    except Exception as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"{write_name(url)} cannot be reached: {reason}") from error
    return files, path


def open_binary(place: str) -> BinaryIO:
    """The bytes of a file, to be read from anywhere in it; OSError when they cannot be had."""
    if not is_url(place):
        return Path(place).open("rb")
    files, path = reach(place)
    try:
        stream: BinaryIO = files.open(path, "rb")
    # Each kind of storage raises errors of its own.
    except Exception as error:
        raise OSError(0, f"{place}: {' '.join(str(error).split())}") from error
    return stream


def version_of(place: str) -> str:
    """A text that changes when the file does; OSError when there is no such file."""
    if not is_url(place):
        status = os.stat(place)  # noqa: PTH116
        return f"{status.st_size}-{status.st_mtime_ns}"
    files, path = reach(place)
    try:
        return version_in(files.info(path))
    except Exception as error:
        raise OSError(0, f"{place}: {' '.join(str(error).split())}") from error


def version_in(info: dict[str, Any]) -> str:
    """What a listing says of the version of an object."""
    known = ("size", "ETag", "etag", "md5Hash", "mtime", "LastModified", "updated")
    return repr([(key, info[key]) for key in known if key in info])


def expand(pattern: str) -> list[str]:
    """The files that a path, a URL or a pattern of either names, sorted; none if there are none.

    Raises:
        UsageError: a URL cannot be listed.
    """
    if not is_url(pattern):
        return sorted(glob.glob(pattern, recursive=True)) or (
            [pattern] if Path(pattern).exists() else []
        )
    files, path = reach(pattern)
    # A listing that was kept of a part of a folder would be taken for all of it.
    files.invalidate_cache()
    try:
        if any(sign in path for sign in _WILD):
            return sorted(str(files.unstrip_protocol(match)) for match in files.glob(path))
        return [pattern] if files.exists(path) else []
    # Each kind of storage raises errors of its own.
    except Exception as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"{pattern} cannot be listed: {reason}") from error
