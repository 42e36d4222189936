"""Manifests: CSV, JSONL or Parquet tables with a ``path`` column and an optional ``class``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from synthaudit.errors import DataError
from synthaudit.images.collection import Collection, FileLocation, ImageEntry, Unreadable

if TYPE_CHECKING:
    import pandas as pd


def read_table(file: Path) -> pd.DataFrame:
    """A manifest as a table of text.

    Raises:
        DataError: it cannot be parsed.
    """
    import pandas as pd

    try:
        if file.suffix.lower() == ".parquet":
            return pd.read_parquet(file)
        if file.suffix.lower() == ".csv":
            return pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        lines = file.read_text(encoding="utf-8-sig").splitlines()
        return pd.DataFrame([json.loads(line) for line in lines if line.strip()])
    except (ValueError, OSError, UnicodeError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"the manifest {file} cannot be parsed: {reason}") from error


def open_manifest(file: Path, name: str, table: pd.DataFrame) -> Collection:
    """The images that a manifest lists; relative paths start at the manifest's folder.

    Raises:
        DataError: there is no ``path`` column.
    """
    if "path" not in table.columns:
        raise DataError(
            f"the manifest {file} needs a column named path; it has {', '.join(map(str, table))}."
        )
    import pandas as pd

    labels = table["class"] if "class" in table.columns else pd.Series([None] * len(table))
    entries: dict[str, ImageEntry] = {}
    unreadable: list[Unreadable] = []
    repeats = 0
    for row, (value, label) in enumerate(zip(table["path"], labels, strict=True), start=1):
        if not isinstance(value, str) or not value.strip():
            unreadable.append(Unreadable(path=f"row {row}", reason="its path is empty"))
            continue
        location = file.parent / value
        path = Path(value).as_posix()
        if path in entries:
            repeats += 1
        elif not location.is_file():
            unreadable.append(Unreadable(path=path, reason="there is no such file"))
        else:
            text = None if pd.isna(label) or str(label) == "" else str(label)
            entries[path] = ImageEntry(path=path, label=text, location=FileLocation(str(location)))
    notes = [f"{name}: {repeats:,} rows repeat a path and are counted once."] if repeats else []
    return Collection(
        name=name,
        root=file.parent,
        entries=sorted(entries.values(), key=lambda entry: entry.path),
        unreadable=unreadable,
        notes=notes,
    )
