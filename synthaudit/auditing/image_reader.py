"""Images to numbers: an embedder, the cache of what it made, and what else is read off files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from synthaudit.arrays import Floats, Integers, Singles
from synthaudit.backends.ray_embedding import Identity, extract_on_ray, identify_on_ray
from synthaudit.embedding.cache import VectorCache, cache_folder
from synthaudit.embedding.cache_index import Extraction, full_fingerprint
from synthaudit.embedding.choice import choose_embedder
from synthaudit.embedding.extraction import extract
from synthaudit.embedding.file_reader import PICTURE_READER, TRAIT_READER
from synthaudit.embedding.protocol import Embedder
from synthaudit.images.collection import Collection
from synthaudit.images.perceptual_hash import COMPARISONS, FRAMINGS, POSES
from synthaudit.images.pictures import PATTERN_NUMBERS
from synthaudit.measures.copies.patterns import Patterns
from synthaudit.progress import Progress
from synthaudit.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Look:
    """What is read off n pictures: patterns of light, and (n, f) figures of their appearance."""

    patterns: Patterns
    appearance: Floats


@dataclass(frozen=True, kw_only=True)
class ImageReader:
    """Embeds collections and reads further numbers off their files.

    Attributes:
        embedder: makes the vectors.
        cache: of all numbers that were made.
        settings: of the audit.
        progress: told of the work as it goes.
        on_workers: the embedder as the workers of a cluster have it; None without a cluster.
    """

    embedder: Embedder
    cache: VectorCache
    settings: Settings
    progress: Progress
    on_workers: Identity | None = None

    @property
    def identity(self) -> Identity:
        """Of whoever embeds the images."""
        return self.on_workers or _identity(self.embedder)

    def extract(self, collection: Collection) -> Extraction:
        """Embed a collection."""
        return self._extract(collection, None, "embedding")

    def read(self, collection: Collection, reader: Embedder) -> Singles:
        """(n, reader.dimension) further numbers of a collection's files, a row a readable one."""
        return self._extract(collection, reader, f"reading {reader.name} of").vectors

    def look_at(self, *collections: Collection) -> Look | None:
        """Patterns and appearance of all files of some collections; None where one has vanished."""
        numbers = np.concatenate([self.read(own, PICTURE_READER) for own in collections])
        if len(numbers) != sum(len(own.entries) for own in collections):
            return None
        hashes, appearance = np.split(numbers, [PATTERN_NUMBERS], axis=1)
        values = hashes.astype(np.float16).reshape(len(hashes), FRAMINGS, -1)
        return Look(
            patterns=Patterns(values=values, comparisons=COMPARISONS, poses=POSES),
            appearance=appearance.astype(np.float64),
        )

    def _extract(self, collection: Collection, reader: Embedder | None, stage: str) -> Extraction:
        if self.settings.engine == "ray":
            # Workers load a named embedder themselves; whatever else there is they are given.
            if reader is None and self.on_workers is None:
                reader = self.embedder
            return extract_on_ray(
                collection,
                self.identity if reader is None else _identity(reader),
                self.settings.model_copy(update={"embedder": self.embedder.name}),
                self.cache,
                progress=self.progress,
                reader=reader,
                stage=stage,
            )
        return extract(
            collection,
            reader or self.embedder,
            self.cache,
            workers=self.settings.workers,
            max_pixels=self.settings.max_pixels,
            progress=self.progress,
            stage=stage,
        )


@dataclass(frozen=True, kw_only=True)
class SampleImages:
    """The files of an audit's samples, and what reads them.

    Attributes:
        reader: reads them.
        real: the readable real images, in the order of the samples.
        synthetic: the readable synthetic ones, which follow them.
    """

    reader: ImageReader
    real: Collection
    synthetic: Collection

    def take(self, real: Integers, synthetic: Integers) -> Self:
        """Some of the samples, by their rows among all of them."""
        parts = (self.real, real), (self.synthetic, synthetic - len(self.real.entries))
        first, second = (
            replace(side, entries=[side.entries[row] for row in rows]) for side, rows in parts
        )
        return replace(self, real=first, synthetic=second)

    def read(self, reader: Embedder) -> Singles | None:
        """(n, reader.dimension) numbers of all samples; None where a file has vanished since."""
        joined = np.concatenate(
            [self.reader.read(side, reader) for side in (self.real, self.synthetic)]
        )
        expected = len(self.real.entries) + len(self.synthetic.entries)
        return joined if len(joined) == expected else None

    def vectors(self) -> Singles | None:
        """(n, d) of all samples by the reader's own embedder; None where a file has vanished."""
        return self.read(self.reader.embedder)

    def traits(self) -> Singles | None:
        """(n, len(TRAITS)) traits of all files; None where one has vanished since."""
        return self.read(TRAIT_READER)


def _identity(embedder: Embedder) -> Identity:
    return Identity(
        fingerprint=full_fingerprint(embedder),
        dimension=embedder.dimension,
        device=embedder.device,
    )


@contextmanager
def open_reader(
    settings: Settings, progress: Progress, embedder: Embedder | None = None
) -> Iterator[ImageReader]:
    """An image reader: the embedder is loaded, here and on the cluster if there is one.

    Args:
        settings: which embedder, and where it works.
        progress: told of the work.
        embedder: one that is there already, instead.

    Raises:
        EmbedderError: the embedder or its weights cannot be had.
    """
    chosen = embedder or choose_embedder(settings)
    on_workers = None
    if settings.engine == "ray" and embedder is None:
        on_workers = identify_on_ray(settings.model_copy(update={"embedder": chosen.name}))
    cache = VectorCache(cache_folder(settings) if settings.use_cache else None)
    try:
        yield ImageReader(
            embedder=chosen,
            cache=cache,
            settings=settings,
            progress=progress,
            on_workers=on_workers,
        )
    finally:
        cache.close()
