"""The vector cache: what an embedder made of which bytes, kept between runs in SQLite."""

from __future__ import annotations

import os
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np

from synthaudit.arrays import Singles
from synthaudit.folder_lock import FolderLock
from synthaudit.images.collection import Stamp
from synthaudit.progress import LOGGER
from synthaudit.settings import Settings

T = TypeVar("T")
Vector = Singles

FILE_NAME: Final = "vectors-1.sqlite"
UNFINISHED: Final = "unfinished"
"""The folder of audits that were interrupted, beside it."""

_AT_ONCE: Final = 500
_BUSY_SECONDS: Final = 30.0
# A file changed again within the clock tick of its last change keeps its stamp.
_UNSETTLED_NS: Final = 2_000_000_000
_DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS vectors (
    digest BLOB NOT NULL, fingerprint TEXT NOT NULL, vector BLOB NOT NULL,
    checksum INTEGER NOT NULL,
    PRIMARY KEY (digest, fingerprint));
CREATE TABLE IF NOT EXISTS failures (
    digest BLOB NOT NULL, fingerprint TEXT NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY (digest, fingerprint));
CREATE TABLE IF NOT EXISTS files (
    place TEXT PRIMARY KEY, size INTEGER NOT NULL, modified_ns INTEGER NOT NULL,
    digest BLOB NOT NULL);
"""


def default_folder() -> Path:
    """The cache folder that the platform gives to programs."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("synthaudit"))


def cache_folder(settings: Settings) -> Path:
    """The cache folder that the settings name, or else the platform's."""
    return settings.cache or default_folder()


class VectorCache:
    """Vectors and failures by (content digest, fingerprint); digests by (path, size, time).

    Several processes may share it. It never stops a run: a damaged file is set aside and begun
    anew, and when it cannot be written (disk full, no permission) the run goes on without it.

    Args:
        folder: where the file lives; None for a cache that remembers nothing.
    """

    def __init__(self, folder: Path | None) -> None:
        self._file = None if folder is None else folder / FILE_NAME
        self._connection: sqlite3.Connection | None = None
        self._lock: FolderLock | None = None
        if self._file is not None:
            self._guard(self._open, None)

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def digests(self, stamps: Iterable[Stamp]) -> dict[str, bytes]:
        """Digest by place, for those whose size and time are what they were."""
        wanted = {stamp.place: stamp for stamp in stamps}
        known: dict[str, bytes] = {}
        for places in _portions(list(wanted)):
            columns = "place, size, modified_ns, digest"
            query = f"SELECT {columns} FROM files WHERE place IN ({_marks(places)})"  # noqa: S608
            known |= {
                place: digest
                for place, size, modified_ns, digest in self._select(query, places)
                if (size, modified_ns) == (wanted[place].size, wanted[place].modified_ns)
            }
        return known

    def recall(
        self, digests: Iterable[bytes], fingerprint: str, dimension: int
    ) -> tuple[dict[bytes, Vector], dict[bytes, str]]:
        """Vectors and reasons for failure that are known of some contents."""
        vectors: dict[bytes, Vector] = {}
        failures: dict[bytes, str] = {}
        for portion in _portions(list(dict.fromkeys(digests))):
            where = f"WHERE fingerprint = ? AND digest IN ({_marks(portion)})"
            values = [fingerprint, *portion]
            query = f"SELECT digest, vector, checksum FROM vectors {where}"  # noqa: S608
            for digest, blob, checksum in self._select(query, values):
                if len(blob) == 4 * dimension and zlib.crc32(blob, zlib.crc32(digest)) == checksum:
                    vectors[digest] = np.frombuffer(blob, np.dtype("<f4")).astype(np.float32)
            query = f"SELECT digest, reason FROM failures {where}"  # noqa: S608
            failures.update(dict(self._select(query, values)))
        return vectors, failures

    def remember_vectors(self, vectors: dict[bytes, Vector], fingerprint: str) -> None:
        """Keep the vectors of some contents."""
        rows = []
        for digest, vector in vectors.items():
            blob = vector.astype("<f4").tobytes()
            rows.append((digest, fingerprint, blob, zlib.crc32(blob, zlib.crc32(digest))))
        self._insert("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?, ?)", rows)

    def remember_failures(self, failures: dict[bytes, str], fingerprint: str) -> None:
        """Keep why some contents could not be decoded."""
        rows = [(digest, fingerprint, reason) for digest, reason in failures.items()]
        self._insert("INSERT OR REPLACE INTO failures VALUES (?, ?, ?)", rows)

    def remember_files(self, digests: Iterable[tuple[Stamp, bytes]]) -> None:
        """Keep the digests of files that have been at rest for a while."""
        settled = time.time_ns() - _UNSETTLED_NS
        rows = [
            (stamp.place, stamp.size, stamp.modified_ns, digest)
            for stamp, digest in digests
            if stamp.modified_ns < settled
        ]
        self._insert("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", rows)

    def _open(self) -> None:
        assert self._file is not None
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._lock = FolderLock(self._file.parent, alone=False)
        connection = sqlite3.connect(self._file, timeout=_BUSY_SECONDS, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.executescript(_SCHEMA)
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def _select(self, query: str, values: Sequence[object]) -> list[Any]:
        def run() -> list[Any]:
            assert self._connection is not None
            return self._connection.execute(query, values).fetchall()

        return self._guard(run, []) if self._connection is not None else []

    def _insert(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        def run() -> None:
            assert self._connection is not None
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.executemany(statement, rows)
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

        if rows and self._connection is not None:
            self._guard(run, None)

    def _guard(self, action: Callable[[], T], otherwise: T) -> T:
        """Run an action; a cache in trouble is mended or given up, never a reason to stop."""
        try:
            return action()
        except (sqlite3.Error, OSError) as error:
            self.close()
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in _DAMAGE and self._set_aside():
                self._guard(self._open, None)
            else:
                reason = getattr(error, "strerror", None) or error
                LOGGER.warning(
                    "the cache %s cannot be used (%s); going on without it.", self._file, reason
                )
            return otherwise

    def _set_aside(self) -> bool:
        assert self._file is not None
        aside = self._file.with_name(f"{FILE_NAME}.damaged-{time.time_ns()}")
        try:
            os.replace(self._file, aside)
            for ending in ("-wal", "-shm"):
                Path(f"{self._file}{ending}").unlink(missing_ok=True)
        except OSError:
            return False
        LOGGER.warning("the cache was damaged; it was set aside as %s and is rebuilt.", aside)
        return True


def _portions(values: list[T]) -> Iterator[list[T]]:
    for start in range(0, len(values), _AT_ONCE):
        yield values[start : start + _AT_ONCE]


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))
