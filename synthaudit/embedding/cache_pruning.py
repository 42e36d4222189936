"""How large the cache is, and how it is made smaller: the oldest first, never under an audit."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from synthaudit.embedding.cache import FILE_NAME, UNFINISHED
from synthaudit.errors import StorageError, UsageError
from synthaudit.folder_lock import FolderLock

_UNITS: Final = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_AT_LEAST: Final = 100
_BUSY_SECONDS: Final = 5.0


@dataclass(frozen=True, kw_only=True)
class CacheState:
    """What a cache holds.

    Attributes:
        folder: where it is.
        size: of all its files, in bytes.
        vectors: how many vectors it remembers; None where its file is damaged or busy.
        files: of how many files it knows the content.
        unfinished: how many audits that were interrupted it can go on with.
    """

    folder: Path
    size: int
    vectors: int | None
    files: int | None
    unfinished: int


def state_of(folder: Path) -> CacheState:
    """What a cache holds; one that is not there holds nothing.

    Raises:
        UsageError: it is no folder.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"the cache {folder} should be a folder, but is none.")
    vectors: int | None = 0
    files: int | None = 0
    if (folder / FILE_NAME).is_file():
        try:
            with _connected(folder) as connection:
                ((vectors,),) = connection.execute("SELECT count(*) FROM vectors")
                ((files,),) = connection.execute("SELECT count(*) FROM files")
        except sqlite3.Error:
            vectors = files = None
    unfinished = folder / UNFINISHED
    return CacheState(
        folder=folder,
        size=_size_of(folder),
        vectors=vectors,
        files=files,
        unfinished=len(list(unfinished.iterdir())) if unfinished.is_dir() else 0,
    )


def prune(folder: Path, size: int) -> CacheState:
    """Make a cache smaller.

    What goes first are damaged files that were set aside, then the oldest vectors, then audits that
    were not finished, the oldest first.

    Args:
        folder: of the cache.
        size: bytes that may stay.

    Raises:
        UsageError: an audit is running.
        StorageError: it cannot be written.
    """
    if not folder.is_dir() or not list(_own_files(folder)):
        return state_of(folder)
    try:
        lock = FolderLock(folder, alone=True)
        try:
            if not lock.is_held:
                raise UsageError(
                    f"an audit is using the cache {folder}: make it smaller when that is done."
                )
            _prune(folder, size)
        finally:
            lock.release()
    except (OSError, sqlite3.Error) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        raise StorageError(
            f"the cache {folder} cannot be made smaller ({reason}): it can also be removed as a "
            "whole where it can be written, which only costs time."
        ) from error
    return state_of(folder)


def parse_size(text: str) -> int:
    """Bytes of a text such as ``5GB`` or ``500 MB``.

    Raises:
        UsageError: it is no size.

    >>> parse_size("1.5 GB"), parse_size("0")
    (1500000000, 0)
    """
    number = text.strip().upper().rstrip("KMGTB ")
    unit = text.strip().upper()[len(number) :].strip()
    try:
        size = float(number) * _UNITS[unit]
        return int(size) if size >= 0 else int("negative")
    except (ValueError, KeyError, OverflowError) as error:
        raise UsageError(f"--size should be a size such as 5GB or 500MB, not {text!r}.") from error


def _prune(folder: Path, size: int) -> None:
    for aside in folder.glob(f"{FILE_NAME}.damaged-*"):
        aside.unlink()
    unfinished = [place for place in (folder / UNFINISHED).glob("*") if place.is_dir()]
    others = sum(
        file.stat().st_size for place in unfinished for file in place.rglob("*") if file.is_file()
    )
    file = folder / FILE_NAME
    if file.is_file() and _size_of(folder) > size:
        room = max(size - others, 0)
        try:
            is_empty = not _shrink(folder, room)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise  # busy, or no room: its vectors stay
            is_empty = True
        if is_empty:
            for ending in ("", "-wal", "-shm"):
                Path(f"{file}{ending}").unlink(missing_ok=True)
    for place in sorted(unfinished, key=lambda place: place.stat().st_mtime):
        if _size_of(folder) > size:
            shutil.rmtree(place)


def _shrink(folder: Path, room: int) -> bool:
    """Forget the oldest vectors until the file fits; whether any are left."""
    with _connected(folder) as connection:
        ((page,),) = connection.execute("PRAGMA page_size")
        while True:
            ((pages,),) = connection.execute("PRAGMA page_count")
            ((free,),) = connection.execute("PRAGMA freelist_count")
            excess = (pages - free) * page - room
            if excess <= 0:
                break
            ((count, size),) = connection.execute(
                "SELECT count(*), coalesce(avg(length(vector)), 0) + 200 FROM vectors"
            )
            if not count:
                return False
            # Row numbers grow with time: REPLACE gives a new one.
            oldest = min(count, max(_AT_LEAST, int(excess / size / 2)))
            connection.execute(
                "DELETE FROM vectors WHERE rowid IN "
                "(SELECT rowid FROM vectors ORDER BY rowid LIMIT ?)",
                (oldest,),
            )
            connection.execute("DELETE FROM files WHERE digest NOT IN (SELECT digest FROM vectors)")
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return True


@contextmanager
def _connected(folder: Path) -> Iterator[sqlite3.Connection]:
    # Where it cannot be written it can be read, as nobody else writes it either.
    is_open = os.access(folder, os.W_OK) and os.access(folder / FILE_NAME, os.W_OK)
    how = "mode=rw" if is_open else "mode=ro&immutable=1"
    place = f"{(folder / FILE_NAME).absolute().as_uri()}?{how}"
    connection = sqlite3.connect(place, uri=True, timeout=_BUSY_SECONDS, isolation_level=None)
    with closing(connection):
        yield connection


def _own_files(folder: Path) -> Iterator[Path]:
    yield from folder.glob(f"{FILE_NAME}*")
    yield from (folder / UNFINISHED).rglob("*")


def _size_of(folder: Path) -> int:
    """Of what is ours in it, in bytes."""
    size = 0
    for file in _own_files(folder):
        with suppress(OSError):  # an audit may have removed it meanwhile
            size += file.stat().st_size if file.is_file() else 0
    return size
