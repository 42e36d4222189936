"""The two sides of an audit after embedding, and which of their images can be used."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from synthaudit.arrays import Integers, Vectors
from synthaudit.auditing.context import Workbench
from synthaudit.errors import DataError
from synthaudit.images.collection import Collection, Unreadable
from synthaudit.images.vectors import VectorTable
from synthaudit.measures.blocks import Allocate, blocks
from synthaudit.measures.search.clusters import row_digests

_BLOCK: Final = 65_536


@dataclass(frozen=True, kw_only=True)
class EmbeddedSide:
    """One side after embedding: (n, d) vectors, their paths and classes, and what was lost.

    ``readable`` are the files of the n images; ``position`` (n,) their places in the order in which
    they were given, None for just that order.
    """

    name: str
    root: Path
    vectors: Vectors
    paths: Sequence[str]
    labels: Sequence[str | None]
    unreadable: Sequence[Unreadable]
    digest: str
    readable: Collection | None = None
    position: Integers | None = None


def embed(side: str, collection: Collection, bench: Workbench) -> EmbeddedSide:
    """Embed a collection.

    Raises:
        DataError: more of it is unreadable than the settings allow.
    """
    extraction = bench.extract(collection)
    entries = [collection.entries[position] for position in extraction.kept]
    total = len(collection.entries) + len(collection.unreadable)
    limit = bench.settings.max_unreadable
    _refuse_too_many_unreadable(side, extraction.unreadable, total, limit)
    contents = [
        f"{entry.path}\0{digest.hex()}"
        for entry, digest in zip(entries, extraction.digests, strict=True)
    ]
    return EmbeddedSide(
        name=side,
        root=collection.root,
        vectors=extraction.vectors,
        paths=[entry.path for entry in entries],
        labels=[entry.label for entry in entries],
        unreadable=extraction.unreadable,
        digest=short_digest("\n".join(contents)),
        readable=replace(collection, entries=entries, unreadable=()),
    )


def keep_usable(
    side: str, table: VectorTable, max_unreadable: float, allocate: Allocate
) -> EmbeddedSide:
    """Leave out rows that have no direction, as unreadable images are.

    Raises:
        DataError: more of them have none than the settings allow.
    """
    finite, usable = (np.empty(len(table.vectors), bool) for _ in range(2))
    for block in blocks(len(finite), _BLOCK):
        rows = table.vectors[block]
        finite[block] = np.isfinite(rows).all(axis=1)
        usable[block] = finite[block] & (rows != 0).any(axis=1)
    unreadable = [
        Unreadable(
            path=table.paths[row],
            reason="the vector is zero and has no direction"
            if finite[row]
            else "the vector has values that are not finite numbers",
        )
        for row in np.flatnonzero(~usable)
    ]
    _refuse_too_many_unreadable(side, unreadable, len(usable), max_unreadable)
    kept = _by_content(table, np.flatnonzero(usable))
    vectors = allocate((len(kept), table.vectors.shape[1]), table.vectors.dtype.type)
    for block in blocks(len(kept), _BLOCK):
        vectors[block] = table.vectors[kept[block]]
    paths, labels = [table.paths[row] for row in kept], [table.labels[row] for row in kept]
    content = hashlib.sha256()
    for block in blocks(len(vectors), _BLOCK):
        content.update(vectors[block].astype("<f8").tobytes())
    return EmbeddedSide(
        name=side,
        root=Path(table.name),
        vectors=vectors,
        paths=paths,
        labels=labels,
        unreadable=unreadable,
        digest=short_digest("\n".join([content.hexdigest(), *paths])),
        position=kept,
    )


def join(
    sides: list[EmbeddedSide], allocate: Allocate
) -> tuple[EmbeddedSide, EmbeddedSide, Vectors]:
    """Both sides' vectors as one array, of which the sides are then parts.

    The list is emptied: nobody is to hold the vectors twice.
    """
    second, first = sides.pop(), sides.pop()
    count = len(first.vectors)
    shape = (count + len(second.vectors), first.vectors.shape[1])
    vectors = allocate(shape, np.result_type(first.vectors, second.vectors).type)
    vectors[:count], vectors[count:] = first.vectors, second.vectors
    return (
        replace(first, vectors=vectors[:count]),
        replace(second, vectors=vectors[count:]),
        vectors,
    )


def _by_content(table: VectorTable, rows: Integers) -> Integers:
    """Rows in an order that does not depend on theirs, so that shuffling them changes no score."""
    content = row_digests(table.vectors, rows)
    labels = np.array([str(table.labels[row]) for row in rows], dtype=str)
    by_label = np.argsort(labels, kind="stable")
    return np.asarray(rows[by_label[np.argsort(content[by_label], kind="stable")]], np.int64)


def _refuse_too_many_unreadable(
    side: str, unreadable: Sequence[Unreadable], total: int, limit: float
) -> None:
    count = len(unreadable)
    if count == 0 or (count / total <= limit and count < total):
        return
    examples = "; ".join(f"{entry.path}: {entry.reason}" for entry in unreadable[:3])
    raise DataError(
        f"{count:,} of {total:,} {side} images are unreadable, more than the {limit:.0%} that "
        f"--max-unreadable allows ({examples}): mend or remove them."
    )


def short_digest(text: str) -> str:
    """A fingerprint of a text, for provenance."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]
