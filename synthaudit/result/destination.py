"""Where results go: a folder, or a URL that fsspec knows, to which they are copied when done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from synthaudit.errors import StorageError
from synthaudit.images.places import is_url, reach
from synthaudit.leftovers import scratch_folder


@contextmanager
def destination(out: str | None) -> Iterator[Path | None]:
    """A folder to write to; what is in it at the end is copied to the URL, if it is one.

    Args:
        out: a path, a URL, or None for nowhere.

    Raises:
        UsageError: there is no way to the URL.
        StorageError: it cannot be written.
    """
    if out is None or not is_url(out):
        yield None if out is None else Path(out)
        return
    files, path = reach(out)
    with scratch_folder() as scratch:
        yield scratch
        try:
            for file in sorted(scratch.rglob("*")):
                if file.is_file():
                    goal = f"{path.rstrip('/')}/{file.relative_to(scratch).as_posix()}"
                    files.makedirs(goal.rpartition("/")[0], exist_ok=True)
                    files.put_file(str(file), goal)
        # Each kind of storage raises errors of its own.
        except Exception as error:
            raise StorageError(f"{out} cannot be written ({error}).") from error
