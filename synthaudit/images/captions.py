"""Prompts that lie beside images: ``metadata.jsonl`` or ``.csv``, and a ``.txt`` for each."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, Final

from synthaudit.images.collection import Collection, FileLocation, ImageEntry
from synthaudit.images.folders import METADATA_NAMES
from synthaudit.images.generation_record import PROMPT_NAMES, RECORD_NAMES, GenerationRecord
from synthaudit.names import write_name

_NAME: Final = "file_name"
_LARGEST_SIDECAR: Final = 100_000
_LARGEST_TABLE: Final = 1_000_000_000


def with_captions(collection: Collection) -> Collection:
    """A folder's images with what tables and texts beside them say of how they were made.

    A table speaks of the files that its ``file_name`` names, from the table's own folder; a text of
    the image of the same name. A table that cannot be read is told of and left out.
    """
    root = collection.root
    tables, notes = _tables(root, {str(PurePosixPath(e.path).parent) for e in collection.entries})
    spoken_of = _stems_with_text(collection)
    entries = []
    for entry in collection.entries:
        told, beside = tables.get(entry.path), _sidecar(entry, spoken_of)
        record = beside if told is None else told.filled(beside)
        entries.append(entry if record is None else replace(entry, record=record))
    return replace(collection, entries=entries, notes=[*collection.notes, *notes])


def _tables(root: Path, folders: set[str]) -> tuple[dict[str, GenerationRecord], list[str]]:
    """Records by the path of their image, and notes on tables that could not be read."""
    found: dict[str, GenerationRecord] = {}
    notes = []
    above = {str(parent) for folder in folders for parent in PurePosixPath(folder).parents}
    for folder in sorted({".", *folders, *above}):
        for name in METADATA_NAMES:
            file = root / folder / name
            if not file.is_file():
                continue
            own = PurePosixPath(folder)
            try:
                rows, spoilt = _rows(file)
            # Parsers of three formats raise errors of their own.
            except Exception as error:  # noqa: BLE001
                reason = " ".join(str(error).split())[:200]
                notes.append(
                    f"{_shown(file)} cannot be read ({reason}): its prompts are not known."
                )
                continue
            if spoilt:
                notes.append(
                    f"{_shown(file)}: {len(spoilt):,} lines are no objects, the first of them line "
                    f"{spoilt[0]:,}: what they say is not known."
                )
            records = {
                str(own / row[_NAME]): record
                for row in reversed(rows)
                if isinstance(row.get(_NAME), str)
                and (record := GenerationRecord.of(row)) is not None
            }
            if rows and not records:
                notes.append(
                    f"{_shown(file)} names no prompts: it needs a {_NAME} and one of "
                    f"{', '.join(PROMPT_NAMES)} in each row."
                )
            found = records | found
    return found, notes


def _shown(file: Path) -> str:
    return write_name(str(file))


def _rows(file: Path) -> tuple[list[Mapping[str, Any]], list[int]]:
    """The rows of a table, and which lines of it are none.

    Raises:
        ValueError: it is too large, or no such table.
    """
    if file.stat().st_size > _LARGEST_TABLE:
        raise ValueError(f"it is larger than {_LARGEST_TABLE // 10**6:,} MB")
    if file.suffix == ".parquet":
        from pyarrow.parquet import ParquetFile

        with file.open("rb") as stream, ParquetFile(stream) as table:
            names = [name for name in table.schema_arrow.names if name in (_NAME, *RECORD_NAMES)]
            return table.read(columns=names).to_pylist(), []
    text = file.read_bytes().decode("utf-8-sig", "surrogateescape")
    if file.suffix == ".csv":
        return list(csv.DictReader(io.StringIO(text, newline=""), strict=True)), []
    rows: list[Mapping[str, Any]] = []
    spoilt = []
    for number, line in enumerate(text.split("\n"), start=1):
        try:
            row = json.loads(line) if line.strip() else None
        except (ValueError, RecursionError):
            row = ()
        if isinstance(row, dict):
            rows.append(row)
        elif row is not None:
            spoilt.append(number)
    return rows, spoilt


def _stems_with_text(collection: Collection) -> set[str]:
    """Paths without suffix of all texts beside images: a listing a folder, not a look each."""
    files = [e.location.file for e in collection.entries if isinstance(e.location, FileLocation)]
    found = set()
    for folder in {os.path.dirname(file) for file in files}:  # noqa: PTH120
        with suppress(OSError):
            names = os.listdir(folder)  # noqa: PTH208
            found |= {os.path.join(folder, n[:-4]) for n in names if n.endswith(".txt")}  # noqa: PTH118
    return found


def _sidecar(entry: ImageEntry, spoken_of: set[str]) -> GenerationRecord | None:
    """What the text beside an image says; None where there is none."""
    if not isinstance(entry.location, FileLocation):
        return None
    stem = os.path.splitext(entry.location.file)[0]  # noqa: PTH122
    if stem not in spoken_of:
        return None
    file = Path(f"{stem}.txt")
    try:
        if not file.is_file() or file.stat().st_size > _LARGEST_SIDECAR:
            return None
        return GenerationRecord.of({"text": file.read_bytes().decode("utf-8-sig", "replace")})
    except (OSError, ValueError):
        return None
