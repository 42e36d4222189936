"""What each network named, kept on disk run by run, so that training can go on."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from synthaudit.arrays import Integers
from synthaudit.errors import StorageError
from synthaudit.leftovers import clear, draft_prefix

RUNS: Final = "runs"


class RunStore:
    """A file a run; what cannot be read back is trained again.

    Args:
        out: of the results; None to keep nothing.

    Raises:
        StorageError: the folder cannot be made.
    """

    def __init__(self, out: Path | None) -> None:
        self._folder = None if out is None else out / RUNS
        if self._folder is None:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            clear(self._folder)
        except OSError as error:
            raise StorageError(f"{self._folder} cannot be made: {error.strerror}.") from error

    def find(self, key: Mapping[str, Any], count: int) -> Integers | None:
        """What a run with this key named, if it has been made."""
        if self._folder is None:
            return None
        try:
            named = np.load(self._folder / _file_name(key), allow_pickle=False)
        except (OSError, ValueError, EOFError):
            return None
        is_whole = named.shape == (count,) and np.issubdtype(named.dtype, np.integer)
        return named.astype(np.int64) if is_whole else None

    def keep(self, key: Mapping[str, Any], named: Integers) -> None:
        """Write what a run named, all or nothing.

        Raises:
            StorageError: it cannot be written.
        """
        if self._folder is None:
            return
        name = _file_name(key)
        draft = self._folder / f"{draft_prefix()}{name}"
        try:
            with draft.open("wb") as stream:
                np.save(stream, named.astype(np.int32))
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(self._folder / name)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise StorageError(
                f"{self._folder / name} cannot be written: {error.strerror}; free some space."
            ) from error


def _file_name(key: Mapping[str, Any]) -> str:
    text = json.dumps(key, sort_keys=True)
    return f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.npy"
