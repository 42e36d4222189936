"""The one route of an audit: two sides, to vectors, to measures, to an ``Audit``."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from synthaudit.embedding.cache import VectorCache, default_folder
from synthaudit.embedding.choice import choose_embedder
from synthaudit.embedding.extraction import extract
from synthaudit.embedding.protocol import Embedder
from synthaudit.errors import DataError
from synthaudit.images.collection import Collection, Unreadable
from synthaudit.images.opening import Source, open_source, refuse_overlap
from synthaudit.images.vectors import VectorTable, make_table
from synthaudit.measures.scores import SCORE_NAMES
from synthaudit.measuring import Measurement, measure
from synthaudit.progress import LOGGER, NoProgress, Progress
from synthaudit.result.audit import Audit, ClassScores, Score
from synthaudit.result.tables import image_table, pair_table, unreadable_table
from synthaudit.settings import Settings, make_settings

_VERSIONED: Final = ("synthaudit", "numpy", "scipy", "pillow")


@dataclass(frozen=True, kw_only=True)
class EmbeddedSide:
    """One side after embedding: (n, d) vectors, their paths and classes, and what was lost."""

    name: str
    root: Path
    vectors: npt.NDArray[np.floating[Any]]
    paths: Sequence[str]
    labels: Sequence[str | None]
    unreadable: Sequence[Unreadable]
    digest: str


@dataclass(frozen=True, kw_only=True)
class _Origin:
    """Where the vectors come from, for the provenance."""

    embedder: str
    fingerprint: str
    device: str


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
    cache = VectorCache((settings.cache or default_folder()) if settings.use_cache else None)
    try:
        first, second = (
            _embed(side, collection, settings, embedder=embedder, cache=cache, progress=progress)
            for side, collection in (("real", real), ("synthetic", synthetic))
        )
    finally:
        cache.close()
    origin = _Origin(
        embedder=embedder.name,
        fingerprint=_short(f"{embedder.fingerprint}|{embedder.frame.describe()}"),
        device=embedder.device,
    )
    return _audit(first, second, origin, settings, progress)


def _embed(
    side: str,
    collection: Collection,
    settings: Settings,
    *,
    embedder: Embedder,
    cache: VectorCache,
    progress: Progress,
) -> EmbeddedSide:
    extraction = extract(
        collection,
        embedder,
        cache,
        workers=settings.workers,
        max_pixels=settings.max_pixels,
        progress=progress,
    )
    entries = [collection.entries[position] for position in extraction.kept]
    total = len(collection.entries) + len(collection.unreadable)
    _refuse_too_many_unreadable(side, extraction.unreadable, total, settings.max_unreadable)
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
    origin = _Origin(embedder="vectors", fingerprint=f"vectors/{widths[0]}", device="cpu")
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
    origin: _Origin,
    settings: Settings,
    progress: Progress,
) -> Audit:
    sides = (real, synthetic)
    vectors = np.concatenate([side.vectors for side in sides])
    is_synthetic = np.arange(len(vectors)) >= len(real.vectors)
    labels = np.array([*real.labels, *synthetic.labels], dtype=object)
    found = measure(vectors, is_synthetic, labels, settings, progress)
    paths = np.array([*real.paths, *synthetic.paths], dtype=object)
    names = np.where(is_synthetic, "synthetic", "real").astype(object)
    unreadable = [(lost.path, side.name, lost.reason) for side in sides for lost in side.unreadable]
    return Audit(
        **{name: _score(found, name) for name in SCORE_NAMES},
        counts={
            "real": len(real.vectors),
            "synthetic": len(synthetic.vectors),
            "unreadable": len(unreadable),
            "classes": len(found.classes),
        },
        detector={
            "auc": found.detection.auc,
            "accuracy": found.detection.accuracy,
            **_detector_p_value(found),
            "undetermined_real": int((found.detection.undetermined & ~is_synthetic).sum()),
            "undetermined_synthetic": int((found.detection.undetermined & is_synthetic).sum()),
        },
        duplicates=found.duplicate_summary,
        supporting={}
        if found.support is None
        else {name: vars(measure) for name, measure in found.support.measures.items()},
        missed=_missed(found, paths),
        classes={
            name: ClassScores(
                **vars(scores),
                real=int(((labels == name) & ~is_synthetic).sum()),
                synthetic=int(((labels == name) & is_synthetic).sum()),
            )
            for name, scores in found.classes.items()
        },
        images=_images(found, paths, names, labels),
        pairs=pair_table(
            paths,
            names,
            first=found.pairs.first,
            second=found.pairs.second,
            distance=found.pairs.distance,
        ),
        unreadable=unreadable_table(unreadable),
        notes=found.notes,
        provenance={
            "synthaudit": version("synthaudit"),
            "embedder": origin.embedder,
            "fingerprint": origin.fingerprint,
            "definition": settings.definition,
            "seed": settings.seed,
            "settings": settings.deciding(),
            "real_digest": real.digest,
            "synthetic_digest": synthetic.digest,
            "versions": _versions(origin),
            "device": origin.device,
        },
        roots={side.name: side.root for side in sides},
    )


def _score(found: Measurement, name: str) -> Score:
    certainty = found.certainty
    value, chance = float(vars(found.scores)[name]), found.chance[name]
    if certainty is None:
        return Score(value=value, chance=chance)
    interval = certainty.intervals[name]
    return Score(
        value=value,
        chance=chance,
        low=interval.low,
        high=interval.high,
        null=certainty.null[name],
        p_value=certainty.p_values[name],
        floor=None if certainty.floor is None else float(vars(certainty.floor)[name]),
    )


def _missed(found: Measurement, paths: npt.NDArray[np.object_]) -> list[dict[str, Any]]:
    if found.support is None:
        return []
    return [
        {
            "size": kind.size,
            "examples": [str(paths[row]) for row in kind.rows],
            "classes": dict(kind.classes),
        }
        for kind in found.support.missed
    ]


def _detector_p_value(found: Measurement) -> dict[str, float | None]:
    return {} if found.certainty is None else {"p_value": found.certainty.p_values["auc"]}


def _images(
    found: Measurement,
    paths: npt.NDArray[np.object_],
    names: npt.NDArray[np.object_],
    labels: npt.NDArray[np.object_],
) -> Any:
    return image_table(
        paths=paths,
        sides=names,
        labels=labels,
        nearest={
            side: (near.index[:, 0], near.distance[:, 0]) for side, near in found.nearest.items()
        },
        cluster=found.cluster,
        columns={
            "label_quality": found.detection.label_quality,
            "probability_synthetic": found.detection.probability_synthetic,
            "is_unvaried": found.is_unvaried,
            "is_unoriginal": found.is_unoriginal,
            "uncoveredness": np.full(len(paths), np.nan)
            if found.support is None
            else found.support.uncoveredness,
        },
    )


def _versions(origin: _Origin) -> dict[str, str]:
    import faiss

    versions = {name: version(name) for name in _VERSIONED}
    versions |= {"faiss": faiss.__version__, "python": platform.python_version()}
    if origin.embedder.startswith(("clip", "timm")):
        names = ("torch", "open_clip_torch" if origin.embedder.startswith("clip") else "timm")
        versions |= {name: version(name) for name in names}
    return versions


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
