"""Prompts that lie beside images: ``metadata.jsonl`` or ``.csv``, and a ``.txt`` for each."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, Final

from synthaudit.images.collection import Collection, FileLocation, ImageEntry
from synthaudit.images.folders import METADATA_NAMES
from synthaudit.images.generation_record import RECORD_NAMES, GenerationRecord
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
    entries = [
        entry
        if (record := tables.get(entry.path) or _sidecar(entry)) is None
        else replace(entry, record=record)
        for entry in collection.entries
    ]
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
            try:
                for row in _rows(file):
                    own, record = row.get(_NAME), GenerationRecord.of(row)
                    if isinstance(own, str) and record is not None:
                        found.setdefault(str(PurePosixPath(folder) / own), record)
            # Parsers of three formats raise errors of their own.
            except Exception as error:  # noqa: BLE001
                reason = " ".join(str(error).split())[:200]
                notes.append(
                    f"{write_name(str(file))} cannot be read ({reason}): the prompts in it are not "
                    "known."
                )
    return found, notes


def _rows(file: Path) -> Iterator[Mapping[str, Any]]:
    """The rows of a table.

    Raises:
        ValueError: it is too large, or no such table.
    """
    if file.stat().st_size > _LARGEST_TABLE:
        raise ValueError(f"it is larger than {_LARGEST_TABLE // 10**6:,} MB")
    if file.suffix == ".parquet":
        from pyarrow.parquet import ParquetFile

        with file.open("rb") as stream, ParquetFile(stream) as table:
            names = [name for name in table.schema_arrow.names if name in (_NAME, *RECORD_NAMES)]
            for batch in table.iter_batches(columns=names):
                yield from batch.to_pylist()
        return
    text = file.read_bytes().decode("utf-8-sig", "surrogateescape")
    if file.suffix == ".csv":
        yield from csv.DictReader(io.StringIO(text, newline=""), strict=True)
        return
    for line in text.split("\n"):
        if line.strip():
            row = json.loads(line)
            if not isinstance(row, dict):
                raise TypeError("a line should be an object with a file_name")
            yield row


def _sidecar(entry: ImageEntry) -> GenerationRecord | None:
    """What the text beside an image says; None where there is none."""
    if not isinstance(entry.location, FileLocation):
        return None
    file = Path(entry.location.file).with_suffix(".txt")
    try:
        if not file.is_file() or file.stat().st_size > _LARGEST_SIDECAR:
            return None
        return GenerationRecord.of({"text": file.read_bytes().decode("utf-8-sig", "replace")})
    except (OSError, ValueError):
        return None
