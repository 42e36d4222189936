"""Parquet shards that hold the images themselves, as data sets on the Hugging Face hub do."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from synthaudit.errors import DataError
from synthaudit.images.collection import ImageEntry, Stamp
from synthaudit.images.generation_record import RECORD_NAMES, GenerationRecord
from synthaudit.images.places import open_binary, version_of

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_IMAGE_COLUMNS: Final = ("image", "img", "jpg", "jpeg", "png", "webp", "bytes")
_LABEL_COLUMNS: Final = ("class", "label", "labels")
_GROUPS_KEPT: Final = 2
# Several threads read ahead, all of them out of one row group: it is decoded once.
_reading = threading.Lock()


@dataclass(frozen=True, slots=True)
class RowLocation:
    """A row of a Parquet file; ``version`` is that of the file when it was listed."""

    file: str
    version: str
    column: str
    row: int

    def read(self) -> bytes:
        """The row's bytes."""
        starts = _group_starts(self.file, self.version)
        group = next(number for number, start in enumerate(starts[1:]) if self.row < start)
        try:
            with _reading:
                values = _row_group(self.file, self.version, self.column, group)
        # pyarrow and each kind of storage raise errors of their own.
        except Exception as error:
            raise OSError(0, f"{self.file}: {' '.join(str(error).split())}") from error
        value = values[self.row - starts[group]].as_py()
        data = value.get("bytes") if isinstance(value, dict) else value
        if not data:
            raise OSError(0, f"row {self.row} holds no bytes of an image")
        return bytes(data)

    def stamp(self) -> Stamp | None:
        """The file's version, and the row's place in it."""
        place = f"{self.file}::{self.column}:{self.row}"
        return Stamp.of_version(place, self.version)


def image_column(file: str) -> str | None:
    """The column of a Parquet file that holds images; None where there is none.

    Raises:
        DataError: it is no Parquet file.
    """
    import pyarrow as pa

    schema = _metadata(file, version_of(file)).schema.to_arrow_schema()
    for field in schema:
        if pa.types.is_struct(field.type) and field.type.get_field_index("bytes") >= 0:
            return str(field.name)
    return next(
        (
            name
            for name in _IMAGE_COLUMNS
            if name in schema.names
            and (
                pa.types.is_binary(schema.field(name).type)
                or pa.types.is_large_binary(schema.field(name).type)
            )
        ),
        None,
    )


def index_table(file: str, column: str) -> list[ImageEntry]:
    """The images of one shard, called by the shard's name and their row.

    Their classes are in a column ``class``, ``label`` or ``labels``; numbers are named where the
    file says what they mean.

    Raises:
        DataError: it cannot be read.
    """
    version = version_of(file)
    if column not in _metadata(file, version).schema.to_arrow_schema().names:
        raise DataError(f"{file} has no column {column}, as the first of the shards has.")
    rows = _metadata(file, version).num_rows
    name = PurePosixPath(file).name
    labels, records = _labels(file, version, rows), _records(file, version, rows)
    return [
        ImageEntry(
            path=f"{name}/{row:08d}",
            label=labels[row],
            location=RowLocation(file, version, column, row),
            record=records[row],
        )
        for row in range(rows)
    ]


def _labels(file: str, version: str, rows: int) -> Sequence[str | None]:
    schema = _metadata(file, version).schema.to_arrow_schema()
    column = next((name for name in _LABEL_COLUMNS if name in schema.names), None)
    if column is None:
        return [None] * rows
    names = _class_names(schema, column)
    with _open(file) as opened:
        values = opened.read(columns=[column]).column(column).to_pylist()
    return [
        None
        if value is None
        else names[value]
        if names and isinstance(value, int) and 0 <= value < len(names)
        else str(value)
        for value in values
    ]


def _records(file: str, version: str, rows: int) -> Sequence[GenerationRecord | None]:
    """How the images were made, by columns of texts and numbers."""
    schema = _metadata(file, version).schema.to_arrow_schema()
    columns = [name for name in RECORD_NAMES if name in schema.names]
    if not columns:
        return [None] * rows
    with _open(file) as opened:
        return [GenerationRecord.of(row) for row in opened.read(columns=columns).to_pylist()]


def _class_names(schema: pa.Schema, column: str) -> Sequence[str]:
    """What the numbers of a column mean, by the hub's own note in the file."""
    try:
        note = json.loads((schema.metadata or {})[b"huggingface"])
        return [str(name) for name in note["info"]["features"][column]["names"]]
    except (KeyError, TypeError, ValueError):
        return []


@contextmanager
def _open(file: str) -> Iterator[pq.ParquetFile]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with open_binary(file) as stream:
            yield pq.ParquetFile(stream)
    except (OSError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{file} cannot be read as a Parquet file: {reason}") from error


@lru_cache(maxsize=64)
def _metadata(file: str, version: str) -> Any:  # noqa: ARG001 - of the file that is meant
    with _open(file) as opened:
        return opened.metadata


@lru_cache(maxsize=64)
def _group_starts(file: str, version: str) -> Sequence[int]:
    """The first row of each row group, and the number of all rows."""
    metadata = _metadata(file, version)
    starts = [0]
    for number in range(metadata.num_row_groups):
        starts.append(starts[-1] + metadata.row_group(number).num_rows)
    return starts


@lru_cache(maxsize=_GROUPS_KEPT)
def _row_group(file: str, version: str, column: str, group: int) -> Any:  # noqa: ARG001
    with _open(file) as opened:
        return opened.read_row_group(group, columns=[column]).column(column)
