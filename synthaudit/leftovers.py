"""What a run writes before it is whole, named so that the next run clears what a killed one left.

A name says which process of which machine it belongs to: it is cleared once that process is gone,
or, of another machine, once it is a week old.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_SEVEN_DAYS: Final = 7 * 86_400.0
_ONE_HOUR: Final = 3600.0
_OWNED: Final = re.compile(r"(?:\.partial|synthaudit)-([0-9a-f]{8})-(\d+)-")
_SEMAPHORE: Final = re.compile(r"sem\.loky-(\d+)-")
_SEMAPHORES: Final = Path("/dev/shm")  # noqa: S108 - where the system has them


def draft_prefix() -> str:
    """How the name of a file or folder begins that is not whole yet."""
    return f".partial-{_machine()}-{os.getpid()}-"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder for what nobody needs afterwards."""
    clear(Path(tempfile.gettempdir()))
    prefix = f"synthaudit-{_machine()}-{os.getpid()}-"
    with tempfile.TemporaryDirectory(prefix=prefix, ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def clear(folder: Path) -> None:
    """Remove what runs that are no more have left in a folder; others' files stay."""
    with suppress(OSError), os.scandir(folder) as listing:
        for entry in listing:
            found = _OWNED.match(entry.name)
            if found is not None and _is_left(found[1], int(found[2]), entry):
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path, ignore_errors=True)
                else:
                    Path(entry.path).unlink(missing_ok=True)


def clear_semaphores() -> None:
    """Remove the semaphores of this user's processes that were killed with all their helpers."""
    if sys.platform != "linux":
        return
    with suppress(OSError), os.scandir(_SEMAPHORES) as listing:
        for entry in listing:
            found = _SEMAPHORE.match(entry.name)
            if found is None or _is_alive(int(found[1])):
                continue
            status = entry.stat()
            if status.st_uid == os.getuid() and time.time() - status.st_mtime > _ONE_HOUR:
                Path(entry.path).unlink(missing_ok=True)


def _is_left(machine: str, process: int, entry: os.DirEntry[str]) -> bool:
    if machine == _machine() and sys.platform != "win32":
        return not _is_alive(process)
    return time.time() - entry.stat(follow_symlinks=False).st_mtime > _SEVEN_DAYS


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # somebody else's
    return True


def _machine() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]
