"""Manifests: CSV, JSONL or Parquet tables with a ``path`` column and an optional ``class``."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from synthaudit.errors import DataError
from synthaudit.images.collection import (
    Collection,
    FileLocation,
    ImageEntry,
    Location,
    Unreadable,
)
from synthaudit.images.places import is_url, open_binary, suffix_of
from synthaudit.images.remote import RemoteLocation
from synthaudit.images.web import WebAccess
from synthaudit.names import read_name

if TYPE_CHECKING:
    import pandas as pd


def read_table(place: str) -> pd.DataFrame:
    """A manifest as a table of text.

    Raises:
        DataError: it cannot be parsed.
    """
    import pandas as pd

    try:
        with open_binary(place) as stream:
            if suffix_of(place) == ".parquet":
                return pd.read_parquet(stream)
            if suffix_of(place) == ".csv":
                return pd.read_csv(stream, dtype=str, keep_default_na=False, encoding="utf-8-sig")
            lines = stream.read().decode("utf-8-sig").splitlines()
            return pd.DataFrame([json.loads(line) for line in lines if line.strip()])
    except (ValueError, OSError, UnicodeError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"the manifest {place} cannot be parsed: {reason}") from error


def open_manifest(place: str, table: pd.DataFrame, access: WebAccess) -> Collection:
    """The images that a manifest lists; relative paths start at the manifest's folder.

    Paths may be URLs that ``access`` lets by, whose images are looked for when they are read.

    Raises:
        DataError: there is no ``path`` column.
    """
    if "path" not in table.columns:
        raise DataError(
            f"the manifest {place} needs a column named path; it has {', '.join(map(str, table))}."
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
        path = value if is_url(value) else Path(value).as_posix()
        refusal = access.refusal(value) if is_url(value) else None
        location = None if refusal else _locate(place, value, access)
        if path in entries:
            repeats += 1
        elif location is None:
            unreadable.append(Unreadable(path=path, reason=refusal or "there is no such file"))
        else:
            text = None if pd.isna(label) or str(label) == "" else str(label)
            entries[path] = ImageEntry(path=path, label=text, location=location)
    notes = [f"{place}: {repeats:,} rows repeat a path and are counted once."] if repeats else []
    return Collection(
        name=place,
        root=Path(place).parent,
        entries=sorted(entries.values(), key=lambda entry: entry.path),
        unreadable=unreadable,
        notes=notes,
    )


def _locate(manifest: str, value: str, access: WebAccess) -> Location | None:
    """Where a manifest's image is; None where there is no such file."""
    if is_url(value):
        return RemoteLocation(value, version=None, access=access)
    if is_url(manifest):
        folder = manifest.rpartition("/")[0]
        return RemoteLocation(f"{folder}/{PurePosixPath(value).as_posix()}", version=None)
    # What we wrote may be read back: a name with a backslash is looked for as it is first.
    for name in dict.fromkeys((value, read_name(value))):
        file = Path(manifest).parent / name
        try:
            if file.is_file():
                return FileLocation(str(file))
        except (OSError, ValueError):  # too long a name, or none that a system can have
            continue
    return None
