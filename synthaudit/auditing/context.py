"""What reading and embedding need, and the three things that are read off images."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from synthaudit.arrays import Singles
from synthaudit.backends.ray_embedding import Identity, extract_on_ray, identify_on_ray
from synthaudit.embedding.cache import VectorCache, cache_folder
from synthaudit.embedding.cache_index import Extraction, full_fingerprint
from synthaudit.embedding.choice import choose_embedder
from synthaudit.embedding.extraction import extract
from synthaudit.embedding.file_reader import HASH_READER, TRAIT_READER, FileReader
from synthaudit.embedding.protocol import Embedder
from synthaudit.images.collection import Collection
from synthaudit.images.perceptual_hash import FRAMINGS
from synthaudit.progress import Progress
from synthaudit.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Workbench:
    """An embedder, the cache of what it has made, and the conditions of the work.

    ``there`` is the embedder as the workers of a cluster have it; None without a cluster.
    """

    embedder: Embedder
    cache: VectorCache
    settings: Settings
    progress: Progress
    there: Identity | None = None

    @property
    def identity(self) -> Identity:
        """Of whoever embeds the images."""
        return self.there or _identity(self.embedder)

    def extract(self, collection: Collection) -> Extraction:
        """Embed a collection."""
        return self._extract(collection, self.embedder)

    def read_traits(self, collection: Collection) -> Singles:
        """(n, len(TRAITS)) traits of a collection's files, one row a readable one."""
        return self._read(collection, TRAIT_READER).vectors

    def read_patterns(self, collection: Collection) -> Singles:
        """(n, FRAMINGS, HASH_LENGTH) perceptual hashes, one row a readable file."""
        hashes = self._read(collection, HASH_READER).vectors
        return hashes.reshape(len(hashes), FRAMINGS, -1)

    def _read(self, collection: Collection, reader: FileReader) -> Extraction:
        stage = f"reading {reader.name} of"
        return self._extract(collection, reader, reader=reader, stage=stage)

    def _extract(
        self,
        collection: Collection,
        embedder: Embedder,
        *,
        reader: FileReader | None = None,
        stage: str = "embedding",
    ) -> Extraction:
        if self.settings.engine == "ray":
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
            embedder,
            self.cache,
            workers=self.settings.workers,
            max_pixels=self.settings.max_pixels,
            progress=self.progress,
            work=None if reader is None else reader.work,
            stage=stage,
        )


def _identity(embedder: Embedder) -> Identity:
    return Identity(
        fingerprint=full_fingerprint(embedder),
        dimension=embedder.dimension,
        device=embedder.device,
    )


@contextmanager
def set_up(settings: Settings, progress: Progress) -> Iterator[Workbench]:
    """A workbench: the embedder is loaded, here and on the cluster if there is one.

    Raises:
        EmbedderError: the embedder or its weights cannot be had.
    """
    embedder = choose_embedder(settings)
    there = None
    if settings.engine == "ray":
        there = identify_on_ray(settings.model_copy(update={"embedder": embedder.name}))
    cache = VectorCache(cache_folder(settings) if settings.use_cache else None)
    try:
        yield Workbench(
            embedder=embedder, cache=cache, settings=settings, progress=progress, there=there
        )
    finally:
        cache.close()
