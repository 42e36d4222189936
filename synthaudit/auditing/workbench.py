"""What reading and embedding need, and the three things that are read off images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synthaudit.distributing.embedding import extract_on_ray
from synthaudit.embedding.cache import VectorCache, default_folder
from synthaudit.embedding.extraction import Extraction, extract
from synthaudit.embedding.file_reader import HASH_READER, TRAIT_READER, FileReader
from synthaudit.embedding.protocol import Embedder
from synthaudit.images.collection import Collection
from synthaudit.images.perceptual_hash import FRAMINGS
from synthaudit.progress import Progress
from synthaudit.settings import Settings


def open_cache(settings: Settings) -> VectorCache:
    """The vector cache that the settings ask for; it has to be closed."""
    return VectorCache((settings.cache or default_folder()) if settings.use_cache else None)


@dataclass(frozen=True, kw_only=True)
class Workbench:
    """An embedder, the cache of what it has made, and the conditions of the work."""

    embedder: Embedder
    cache: VectorCache
    settings: Settings
    progress: Progress

    def extract(self, collection: Collection) -> Extraction:
        """Embed a collection."""
        return self._extract(collection, self.embedder)

    def read_traits(self, collection: Collection) -> npt.NDArray[np.float32]:
        """(n, len(TRAITS)) traits of a collection's files, one row a readable one."""
        return self._read(collection, TRAIT_READER).vectors

    def read_patterns(self, collection: Collection) -> npt.NDArray[np.float32]:
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
                embedder.dimension,
                self.settings,
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
