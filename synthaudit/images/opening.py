"""From what the user typed to a collection of images or a table of vectors."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from synthaudit.errors import DataError, UsageError
from synthaudit.images.captions import with_captions
from synthaudit.images.collection import Collection, ImageEntry
from synthaudit.images.folders import open_folder
from synthaudit.images.manifests import open_manifest, read_manifest, read_table, rows_of
from synthaudit.images.parquet_shards import image_column, index_table
from synthaudit.images.places import expand, is_url, suffix_of
from synthaudit.images.remote import open_remote_folder
from synthaudit.images.shards import open_shard
from synthaudit.images.vectors import VectorTable, holds_vectors, open_array, open_vector_table
from synthaudit.images.web import WebAccess
from synthaudit.names import is_odd, write_name

_SUFFIXES: Final = frozenset({".csv", ".jsonl", ".ndjson", ".npy", ".parquet", ".tar"})
_KINDS: Final = (
    "a folder of images, a .csv, .jsonl or .parquet manifest, .tar or .parquet shards, or .npy or "
    ".parquet vectors"
)

Source = str | os.PathLike[str]


def open_source(source: Source, access: WebAccess | None = None) -> Collection | VectorTable:
    """Open one side of an audit.

    Args:
        source: a folder, a manifest, a file of vectors, a shard or a pattern of shards; by its path
            or its URL.
        access: what a manifest may reach by URLs; None for what is usual.

    Raises:
        UsageError: it does not exist, or is of no known kind.
        DataError: it cannot be parsed, or holds no images.
    """
    name = os.fspath(source)
    _refuse_impossible(name)
    if not is_url(name) and Path(name).is_dir():
        return _require_images(with_captions(open_folder(Path(name), name)))
    if is_url(name) and suffix_of(name) not in _SUFFIXES:
        return _require_images(open_remote_folder(name))
    places = expand(name)
    suffixes = {suffix_of(place) for place in places}
    if not places:
        raise UsageError(f"{write_name(name)} does not exist; expected {_KINDS}.")
    if suffixes == {".tar"}:
        return _open_shards(name, places, open_shard)
    if suffixes == {".parquet"} and (column := image_column(places[0])):
        return _open_shards(name, places, partial(index_table, column=column))
    if places != [name]:
        strange = next((place for place in places if suffix_of(place) != ".tar"), places[0])
        raise UsageError(
            f"the pattern {name} should match .tar or .parquet shards of images only, but it "
            f"matches {strange}."
        )
    return _open_file(name, suffixes.pop(), access or WebAccess())


def _refuse_impossible(name: str) -> None:
    """Refuse a path that the system cannot have."""
    try:
        os.stat(name)  # noqa: PTH116
    except ValueError as error:
        raise UsageError(f"{write_name(name)} is no path: {error}; expected {_KINDS}.") from error
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG and not is_url(name):
            shown = f"{write_name(name[:60])}..."
            raise UsageError(f"{shown} is longer than paths may be; expected {_KINDS}.") from error


def _open_shards(
    name: str, places: list[str], index: Callable[[str], list[ImageEntry]]
) -> Collection:
    entries = [entry for place in places for entry in index(place)]
    return _require_images(
        Collection(
            name=name,
            root=Path(places[0]).parent,
            entries=sorted(entries, key=lambda entry: entry.path),
        )
    )


def _open_file(name: str, suffix: str, access: WebAccess) -> Collection | VectorTable:
    """A file that is neither a folder nor a shard."""
    if suffix == ".npy":
        return _require_vectors(open_array(name))
    if suffix not in _SUFFIXES:
        raise UsageError(f"{write_name(name)} should be {_KINDS}.")
    if suffix != ".parquet":
        return _require_images(open_manifest(name, read_manifest(name), access))
    table = read_table(name)
    if holds_vectors(table):
        return _require_vectors(open_vector_table(name, table))
    return _require_images(open_manifest(name, rows_of(name, table), access))


def refuse_overlap(real: Source, synthetic: Source) -> None:
    """Refuse two sides that share files.

    Raises:
        UsageError: they are the same file or folder, or one folder lies inside the other.
    """
    if is_url(os.fspath(real)) or is_url(os.fspath(synthetic)):
        if os.fspath(real) == os.fspath(synthetic):
            raise UsageError(f"REAL and SYNTHETIC are both {real}: give two different sets.")
        return
    for source in (real, synthetic):
        _refuse_impossible(os.fspath(source))
    first, second = Path(real).resolve(), Path(synthetic).resolve()
    if not first.exists() or not second.exists():
        return
    if first.samefile(second):
        raise UsageError(
            f"REAL and SYNTHETIC are both {first}: give two different sets, or look at one alone "
            "with synthaudit inspect."
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


def _require_images(collection: Collection) -> Collection:
    if not collection.entries:
        refused = collection.unreadable
        why = f"; {write_name(refused[0].path)}: {refused[0].reason}" if refused else ""
        notes = write_name(" ".join(collection.notes))
        name = write_name(collection.name)
        raise DataError(f"there are no images in {name}{why}. {notes}".rstrip())
    return _written(collection)


def _written(collection: Collection) -> Collection:
    """A collection whose paths and classes are as outputs have them."""
    entries = [
        replace(
            entry,
            path=write_name(entry.path),
            label=None if entry.label is None else write_name(entry.label),
        )
        if is_odd(entry.path) or is_odd(entry.label or "")
        else entry
        for entry in collection.entries
    ]
    unreadable = [replace(file, path=write_name(file.path)) for file in collection.unreadable]
    return replace(
        collection,
        name=write_name(collection.name),
        entries=sorted(entries, key=lambda entry: entry.path),
        unreadable=unreadable,
        notes=[write_name(note) for note in collection.notes],
    )


def _require_vectors(table: VectorTable) -> VectorTable:
    if len(table.vectors) == 0:
        raise DataError(f"there are no vectors in {table.name}.")
    return table
