"""Manifests: CSV, JSONL or Parquet tables with a ``path`` column and an optional ``class``."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from synthaudit.errors import DataError
from synthaudit.images.collection import (
    Collection,
    FileLocation,
    ImageEntry,
    Location,
    Unreadable,
)
from synthaudit.images.generation_record import RECORD_NAMES, GenerationRecord
from synthaudit.images.places import is_url, open_binary, suffix_of
from synthaudit.images.remote import RemoteLocation
from synthaudit.images.web import WebAccess
from synthaudit.names import read_name, write_name

if TYPE_CHECKING:
    import pandas as pd


_LONGEST_CLASS: Final = 1_000

_FIELDS: Final = ("path", "class", *RECORD_NAMES)

Row = Mapping[str, object]
"""What a manifest has for path, class and how the image was made, whatever it is."""


def read_manifest(place: str) -> list[Row]:
    """The rows of a CSV or JSONL manifest.

    Raises:
        DataError: it cannot be parsed, or has no ``path``.
    """
    try:
        with open_binary(place) as stream:
            # A path may hold bytes that are no UTF-8; they are kept as Python keeps them.
            text = stream.read().decode("utf-8-sig", "surrogateescape")
    except OSError as error:
        reason = " ".join(str(error).split())
        raise DataError(f"the manifest {place} cannot be read: {reason}") from error
    return (_csv_rows if suffix_of(place) == ".csv" else _json_rows)(place, text)


def read_table(place: str) -> pd.DataFrame:
    """A Parquet file as a table.

    Raises:
        DataError: it cannot be parsed.
    """
    import pandas as pd

    try:
        with open_binary(place) as stream:
            return pd.read_parquet(stream)
    except (ValueError, OSError) as error:  # pyarrow's errors are of these
        reason = " ".join(str(error).split())
        raise DataError(f"the manifest {place} cannot be parsed: {reason}") from error


def rows_of(place: str, table: pd.DataFrame) -> list[Row]:
    """The rows of a Parquet manifest.

    Raises:
        DataError: there is no column ``path``, or two.
    """
    found = _columns(place, [str(name) for name in table.columns])
    columns = [_values(table, at) for at in found.values()]
    return [dict(zip(found, values, strict=True)) for values in zip(*columns, strict=True)]


def _values(table: pd.DataFrame, at: int) -> list[object]:
    """A column; what is missing is None, and not NaN, NaT or NA as the column's kind has it."""
    column = table.iloc[:, at]
    return [None if gone else own for own, gone in zip(column.tolist(), column.isna(), strict=True)]


def _csv_rows(place: str, text: str) -> list[Row]:
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(lines, [])
        found = _columns(place, header)
        rows: list[Row] = []
        for fields in lines:
            if not fields:
                continue
            if len(fields) != len(header):
                raise DataError(
                    f"the manifest {place} cannot be parsed: line {lines.line_num} has "
                    f"{len(fields)} fields, but the header has {len(header)}; quote commas."
                )
            rows.append({name: fields[at] for name, at in found.items()})
    except csv.Error as error:
        where = f"line {max(lines.line_num, 1)}"
        raise DataError(f"the manifest {place} cannot be parsed: {where}: {error}.") from error
    return rows


def _json_rows(place: str, text: str) -> list[Row]:
    rows: list[Row] = []
    has_path = False
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            is_deep = isinstance(error, RecursionError)
            reason = "it is nested too deep" if is_deep else str(error).partition(";")[0]
            raise DataError(
                f"the manifest {place} cannot be parsed: line {number}: {reason}."
            ) from error
        if not isinstance(record, dict):
            raise DataError(
                f"the manifest {place} cannot be parsed: line {number} should be an object such as "
                f'{{"path": "1.png"}}, not {_kind(record)}.'
            )
        has_path |= "path" in record
        rows.append({name: record[name] for name in _FIELDS if name in record})
    if not has_path:
        raise DataError(f"the manifest {place} needs a path in each line, and has none.")
    return rows


