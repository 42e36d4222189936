"""From what the user typed to a collection of images or a table of vectors."""

from __future__ import annotations

import glob
import os
from pathlib import Path
from typing import Final

from synthaudit.errors import DataError, UsageError
from synthaudit.images.collection import Collection
from synthaudit.images.folders import open_folder
from synthaudit.images.manifests import open_manifest, read_table
from synthaudit.images.remote import is_url, open_url
from synthaudit.images.shards import open_shards
from synthaudit.images.vectors import VectorTable, holds_vectors, open_array, open_vector_table

_KINDS: Final = (
    "a folder of images, a .csv, .jsonl or .parquet manifest, .tar shards, or .npy or .parquet "
    "vectors"
)

Source = str | os.PathLike[str]


def open_source(source: Source) -> Collection | VectorTable:
    """Open one side of an audit.

    Args:
        source: a folder, a manifest, a tar shard or a glob of shards, a file of vectors, or the
            URL of a folder or a tar shard.

    Raises:
        UsageError: it does not exist, or is of no known kind.
        DataError: it cannot be parsed, or holds no images.
    """
    name = os.fspath(source)
    path = Path(name)
    if is_url(name):
        return _require_images(open_url(name))
    if not path.exists() or path.is_dir():
        found = open_folder(path, name) if path.is_dir() else open_shards(_match_shards(name), name)
        return _require_images(found)
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return _require_vectors(open_array(path))
    if suffix == ".tar":
        return _require_images(open_shards([path], name))
    if suffix not in (".csv", ".jsonl", ".ndjson", ".parquet"):
        raise UsageError(f"{name} should be {_KINDS}.")
    table = read_table(path)
    if suffix == ".parquet" and holds_vectors(table):
        return _require_vectors(open_vector_table(path, table))
    return _require_images(open_manifest(path, name, table))


def refuse_overlap(real: Source, synthetic: Source) -> None:
    """Refuse two sides that share files.

    Raises:
        UsageError: they are the same file or folder, or one folder lies inside the other.
    """
    if is_url(os.fspath(real)) or is_url(os.fspath(synthetic)):
        if os.fspath(real) == os.fspath(synthetic):
            raise UsageError(f"REAL and SYNTHETIC are both {real}: give two different sets.")
        return
    first, second = Path(real).resolve(), Path(synthetic).resolve()
    if not first.exists() or not second.exists():
        return
    if first.samefile(second):
        raise UsageError(
            f"REAL and SYNTHETIC are both {first}: give two different sets, or the result says "
            "nothing."
        )
    for outer, inner, names in (
        (first, second, ("REAL", "SYNTHETIC")),
        (second, first, ("SYNTHETIC", "REAL")),
    ):
        if outer.is_dir() and inner.is_dir() and inner.is_relative_to(outer):
            raise UsageError(
                f"{names[1]} ({inner}) lies inside {names[0]} ({outer}), so its images would count "
                "on both sides: move one of them out."
            )


def _match_shards(pattern: str) -> list[Path]:
    matches = [Path(match) for match in sorted(glob.glob(pattern, recursive=True))]
    if not matches:
        raise UsageError(f"{pattern} does not exist; expected {_KINDS}.")
    strange = next((match for match in matches if match.suffix.lower() != ".tar"), None)
    if strange is not None:
        raise UsageError(
            f"the pattern {pattern} should match .tar shards only, but it matches {strange}."
        )
    return matches


def _require_images(collection: Collection) -> Collection:
    if not collection.entries:
        refused = collection.unreadable
        why = f"; {refused[0].path}: {refused[0].reason}" if refused else ""
        notes = " ".join(collection.notes)
        raise DataError(f"there are no images in {collection.name}{why}. {notes}".rstrip())
    return collection


def _require_vectors(table: VectorTable) -> VectorTable:
    if len(table.vectors) == 0:
        raise DataError(f"there are no vectors in {table.name}.")
    return table
