"""What the columns of the tables must be that are read back: one schema for each table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["text", "number", "numbers", "flag", "bytes"]

MOST_ROWS: Final = 200_000_000
"""More than any table has; a small file may claim to be larger."""


@dataclass(frozen=True, kw_only=True)
class TableSchema:
    """The columns of one table.

    Attributes:
        columns: kinds of those that must be there, by name.
        optional: kinds of those that may be, such as what only some audits find; any number of
            others may stand beside them.
    """

    columns: Mapping[str, Kind]
    optional: Mapping[str, Kind] = field(default_factory=dict)

    def read(self, file: Path) -> pd.DataFrame:
        """The table in a file, by a path that may not be UTF-8, which Arrow opens by no name.

        Raises:
            OSError: it cannot be read.
            ValueError: it is no such table: what was expected and what came.
        """
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile

        if file.exists() and not file.is_file():
            raise ValueError(f"{file.name} is no file")
        try:
            with file.open("rb") as stream, ParquetFile(stream) as opened:
                if opened.metadata.num_rows > MOST_ROWS:
                    raise ValueError(f"{file.name} claims {opened.metadata.num_rows:,} rows")
                self._refuse_others(file.name, opened.schema_arrow, opened.metadata.num_rows)
                table: pd.DataFrame = opened.read().to_pandas()
        # What reading damaged pages raises is of many kinds.
        except (ArrowException, NotImplementedError, RecursionError, TypeError) as error:
            raise ValueError(f"{file.name}: {error}") from error
        return table

    def _refuse_others(self, name: str, found: Any, rows: int) -> None:
        types = dict(zip(found.names, found.types, strict=True))
        missing = sorted(self.columns.keys() - types.keys())
        if missing:
            raise ValueError(f"{name} lacks {', '.join(missing)}")
        if rows == 0:  # columns without a value have no kind of their own
            return
        for column, kind in {**self.columns, **self.optional}.items():
            if column in types and not _IS_KIND[kind](types[column]):
                raise ValueError(f"{name}: {column} should be {kind}s, not {types[column]}")


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    # A column without a single value has no kind of its own.
    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_null(kind))


def _is_number(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_floating(kind) or types.is_integer(kind) or types.is_null(kind))


def _is_numbers(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_list(kind) and types.is_floating(kind.value_type))


def _is_flag(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_boolean(kind))


def _is_bytes(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_binary(kind) or types.is_large_binary(kind) or types.is_null(kind))


_IS_KIND: Final[Mapping[str, Callable[[Any], bool]]] = {
    "text": _is_text,
    "number": _is_number,
    "numbers": _is_numbers,
    "flag": _is_flag,
    "bytes": _is_bytes,
}

IMAGES: Final = TableSchema(
    columns={
        "path": "text",
        "side": "text",
        "label_quality": "number",
        "is_unvaried": "flag",
        "is_unoriginal": "flag",
        "is_wrong_label": "flag",
    },
    optional={
        "class": "text",
        "probability_synthetic": "number",
        "nearest_real": "text",
        "nearest_real_distance": "number",
        "nearest_real_of_class": "text",
        "nearest_real_of_class_distance": "number",
        "nearest_synthetic": "text",
        "nearest_synthetic_distance": "number",
        "duplicate_cluster": "number",
        "copy_p_value": "number",
        "uncoveredness": "number",
        "map_x": "number",
        "map_y": "number",
        "original": "text",
        "is_broken": "flag",
        "defect": "text",
        "broken_p_value": "number",
        "likelier_class": "text",
        "likelier_class_probability": "number",
        "wrong_label_probability": "number",
        "prompt": "text",
        "seed": "number",
        "generator": "text",
        "prompt_p_value": "number",
        "is_unfaithful": "flag",
    },
)
"""``images.parquet`` of an audit."""

COPIES: Final = TableSchema(
    columns={"path": "text", "original": "text", "distance": "number", "p_value": "number"},
    optional={"found_by": "text", "pattern_distance": "number", "is_mirrored": "flag"},
)
"""``copies.parquet`` of an audit."""

PAIRS: Final = TableSchema(
    columns={
        "path_a": "text",
        "side_a": "text",
        "path_b": "text",
        "side_b": "text",
        "distance": "number",
    }
)
"""``duplicates.parquet`` of an audit."""

EXPLANATION: Final = TableSchema(columns={"path": "text", "parts": "numbers", "webp": "bytes"})
"""``explanation.parquet`` of an audit."""

THUMBNAILS: Final = TableSchema(columns={"side": "text", "path": "text", "webp": "bytes"})
"""``thumbnails.parquet`` of an audit."""

ARM_IMAGES: Final = TableSchema(
    columns={"arm": "text", "image": "number", "path": "text"},
    optional={"subject": "text", "prompt": "text"},
)
"""``images.parquet`` of a sweep."""

ARM_THUMBNAILS: Final = TableSchema(columns={"arm": "text", "path": "text", "webp": "bytes"})
"""``thumbnails.parquet`` of a sweep."""