def _columns(place: str, names: list[str]) -> dict[str, int]:
    """Where path, class and what else is read are, as far as they are there."""
    for name in ("path", "class"):
        if names.count(name) > 1:
            raise DataError(f"the manifest {place} has {names.count(name)} columns named {name}.")
    if "path" not in names:
        shown = write_name(", ".join(names[:20])) or "none"
        raise DataError(f"the manifest {place} needs a column named path; it has {shown[:200]}.")
    return {name: names.index(name) for name in _FIELDS if name in names}


def open_manifest(place: str, rows: list[Row], access: WebAccess) -> Collection:
    """The images that a manifest lists; relative paths start at the manifest's folder.

    Paths may be URLs that ``access`` lets by, whose images are looked for when they are read.
    """
    entries: dict[str, ImageEntry] = {}
    unreadable: list[Unreadable] = []
    repeats = 0
    for number, row in enumerate(rows, start=1):
        value = row.get("path")
        if not isinstance(value, str) or not value.strip():
            is_empty = isinstance(value, str) or _is_missing(value)
            reason = "is empty" if is_empty else f"should be a text, not {_kind(value)}"
            unreadable.append(Unreadable(path=f"row {number}", reason=f"its path {reason}"))
            continue
        found = _entry(place, value, row, access)
        if isinstance(found, Unreadable):
            unreadable.append(found)
        elif found.path in entries:
            repeats += 1
        else:
            entries[found.path] = found
    notes = [f"{place}: {repeats:,} rows repeat a path and are counted once."] if repeats else []
    return Collection(
        name=place,
        root=Path(place).parent,
        entries=sorted(entries.values(), key=lambda entry: entry.path),
        unreadable=unreadable,
        notes=notes,
    )


def _entry(place: str, value: str, row: Row, access: WebAccess) -> ImageEntry | Unreadable:
    """The image of a row, or why there is none.

    What we wrote may be read back: a name with a backslash is looked for as it is and as it reads.
    """
    label = row.get("class")
    if isinstance(label, list | dict | tuple | bytes) or hasattr(label, "__array__"):
        return Unreadable(path=value, reason=f"its class should be a text, not {_kind(label)}")
    text = "" if _is_missing(label) else read_name(str(label))
    if len(text) > _LONGEST_CLASS:
        return Unreadable(
            path=value, reason=f"its class is longer than {_LONGEST_CLASS} characters"
        )
    refusal = access.refusal(value) if is_url(value) else None
    found = {}
    is_elsewhere = is_url(value) or is_url(place)
    names = [value] if is_elsewhere else dict.fromkeys((value, read_name(value)))
    for name in () if refusal else names:
        location = _locate(place, name, access)
        if location is not None:
            found[name if is_url(name) else Path(name).as_posix()] = location
    if len(found) > 1:
        refusal = "it means two files, one by its letters and one that is written so: rename one"
    if refusal or not found:
        return Unreadable(path=value, reason=refusal or "there is no such file")
    path, location = next(iter(found.items()))
    record = GenerationRecord.of(row)
    return ImageEntry(path=path, label=text or None, location=location, record=record)


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _kind(value: object) -> str:
    kinds = {
        dict: "an object",
        list: "a list",
        str: "a text",
        bool: "a truth value",
        bytes: "bytes",
        type(None): "nothing",
    }
    return kinds.get(type(value), "a number" if isinstance(value, int | float) else "a list")


def _locate(manifest: str, value: str, access: WebAccess) -> Location | None:
    """Where a manifest's image is; None where there is no such file."""
    if is_url(value):
        return RemoteLocation(value, version=None, access=access)
    if is_url(manifest):
        folder = manifest.rpartition("/")[0]
        return RemoteLocation(f"{folder}/{PurePosixPath(value).as_posix()}", version=None)
    file = Path(manifest).parent / value
    try:
        return FileLocation(str(file)) if file.is_file() else None
    except (OSError, ValueError):  # too long a name, or none that a system can have
        return None
