"""What an audit of very many images has finished, kept on disk until all of it is done."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from synthaudit.arrays import Integers, Singles, Vectors
from synthaudit.embedding.cache import UNFINISHED
from synthaudit.folder_lock import FolderLock
from synthaudit.leftovers import clear, draft_prefix
from synthaudit.measures.detection.assignment import Assignment
from synthaudit.measures.detection.cross_validation import CrossValidate, OutOfFold
from synthaudit.measures.search.neighbours import CandidateSearch, Found, is_exact
from synthaudit.progress import LOGGER
from synthaudit.threads import Advance, ignore

_DAYS_KEPT: Final = 14
# Below these numbers doing it again takes seconds.
_ROWS: Final = 100_000

Arrays = dict[str, npt.NDArray[Any]]


class Checkpoint:
    """Remembers the searches and cross-validations of one audit, so that it can be resumed.

    It never stops an audit: what cannot be written or read back is done again.

    Args:
        folder: where unfinished audits are kept; None to remember nothing.
        key: of everything that decides the audit.
    """

    def __init__(self, folder: Path | None, key: str) -> None:
        self._folder = None if folder is None else folder / UNFINISHED / key
        self._lock: FolderLock | None = None
        if self._folder is not None:
            _forget_the_old(self._folder.parent)

    def search(self, inner: CandidateSearch) -> CandidateSearch:
        """The same search, which goes on where it was interrupted."""

        def resumed(
            unit: Singles,
            queries: Integers,
            candidates: Integers,
            width: int,
            start: int = 0,
        ) -> Iterator[Found]:
            if is_exact(len(queries), len(candidates)):
                yield from inner(unit, queries, candidates, width, start)
                return
            name = _digest([queries, candidates, np.array([width])])
            while start < len(queries) and (kept := self._recall(f"search-{name}-{start}")):
                block = slice(start, start + len(kept["rows"]))
                recall = float(kept["recall"])
                yield Found(block, kept["rows"], None if np.isnan(recall) else recall)
                start = block.stop
            if start == len(queries):
                return
            for found in inner(unit, queries, candidates, width, start):
                recall = np.nan if found.recall is None else found.recall
                kept = {"rows": found.rows, "recall": np.array(recall)}
                self._keep(f"search-{name}-{found.block.start}", kept)
                yield found

        return resumed

    def validate(self, inner: CrossValidate) -> CrossValidate:
        """The same cross-validation, whose outcomes are remembered."""

        def resumed(
            rows: Vectors,
            assignments: Sequence[Assignment],
            *,
            advance: Advance = ignore,
            **options: Any,
        ) -> list[OutOfFold]:
            if len(rows) < _ROWS:
                return inner(rows, assignments, advance=advance, **options)
            dealt = [array for a in assignments for array in (a.is_synthetic, a.fold, a.inner)]
            name = f"folds-{_digest([*dealt, np.array(sorted(map(repr, options.items())))])}"
            kept = self._recall(name)
            if kept is None:
                outcomes = inner(rows, assignments, advance=advance, **options)
                self._keep(name, _as_arrays(outcomes))
                return outcomes
            advance(len(assignments))
            each = zip(*kept.values(), strict=True)
            return [OutOfFold(**dict(zip(kept, values, strict=True))) for values in each]

        return resumed

    def discard(self) -> None:
        """Forget it: the audit is done."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        if self._lock is not None:
            self._lock.release()

    def _recall(self, name: str) -> Arrays | None:
        if self._folder is None:
            return None
        try:
            with (self._folder / f"{name}.npz").open("rb") as stream:
                return dict(np.load(stream, allow_pickle=False))
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            return None

    def _keep(self, name: str, arrays: Arrays) -> None:
        if self._folder is None:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            if self._lock is None:
                self._lock = FolderLock(self._folder.parent.parent, alone=False)
            clear(self._folder)
            with tempfile.NamedTemporaryFile(
                dir=self._folder, prefix=draft_prefix(), delete=False
            ) as draft:
                np.savez(draft, **arrays)  # type: ignore[arg-type]
            os.replace(draft.name, self._folder / f"{name}.npz")
        except OSError as error:
            LOGGER.warning("this audit cannot be resumed (%s).", error)
            self.discard()
            self._folder = None


def _as_arrays(outcomes: Sequence[OutOfFold]) -> Arrays:
    return {
        name: np.stack([vars(outcome)[name] for outcome in outcomes])
        for name in ("probability", "undetermined", "inverse_penalties")
    }


def _digest(arrays: Sequence[npt.NDArray[Any]]) -> str:
    content = hashlib.sha256()
    for array in arrays:
        content.update(repr((array.shape, array.dtype.str)).encode())
        content.update(np.ascontiguousarray(array).tobytes())
    return content.hexdigest()[:16]


def _forget_the_old(folder: Path) -> None:
    """Audits that nobody went on with."""
    limit = time.time() - _DAYS_KEPT * 86_400
    for old in folder.glob("*") if folder.is_dir() else ():
        with suppress(OSError):  # another process may be at it
            if old.stat().st_mtime < limit:
                shutil.rmtree(old, ignore_errors=True)
