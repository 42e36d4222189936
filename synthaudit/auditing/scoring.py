"""The one route of an audit: two sides, to vectors, to measures, to an ``Audit``."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from synthaudit.auditing.artefacts import Artefacts, Workbench, harmonised, inspect_artefacts
from synthaudit.auditing.assembling import EmbeddedSide, Origin, assemble
from synthaudit.auditing.keeping import keep_the_best
from synthaudit.auditing.measuring import Measurement, measure
from synthaudit.embedding.cache import VectorCache, default_folder
from synthaudit.embedding.choice import choose_embedder
from synthaudit.errors import DataError
from synthaudit.images.collection import Collection, Unreadable
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
    sources = open_source(real), open_source(synthetic)
    match sources:
        case Collection() as first, Collection() as second:
            return _score_images(first, second, options, listener)
        case VectorTable() as first, VectorTable() as second:
            return _score_vectors(first, second, options, listener)
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
    first = _name_rows("real", real, real_classes)
    second = _name_rows("synthetic", synthetic, synthetic_classes)
    return _score_vectors(first, second, options, progress or NoProgress())


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


def _score_images(
    real: Collection, synthetic: Collection, settings: Settings, progress: Progress
) -> Audit:
    for note in (*real.notes, *synthetic.notes):
        LOGGER.info("%s", note)
    embedder = choose_embedder(settings)
    collections, recipe = (real, synthetic), None
    if settings.harmonise:
        collections, recipe = harmonised(
            collections, workers=settings.workers, max_pixels=settings.max_pixels
        )
    cache = VectorCache((settings.cache or default_folder()) if settings.use_cache else None)
    bench = Workbench(embedder=embedder, cache=cache, settings=settings, progress=progress)
    origin = Origin(
        embedder=embedder.name,
        fingerprint=_short(f"{embedder.fingerprint}|{embedder.frame.describe()}"),
        device=embedder.device,
        recipe=None if recipe is None else asdict(recipe),
    )
    try:
        first, second = (
            _embed(side, collection, bench)
            for side, collection in zip(("real", "synthetic"), collections, strict=True)
        )
        return _audit(first, second, origin, settings, progress, bench=bench)
    finally:
        cache.close()


def _embed(side: str, collection: Collection, bench: Workbench) -> EmbeddedSide:
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
        digest=_short("\n".join(contents)),
        readable=replace(collection, entries=entries, unreadable=()),
    )


def _score_vectors(
    real: VectorTable, synthetic: VectorTable, settings: Settings, progress: Progress
) -> Audit:
    widths = real.vectors.shape[1], synthetic.vectors.shape[1]
    if widths[0] != widths[1]:
        raise DataError(
            f"both sides should have vectors of one length, but the real ones have {widths[0]} "
            f"numbers and the synthetic ones {widths[1]}: embed both with the same model."
        )
    sides = [
        _keep_usable(side, table, settings.max_unreadable)
        for side, table in (("real", real), ("synthetic", synthetic))
    ]
    origin = Origin(embedder="vectors", fingerprint=f"vectors/{widths[0]}", device="cpu")
    return _audit(sides[0], sides[1], origin, settings, progress)


def _keep_usable(side: str, table: VectorTable, max_unreadable: float) -> EmbeddedSide:
    """Leave out rows that have no direction, as unreadable images are."""
    finite = np.isfinite(table.vectors).all(axis=1)
    usable = finite & (np.abs(table.vectors) > 0).any(axis=1)
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
    kept = np.flatnonzero(usable)
    vectors = table.vectors[kept]
    paths, labels = [table.paths[row] for row in kept], [table.labels[row] for row in kept]
    digest = hashlib.sha256(vectors.astype("<f8").tobytes()).hexdigest()
    return EmbeddedSide(
        name=side,
        root=Path(table.name),
        vectors=vectors,
        paths=paths,
        labels=labels,
        unreadable=unreadable,
        digest=_short("\n".join([digest, *paths])),
    )


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


def _audit(
    real: EmbeddedSide,
    synthetic: EmbeddedSide,
    origin: Origin,
    settings: Settings,
    progress: Progress,
    *,
    bench: Workbench | None = None,
) -> Audit:
    sides = (real, synthetic)
    vectors = np.concatenate([side.vectors for side in sides])
    is_synthetic = np.arange(len(vectors)) >= len(real.vectors)
    labels = np.array([*real.labels, *synthetic.labels], dtype=object)
    found = measure(vectors, is_synthetic, labels, settings, progress)
    files = _inspect(sides, vectors, is_synthetic, found, bench)
    keeping = None
    if settings.keep:
        keeping = keep_the_best(
            vectors, is_synthetic, labels, found, settings=settings, progress=progress
        )
    return assemble(
        real, synthetic, found=found, files=files, keeping=keeping, origin=origin, settings=settings
    )


def _inspect(
    sides: tuple[EmbeddedSide, EmbeddedSide],
    vectors: npt.NDArray[np.floating[Any]],
    is_synthetic: npt.NDArray[np.bool_],
    found: Measurement,
    bench: Workbench | None,
) -> Artefacts | None:
    first, second = sides[0].readable, sides[1].readable
    if bench is None or first is None or second is None or found.fold_group is None:
        return None
    if bench.settings.quick or not found.detection.assignments:
        return None
    return inspect_artefacts(
        (first, second),
        vectors,
        is_synthetic,
        found.fold_group,
        detector_auc=found.detection.auc,
        bench=bench,
    )


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
