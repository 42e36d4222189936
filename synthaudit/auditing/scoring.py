"""The one route of an audit: two sides, to vectors, to measures, to an ``Audit``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from typing import Any

import numpy.typing as npt

from synthaudit.auditing.allocation import Room
from synthaudit.auditing.artefacts import harmonised
from synthaudit.auditing.assembling import Origin, assemble
from synthaudit.auditing.context import Workbench, set_up
from synthaudit.auditing.engine import make_room, start_engine
from synthaudit.auditing.finding import find
from synthaudit.auditing.sides import EmbeddedSide, embed, join, keep_usable, short_digest
from synthaudit.errors import DataError
from synthaudit.images.collection import Collection
from synthaudit.images.opening import Source, open_source, refuse_overlap
from synthaudit.images.vectors import VectorTable, make_table
from synthaudit.progress import LOGGER, NoProgress, Progress
from synthaudit.result.audit import Audit
from synthaudit.settings import Settings, make_settings


def score(
    real: Source, synthetic: Source, *, progress: Progress | None = None, **settings: Any
) -> Audit:
    """Audit a synthetic image set against a real one.

    Args:
        real: folder, manifest, tar shards or vectors of the real side.
        synthetic: the same for the synthetic side.
        progress: told of the work as it goes.
        settings: the fields of ``Settings``.

    Returns:
        ``Audit``.

    Raises:
        UsageError, SettingsError: the call is wrong.
        DataError: the data cannot be audited.
        EmbedderError: the embedder or its weights cannot be had.
    """
    options = make_settings(settings)
    listener = progress or NoProgress()
    refuse_overlap(real, synthetic)
    sources = [open_source(real), open_source(synthetic)]
    match sources:
        case [Collection() as first, Collection() as second]:
            return score_collections(first, second, options, listener)
        case [VectorTable(), VectorTable()]:
            tables = [source for source in sources if isinstance(source, VectorTable)]
            sources.clear()
            return _score_vectors(tables, options, listener)
    raise DataError(
        f"{real} and {synthetic} should be of one kind, but only one of them holds ready vectors: "
        "give images on both sides, or vectors of the same embedder."
    )


def score_embeddings(
    real: npt.ArrayLike,
    synthetic: npt.ArrayLike,
    *,
    real_classes: Sequence[str] | None = None,
    synthetic_classes: Sequence[str] | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> Audit:
    """Audit embeddings that you already have.

    Args:
        real: (N, d) vectors of the real images.
        synthetic: (M, d) vectors of the synthetic ones, by the same embedder.
        real_classes: N class names, for scores by class.
        synthetic_classes: M class names.
        progress: told of the work as it goes.
        settings: the fields of ``Settings``.

    Returns:
        ``Audit``, in which images are called by their row number.

    Raises:
        SettingsError: a setting is wrong.
        DataError: shapes do not fit, or there are too few usable rows.
    """
    options = make_settings(settings)
    tables = [
        _name_rows("real", real, real_classes),
        _name_rows("synthetic", synthetic, synthetic_classes),
    ]
    return _score_vectors(tables, options, progress or NoProgress())


def _name_rows(side: str, array: npt.ArrayLike, classes: Sequence[str] | None) -> VectorTable:
    table = make_table(array, side)
    if len(table.vectors) == 0:
        raise DataError(f"there are no {side} vectors.")
    if classes is None:
        return table
    if len(classes) != len(table.vectors):
        raise DataError(
            f"{side}_classes should name {len(table.vectors)} rows, not {len(classes)}."
        )
    return replace(table, labels=[str(name) for name in classes])


def score_collections(
    real: Collection, synthetic: Collection, settings: Settings, progress: Progress
) -> Audit:
    """Audit two collections of images, as ``score`` does.

    Raises:
        DataError: the data cannot be audited.
        EmbedderError: the embedder or its weights cannot be had.
    """
    for note in (*real.notes, *synthetic.notes):
        LOGGER.info("%s", note)
    collections, recipe = (real, synthetic), None
    with set_up(settings, progress) as bench:
        if settings.harmonise:
            collections, recipe = harmonised(
                collections, workers=settings.workers, max_pixels=settings.max_pixels
            )
        origin = Origin(
            embedder=bench.embedder.name,
            fingerprint=short_digest(bench.identity.fingerprint),
            device=bench.identity.device,
            recipe=None if recipe is None else asdict(recipe),
        )
        sides = [
            embed(side, collection, bench)
            for side, collection in zip(("real", "synthetic"), collections, strict=True)
        ]
        return _audit(
            sides,
            origin,
            room=make_room(settings),
            settings=settings,
            progress=progress,
            bench=bench,
        )


def _score_vectors(tables: list[VectorTable], settings: Settings, progress: Progress) -> Audit:
    """Audit vectors; the list is emptied, for they may fill half the memory."""
    widths = [table.vectors.shape[1] for table in tables]
    if widths[0] != widths[1]:
        raise DataError(
            f"both sides should have vectors of one length, but the real ones have {widths[0]} "
            f"numbers and the synthetic ones {widths[1]}: embed both with the same model."
        )
    room = make_room(settings)
    sides = [
        keep_usable(side, tables.pop(0), settings.max_unreadable, room.allocate)
        for side in ("real", "synthetic")
    ]
    origin = Origin(embedder="vectors", fingerprint=f"vectors/{widths[0]}", device="cpu")
    return _audit(sides, origin, room=room, settings=settings, progress=progress, bench=None)


def _audit(
    sides: list[EmbeddedSide],
    origin: Origin,
    *,
    room: Room,
    settings: Settings,
    progress: Progress,
    bench: Workbench | None,
) -> Audit:
    """Both sides' vectors to an ``Audit``; the list is emptied."""
    first, second, vectors = join(sides, room.allocate)
    decisive = [
        version("synthaudit"),
        origin.fingerprint,
        first.digest,
        second.digest,
        settings.deciding(),
    ]
    engine = start_engine(
        settings, room=room, rows=len(vectors), key=short_digest(json.dumps(decisive))
    )
    findings = find(
        first, second, vectors, settings=settings, progress=progress, bench=bench, engine=engine
    )
    audit = assemble(first, second, findings, origin=origin, settings=settings)
    if engine.checkpoint is not None:
        engine.checkpoint.discard()
    return audit
