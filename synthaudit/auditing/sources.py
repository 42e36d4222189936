"""From two sources to samples: what can be used of them, and where it came from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from synthaudit.arrays import Flags, Integers, Vectors
from synthaudit.auditing.image_reader import ImageReader
from synthaudit.embedding.cache_index import Extraction
from synthaudit.errors import DataError
from synthaudit.images.collection import Collection, Unreadable
from synthaudit.images.vectors import VectorTable
from synthaudit.measures.blocks import Allocate, blocks
from synthaudit.measures.samples import Samples
from synthaudit.measures.search.clusters import row_digests

_BLOCK: Final = 65_536
_MAGNITUDES: Final = (1e-18, 1e18)


@dataclass(frozen=True, kw_only=True)
class Side:
    """Where the samples of one side came from, and what was lost on the way.

    Attributes:
        name: ``real`` or ``synthetic``.
        root: what their paths start from.
        count: how many samples there are.
        digest: of their contents and names.
        unreadable: what could not be used, with reasons.
        images: the files of the samples, in their order; None for ready vectors.
        position: (count,) places in the order in which they were given; None for just that order.
    """

    name: str
    root: Path
    count: int
    digest: str
    unreadable: Sequence[Unreadable]
    images: Collection | None = None
    position: Integers | None = None


@dataclass(frozen=True, kw_only=True)
class Sources:
    """The samples of an audit, real ones first, and the two sides that they came from."""

    samples: Samples
    real: Side
    synthetic: Side

    @property
    def sides(self) -> tuple[Side, Side]:
        """Both."""
        return self.real, self.synthetic


def read_images(
    real: Collection, synthetic: Collection, reader: ImageReader, allocate: Allocate
) -> Sources:
    """Embed two collections.

    Raises:
        DataError: more of one is unreadable than the settings allow.
    """
    sides, parts = [], []
    for name, collection in (("real", real), ("synthetic", synthetic)):
        found = having_direction(reader.extract(collection), collection)
        total = len(collection.entries) + len(collection.unreadable)
        limit = reader.settings.max_unreadable
        refuse_too_many_unreadable(name, found.unreadable, total, limit)
        entries = [collection.entries[position] for position in found.kept]
        contents = [
            f"{entry.path}\0{digest.hex()}"
            for entry, digest in zip(entries, found.digests, strict=True)
        ]
        parts.append(found.vectors)
        sides.append(
            Side(
                name=name,
                root=collection.root,
                count=len(entries),
                digest=short_digest("\n".join(contents)),
                unreadable=found.unreadable,
                images=replace(collection, entries=entries, unreadable=()),
            )
        )
    count = len(parts[0])
    vectors = allocate((count + len(parts[1]), parts[0].shape[1]), np.float32)
    vectors[:count], vectors[count:] = parts
    read = [entry for side in sides if side.images for entry in side.images.entries]
    look = None
    if reader.settings.definition == "default":
        look = reader.look_at(*(side.images for side in sides if side.images))
    return Sources(
        samples=Samples.of(
            vectors,
            np.arange(len(vectors)) >= count,
            classes=_names([entry.label for entry in read]),
            paths=_names([entry.path for entry in read]),
            patterns=None if look is None else look.patterns,
            appearance=None if look is None else look.appearance,
        ),
        real=sides[0],
        synthetic=sides[1],
    )


def having_direction(found: Extraction, collection: Collection) -> Extraction:
    """Without the images of which the embedder made no direction, which are then unreadable."""
    finite, usable = _finite_and_usable(found.vectors)
    if usable.all():
        return found
    paths = [collection.entries[position].path for position in found.kept]
    rows = np.flatnonzero(usable).tolist()
    lost = _without_direction(paths, found.vectors, finite, usable)
    return replace(
        found,
        vectors=found.vectors[rows],
        kept=[found.kept[row] for row in rows],
        digests=[found.digests[row] for row in rows],
        unreadable=sorted([*found.unreadable, *lost], key=lambda entry: entry.path),
    )


def read_vectors(
    real: VectorTable, synthetic: VectorTable, max_unreadable: float, allocate: Allocate
) -> Sources:
    """Two tables of ready vectors, the rows of each in an order that does not depend on theirs.

    Raises:
        DataError: the tables do not fit each other, or more rows have no direction than are
            allowed.
    """
    tables = (real, synthetic)
    widths = [table.vectors.shape[1] for table in tables]
    if widths[0] != widths[1]:
        raise DataError(
            f"both sides should have vectors of one length, but the real ones have {widths[0]} "
            f"numbers and the synthetic ones {widths[1]}: embed both with the same model."
        )
    usable = [
        _refuse_useless(name, table, max_unreadable)
        for name, table in zip(("real", "synthetic"), tables, strict=True)
    ]
    kept = [_by_content(table, rows) for table, (rows, _) in zip(tables, usable, strict=True)]
    count, total = len(kept[0]), len(kept[0]) + len(kept[1])
    dtype = np.result_type(real.vectors, synthetic.vectors).type
    # Both go straight to their place: nobody holds the vectors twice.
    vectors = allocate((total, widths[0]), dtype)
    paths, classes, sides = [], [], []
    for name, table, rows, (_, unreadable), place in zip(
        ("real", "synthetic"),
        tables,
        kept,
        usable,
        (vectors[:count], vectors[count:]),
        strict=True,
    ):
        content = hashlib.sha256()
        for block in blocks(len(rows), _BLOCK):
            taken = table.vectors[rows[block]]
            place[block] = taken
            content.update(taken.astype("<f8").tobytes())
        own = [table.paths[row] for row in rows]
        paths += own
        classes += [table.labels[row] for row in rows]
        sides.append(
            Side(
                name=name,
                root=Path(table.name),
                count=len(rows),
                digest=short_digest("\n".join([content.hexdigest(), *own])),
                unreadable=unreadable,
                position=rows,
            )
        )
    samples = Samples.of(
        vectors, np.arange(total) >= count, classes=_names(classes), paths=_names(paths)
    )
    return Sources(samples=samples, real=sides[0], synthetic=sides[1])


def _refuse_useless(
    side: str, table: VectorTable, max_unreadable: float
) -> tuple[Integers, list[Unreadable]]:
    """Rows that have a direction, and why the others have none."""
    finite, usable = (np.empty(len(table.vectors), bool) for _ in range(2))
    for block in blocks(len(finite), _BLOCK):
        rows = table.vectors[block]
        finite[block], usable[block] = _finite_and_usable(rows)
    unreadable = _without_direction(table.paths, table.vectors, finite, usable)
    refuse_too_many_unreadable(side, unreadable, len(usable), max_unreadable)
    return np.flatnonzero(usable), unreadable


def _finite_and_usable(rows: Vectors) -> tuple[Flags, Flags]:
    """(n,) rows of finite numbers, and those of them that have a direction.

    Of numbers beyond ``_MAGNITUDES``, which no embedder makes, products leave what numbers can be.
    """
    finite = np.asarray(np.isfinite(rows).all(axis=1), bool)
    largest = np.abs(np.where(finite[:, None], rows, 0)).max(axis=1, initial=0.0)
    return finite, finite & (largest >= _MAGNITUDES[0]) & (largest <= _MAGNITUDES[1])


def _without_direction(
    paths: Sequence[str], rows: Vectors, finite: Flags, usable: Flags
) -> list[Unreadable]:
    return [
        Unreadable(
            path=paths[row],
            reason=_why_useless(rows[row], is_finite=bool(finite[row])),
        )
        for row in np.flatnonzero(~usable).tolist()
    ]


def _why_useless(vector: Vectors, *, is_finite: bool) -> str:
    if not is_finite:
        return "the vector has values that are not finite numbers"
    if not vector.any():
        return "the vector is zero and has no direction"
    low, high = _MAGNITUDES
    return f"the largest number of the vector is not within {low:g} and {high:g}: scale the vectors"


def _by_content(table: VectorTable, rows: Integers) -> Integers:
    """Rows in an order that does not depend on theirs, so that shuffling them changes no score."""
    content = row_digests(table.vectors, rows)
    labels = np.array([str(table.labels[row]) for row in rows], dtype=str)
    by_label = np.argsort(labels, kind="stable")
    return np.asarray(rows[by_label[np.argsort(content[by_label], kind="stable")]], np.int64)


def refuse_too_many_unreadable(
    side: str, unreadable: Sequence[Unreadable], total: int, limit: float
) -> None:
    """Refuse a side of which more is unreadable than the settings allow.

    Raises:
        DataError: with examples.
    """
    count = len(unreadable)
    if count == 0 or (count / total <= limit and count < total):
        return
    examples = "; ".join(f"{entry.path}: {entry.reason}" for entry in unreadable[:3])
    raise DataError(
        f"{count:,} of {total:,} {side} images are unreadable, more than the {limit:.0%} that "
        f"--max-unreadable allows ({examples}): mend or remove them."
    )


def _names(values: Sequence[str | None]) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    names = np.empty(len(values), dtype=object)
    names[:] = values
    return names


def short_digest(text: str) -> str:
    """A fingerprint of a text, for provenance."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]
