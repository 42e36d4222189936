"""Audits: from two sources to samples, along the route, to an ``Audit``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Unpack

import numpy as np
import numpy.typing as npt

from synthaudit.auditing.allocation import Allocator
from synthaudit.auditing.assembly import Origin, assemble
from synthaudit.auditing.context import Context
from synthaudit.auditing.engine import make_allocator, start_engine
from synthaudit.auditing.harmonising import harmonised
from synthaudit.auditing.image_reader import ImageReader, SampleImages, open_reader
from synthaudit.auditing.route import check_measures, choose_steps
from synthaudit.auditing.several import joined, take_embedders
from synthaudit.auditing.sources import (
    Sources,
    having_direction,
    read_images,
    read_vectors,
    short_digest,
)
from synthaudit.auditing.step import Step, walk
from synthaudit.auditing.steps.text_space import check_text_settings
from synthaudit.errors import DataError, SettingsError
from synthaudit.images.collection import Collection
from synthaudit.images.embedded_records import with_embedded_records
from synthaudit.images.opening import Source, open_source, refuse_overlap
from synthaudit.images.vectors import VectorTable, make_table
from synthaudit.images.web import WebAccess
from synthaudit.options import Options
from synthaudit.progress import DONE, LOGGER, Progress, listening
from synthaudit.result.audit import Audit
from synthaudit.result.decisions import Decisions, read_decisions_file, without_dropped
from synthaudit.settings import Settings, make_settings
from synthaudit.threads import single_matrix_thread
from synthaudit.version import installed_version


def score(
    real: Source,
    synthetic: Source,
    *,
    settings: Settings | None = None,
    progress: Progress | None = None,
    decisions: str | Path | None = None,
    **options: Unpack[Options],
) -> Audit:
    """Audit a synthetic image set against a real one.

    Args:
        real: folder, manifest, tar shards or vectors of the real side.
        synthetic: the same for the synthetic side.
        settings: options that were made before.
        progress: told of the work as it goes; by default bars in a notebook, elsewhere a line on
            stderr every ten seconds. ``NoProgress()`` is silent.
        decisions: a CSV of ``path,is_kept,reason``, from ``--keep`` or the page of a report: what
            is dropped there is left out, and what a person kept no longer counts as broken or of a
            wrong class.
        options: the fields of ``Settings``, by name; they go before ``settings``. ``embedder`` may
            also be an object with the protocol of embedders, or a pair of a torch module and the
            transform that makes its input of a Pillow image. Of several, as a list or parted by
            commas, the first one's audit comes back with what each says, and with a verdict only
            where they agree.

    Returns:
        ``Audit``.

    Raises:
        UsageError, SettingsError: the call is wrong.
        DataError: the data cannot be audited.
        EmbedderError: the embedder or its weights cannot be had.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np, synthaudit
        >>> from PIL import Image
        >>> folder, rng = Path(tempfile.mkdtemp()), np.random.default_rng(0)
        >>> for side, number in [(side, n) for side in ("real", "synthetic") for n in range(20)]:
        ...     (folder / side).mkdir(exist_ok=True)
        ...     pixels = rng.integers(0, 256, (4, 4, 3), dtype=np.uint8)
        ...     Image.fromarray(pixels).resize((32, 32)).save(folder / side / f"{number}.png")
        >>> audit = synthaudit.score(
        ...     folder / "real",
        ...     folder / "synthetic",
        ...     embedder="builtin",
        ...     quick=True,
        ...     use_cache=False,
        ... )
        >>> audit.counts["real"], audit.unvaried.value
        (20, 0.0)
        >>> audit.write(folder / "audit").name
        'audit'
        >>> synthaudit.write_report(audit, folder / "audit")
        >>> (folder / "audit" / "report.html").is_file()
        True
    """
    embedders = take_embedders(options, settings)
    chosen = make_settings(embedders[0][0], settings)
    check_measures(chosen.measures)
    check_text_settings(chosen)
    refuse_overlap(real, synthetic)
    decided = None if decisions is None else read_decisions_file(decisions)
    access = WebAccess.of(chosen)
    first, second = open_source(real, access), open_source(synthetic, access)
    if isinstance(first, Collection) and isinstance(second, Collection):
        if decided is not None:
            second = without_dropped(second, decided)
        second = with_embedded_records(second)
        audits = []
        with listening(progress) as listener:
            for named, embedder in embedders:
                with open_reader(make_settings(named, settings), listener, embedder) as reader:
                    audits.append(score_collections(first, second, reader, decided))
        return joined(audits)
    if isinstance(first, VectorTable) and isinstance(second, VectorTable):
        _refuse_copy_embedder(chosen)
        if decided is not None:
            raise SettingsError("--decisions are on images, but both sides are ready vectors.")
        allocator = make_allocator(chosen)
        sources = read_vectors(first, second, chosen.max_unreadable, allocator.allocate)
        # They may take as much memory as the samples, and nobody looks at them again.
        del first, second
        with listening(progress) as listener:
            return _score_vectors(sources, chosen, listener, allocator)
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
    settings: Settings | None = None,
    progress: Progress | None = None,
    **options: Unpack[Options],
) -> Audit:
    """Audit embeddings that you already have.

    Args:
        real: (N, d) vectors of the real images.
        synthetic: (M, d) vectors of the synthetic ones, by the same embedder.
        real_classes: N class names, for scores by class.
        synthetic_classes: M class names.
        settings: options that were made before.
        progress: told of the work as it goes; by default bars in a notebook, elsewhere a line on
            stderr every ten seconds. ``NoProgress()`` is silent.
        options: the fields of ``Settings``, by name; they go before ``settings``.

    Returns:
        ``Audit``, in which images are called by their row number.

    Raises:
        SettingsError: a setting is wrong.
        DataError: shapes do not fit, or there are too few usable rows.

    Examples:
        >>> import numpy as np, synthaudit
        >>> real = np.random.default_rng(0).normal(size=(60, 8))
        >>> synthetic = np.random.default_rng(1).normal(size=(60, 8)) + 2.0
        >>> audit = synthaudit.score_embeddings(real, synthetic, quick=True)
        >>> audit.unrealistic.value > 0.9
        True
    """
    chosen = make_settings(dict(options), settings)
    check_measures(chosen.measures)
    _refuse_copy_embedder(chosen)
    allocator = make_allocator(chosen)
    sources = read_vectors(
        _name_rows("real", real, real_classes),
        _name_rows("synthetic", synthetic, synthetic_classes),
        chosen.max_unreadable,
        allocator.allocate,
    )
    with listening(progress) as listener:
        return _score_vectors(sources, chosen, listener, allocator)


def _refuse_copy_embedder(settings: Settings) -> None:
    if settings.copy_embedder is not None:
        raise SettingsError(
            "--copy-embedder looks at images, but both sides are ready vectors: leave it out."
        )


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
    real: Collection,
    synthetic: Collection,
    reader: ImageReader,
    decisions: Decisions | None = None,
    *,
    steps: Sequence[Step] | None = None,
) -> Audit:
    """Audit two collections of images, as ``score`` does.

    Args:
        real: the real images.
        synthetic: the synthetic ones.
        reader: embeds them; its settings are those of the audit.
        decisions: of a person on the synthetic images; those dropped are left out already.
        steps: which to take, in order; those that the settings ask for without.

    Raises:
        DataError: the data cannot be audited.
    """
    settings = reader.settings
    for note in (*real.notes, *synthetic.notes):
        LOGGER.info("%s", note)
    recipe = None
    if settings.harmonise:
        (real, synthetic), recipe = harmonised(
            (real, synthetic), workers=settings.workers, max_pixels=settings.max_pixels
        )
    allocator = make_allocator(settings)
    sources = _for_copies(read_images(real, synthetic, reader, allocator.allocate), reader)
    origin = Origin(
        embedder=reader.embedder.name,
        fingerprint=short_digest(reader.identity.fingerprint),
        device=reader.identity.device,
        recipe=None if recipe is None else asdict(recipe),
        decisions=decisions,
    )
    context = Context(
        settings=settings,
        progress=reader.progress,
        images=_images_of(sources, reader),
        kept=frozenset() if decisions is None else decisions.kept,
    )
    return _audit(sources, origin, context, allocator, steps)


def _for_copies(sources: Sources, reader: ImageReader) -> Sources:
    """With the vectors of the embedder that is asked for near-duplicates, if there is one.

    Raises:
        SettingsError: near-duplicates by Cleanlab's rules have none of their own.
        DataError: it makes no direction of some image.
    """
    settings, images = reader.settings, _images_of(sources, reader)
    if settings.copy_embedder is None or images is None:
        return sources
    if settings.definition != "default":
        raise SettingsError("--copy-embedder is of the default definition: leave one of both out.")
    own = settings.model_copy(update={"embedder": settings.copy_embedder, "copy_embedder": None})
    parts = []
    with open_reader(own, reader.progress) as copier:
        for side in (images.real, images.synthetic):
            found = having_direction(copier.extract(side), side)
            if len(found.kept) < len(side.entries):
                raise DataError(
                    f"{settings.copy_embedder} makes nothing of {found.unreadable[0].path} "
                    f"({found.unreadable[0].reason}): leave it out, or use another --copy-embedder."
                )
            parts.append(found.vectors)
    samples = replace(sources.samples, copy_vectors=np.concatenate(parts))
    return replace(sources, samples=samples)


def _score_vectors(
    sources: Sources, settings: Settings, progress: Progress, allocator: Allocator
) -> Audit:
    width = sources.samples.vectors.shape[1]
    origin = Origin(embedder="vectors", fingerprint=f"vectors/{width}", device="cpu")
    context = Context(settings=settings, progress=progress)
    return _audit(sources, origin, context, allocator)


def _audit(
    sources: Sources,
    origin: Origin,
    context: Context,
    allocator: Allocator,
    steps: Sequence[Step] | None = None,
) -> Audit:
    """Walk the route, and put together what was found."""
    settings = context.settings
    decisive = [
        installed_version(),
        origin.fingerprint,
        sources.real.digest,
        sources.synthetic.digest,
        settings.deciding(),
        sorted(context.kept),
    ]
    engine = start_engine(
        settings,
        allocator=allocator,
        rows=len(sources.samples),
        key=short_digest(json.dumps(decisive)),
    )
    steps = choose_steps(settings) if steps is None else steps
    with single_matrix_thread():
        samples, context = walk(steps, sources.samples, replace(context, engine=engine))
    context.progress.start(DONE, 0)
    scratch = {step.name for step in steps if step.is_scratch}
    audit = assemble(
        sources,
        samples,
        context,
        {name: found for name, found in context.sections.items() if name not in scratch},
        origin,
    )
    if engine.checkpoint is not None:
        engine.checkpoint.discard()
    return audit


def _images_of(sources: Sources, reader: ImageReader) -> SampleImages | None:
    real, synthetic = sources.real.images, sources.synthetic.images
    if real is None or synthetic is None:
        return None
    return SampleImages(reader=reader, real=real, synthetic=synthetic)
