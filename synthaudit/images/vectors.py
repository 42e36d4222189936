"""Vectors that the user already has: ``.npy`` arrays and ``.parquet`` tables."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from synthaudit.arrays import Vectors
from synthaudit.errors import DataError
from synthaudit.images.places import is_url, open_binary
from synthaudit.names import write_name

if TYPE_CHECKING:
    import pandas as pd

_VECTOR_COLUMNS: Final = ("embedding", "vector", "embeddings", "features")


@dataclass(frozen=True, kw_only=True)
class VectorTable:
    """Ready vectors of one side: ``vectors`` (n, d), a path and a class or None for each row."""

    name: str
    vectors: Vectors
    paths: list[str]
    labels: list[str | None]


def open_array(place: str) -> VectorTable:
    """A ``.npy`` file of shape (n, d); rows are called by their number.

    Raises:
        DataError: it is no array of numbers of that shape.
    """
    try:
        if is_url(place):
            with open_binary(place) as stream:
                array = np.load(io.BytesIO(stream.read()), allow_pickle=False)
        else:
            array = np.load(place, mmap_mode="r", allow_pickle=False)
    # The header is a piece of Python, of which numpy's reader raises nearly anything.
    except Exception as error:
        # Without the places of objects in memory, which are others each time.
        reason = re.sub(r" at 0x[0-9a-f]+", "", " ".join(str(error).split()))[:200]
        raise DataError(f"{place} cannot be read as a .npy array: {reason}") from error
    if not isinstance(array, np.ndarray):
        array.close()
        raise DataError(f"{place} holds several arrays: save the one of vectors by numpy.save.")
    return make_table(array, place)


def make_table(array: Any, name: str) -> VectorTable:
    """Check an array of vectors and name its rows.

    Raises:
        DataError: it is not two-dimensional, or not of real numbers.
    """
    vectors = np.asarray(array)
    if vectors.ndim != 2 or vectors.shape[1] == 0:
        raise DataError(f"{name} should have the shape (images, dimensions), not {vectors.shape}.")
    if vectors.dtype.kind not in "fiu":
        raise DataError(f"{name} should hold real numbers, not {vectors.dtype}.")
    kind: type[np.floating[Any]] = np.float64 if vectors.dtype.itemsize >= 8 else np.float32
    wide: Vectors = vectors.astype(kind, copy=False)
    return VectorTable(
        name=name,
        vectors=wide,
        paths=[str(row) for row in range(len(wide))],
        labels=[None] * len(wide),
    )


def holds_vectors(table: pd.DataFrame) -> bool:
    """Whether a Parquet table holds vectors rather than paths to images."""
    if any(column in table.columns for column in _VECTOR_COLUMNS):
        return True
    return "path" not in table.columns


def open_vector_table(place: str, table: pd.DataFrame) -> VectorTable:
    """A Parquet table with a column ``embedding`` of lists, or with a numeric column a dimension.

    ``path`` and ``class`` columns, where present, name the rows.

    Raises:
        DataError: there is no vector column, or its lists differ in length.
    """
    column = next((name for name in _VECTOR_COLUMNS if name in table.columns), None)
    if column is not None:
        try:
            array = np.stack([np.asarray(row) for row in table[column]])
        except (ValueError, TypeError) as error:
            raise DataError(
                f"the lists in column {column} of {place} should be of numbers and of one length."
            ) from error
    else:
        array = table.select_dtypes("number").to_numpy()
    base = make_table(array, place)
    paths = [write_name(str(p)) for p in table["path"]] if "path" in table.columns else base.paths
    labels: list[str | None] = base.labels
    if "class" in table.columns:
        missing = table["class"].isna()
        labels = [
            None if gone else write_name(str(value))
            for value, gone in zip(table["class"], missing, strict=True)
        ]
    return VectorTable(name=place, vectors=base.vectors, paths=paths, labels=labels)
