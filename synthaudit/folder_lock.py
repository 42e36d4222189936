"""Who is at a folder: several may share it, or one needs it alone."""

from __future__ import annotations

import os
import sys
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Final

if sys.platform != "win32":  # where a file that is open cannot be taken away from its reader
    import fcntl

_NAME: Final = "in-use.lock"
_PATIENCE_SECONDS: Final = 30.0
_LOOKS_SECONDS: Final = 0.1


def _nothing() -> None:
    """There is nothing to let go of."""


class FolderLock:
    """A lock on a folder, which ends with its process, however that ends.

    Args:
        folder: which is there.
        alone: whether nobody else may have it.
    """

    def __init__(self, folder: Path, *, alone: bool) -> None:
        self._close: Callable[[], object] = _nothing
        self.is_held = self._take(folder / _NAME, alone=alone)

    def release(self) -> None:
        """Let others have it."""
        self._close()

    def _take(self, file: Path, *, alone: bool) -> bool:
        if sys.platform == "win32":
            return True
        number = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        self._close = weakref.finalize(self, os.close, number)
        how = fcntl.LOCK_EX if alone else fcntl.LOCK_SH
        end = time.monotonic() + (0.0 if alone else _PATIENCE_SECONDS)
        while True:
            try:
                fcntl.flock(number, how | fcntl.LOCK_NB)
            except OSError:
                if time.monotonic() >= end:
                    self.release()
                    return False
                time.sleep(_LOOKS_SECONDS)
                continue
            return True
