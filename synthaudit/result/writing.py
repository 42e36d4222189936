"""Results to files: all of them complete, or none of them there."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthaudit.errors import StorageError

if TYPE_CHECKING:
    import pandas as pd


def scores_text(scores: Mapping[str, Any]) -> str:
    """The text of ``scores.json``."""
    return json.dumps(scores, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def write_table(table: pd.DataFrame, file: Path) -> None:
    """Write one CSV file, whole or not at all.

    Raises:
        StorageError: it cannot be written.
    """
    draft = file.with_name(f".partial-{os.getpid()}-{file.name}")
    try:
        table.to_csv(draft, index=False)
        os.replace(draft, file)
    except OSError as error:
        draft.unlink(missing_ok=True)
        reason = (error.strerror or str(error)).lower()
        raise StorageError(f"{file} cannot be written ({reason}): choose another file.") from error


def write_files(
    folder: Path,
    *,
    scores: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame],
    unreadable: pd.DataFrame,
) -> Path:
    """Write ``scores.json``, the tables as Parquet and ``images.csv``, and ``unreadable.csv``.

    Everything is first written beside its place, then moved there; files that others have put into
    the folder stay.

    Raises:
        StorageError: the folder cannot be made or written.
    """
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".partial-", dir=folder) as partial:
            draft = Path(partial)
            unreadable.to_csv(draft / "unreadable.csv", index=False)
            for name, table in tables.items():
                table.to_parquet(draft / f"{name}.parquet", index=False)
            tables["images"].to_csv(draft / "images.csv", index=False)
            (draft / "scores.json").write_text(scores_text(scores), encoding="utf-8")
            # The scores come last: who finds them finds the rest.
            for file in sorted(draft.iterdir(), key=lambda f: (f.name == "scores.json", f.name)):
                os.replace(file, folder / file.name)
    except OSError as error:
        if made:
            shutil.rmtree(folder, ignore_errors=True)
        reason = (error.strerror or str(error)).lower()
        raise StorageError(
            f"the results cannot be written to {folder} ({reason}): free some space or choose "
            "another folder with --out."
        ) from error
    return folder
