"""Where the largest arrays of an audit lie: in memory, then in files once that is used up."""

from __future__ import annotations

import math
import os
import tempfile
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np

from synthaudit.arrays import Vectors
from synthaudit.errors import StorageError
from synthaudit.progress import LOGGER

_CGROUP_LIMIT: Final = Path("/sys/fs/cgroup/memory.max")
_SHARE: Final = 0.5


class Allocator:
    """Gives out arrays: in memory up to a limit, then in files that vanish with their array.

    What reads them cannot tell the difference; the system keeps as much of a file in memory as
    there is room for.

    Args:
        limit: bytes that arrays in memory may take together; None for half of the machine's.
        folder: of the files.
    """

    def __init__(self, limit: int | None, folder: Path) -> None:
        self._limit = _half_of_the_memory() if limit is None else limit
        self._folder = folder
        self._used = 0
        self.files = 0

    def allocate(self, shape: tuple[int, ...], dtype: type[np.floating[Any]]) -> Vectors:
        """An array whose numbers are not set yet.

        Raises:
            StorageError: the disk has not enough space for it.
        """
        size = math.prod(shape) * np.dtype(dtype).itemsize
        if size == 0 or self._limit is None or self._used + size <= self._limit:
            made = np.empty(shape, dtype)
            self._used += size
            weakref.finalize(made, self._release, size)
            return made
        return self._on_disk(shape, dtype, size)

    def _release(self, size: int) -> None:
        self._used -= size

    def _on_disk(self, shape: tuple[int, ...], dtype: type[np.floating[Any]], size: int) -> Vectors:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._folder, prefix="vectors-") as file:
                # Taken now: running out of it while writing to the array would kill the process.
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(file.fileno(), 0, size)
                made: Vectors = np.memmap(file, dtype, "w+", shape=shape)
        except OSError as error:
            raise StorageError(
                f"vectors that do not fit into memory need {size / 1e9:.1f} GB of disk in "
                f"{self._folder} ({error.strerror}): free some, or set --cache to another disk."
            ) from error
        if self.files == 0:
            LOGGER.info("vectors beyond --memory are kept in files in %s.", self._folder)
        self.files += 1
        return made


def _half_of_the_memory() -> int | None:
    """Half of what the machine, or the container, has; None where that cannot be told."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
    with suppress(OSError, ValueError):  # no container, or one without a limit
        total = min(total, int(_CGROUP_LIMIT.read_text()))
    return int(total * _SHARE)
