"""Images to vectors: read once, look in the cache, decode in parallel, encode in batches."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np

from synthaudit.arrays import Singles
from synthaudit.embedding.cache import VectorCache
from synthaudit.embedding.cache_index import CacheIndex, Extraction, full_fingerprint, key_of
from synthaudit.embedding.protocol import AsynchronousEmbedder, Embedder, FileEmbedder
from synthaudit.embedding.verification import blame_embedder, verify_vectors
from synthaudit.images.collection import Collection, Stamp
from synthaudit.images.decoding import Pixels
from synthaudit.images.decoding_pool import CHUNK_IMAGES, DecodedChunk, DecodingPool
from synthaudit.progress import Progress

_CHUNK_BYTES: Final = 16_000_000
_READERS: Final = 4
# Batches that a GPU may have before it, while the next one is made ready.
_AHEAD: Final = 1

Vectors = Singles


def extract(
    collection: Collection,
    embedder: Embedder,
    cache: VectorCache,
    *,
    workers: int | None,
    max_pixels: int,
    progress: Progress,
    stage: str = "embedding",
) -> Extraction:
    """Embed every image of a collection.

    A file whose path, size and time are known is not read; content that is known is not decoded;
    identical files are decoded once. What cannot be read or decoded is listed, not raised.

    Args:
        collection: the images.
        embedder: the embedder.
        cache: where vectors are looked up and kept.
        workers: decoding processes, None for one a core; changes no number.
        max_pixels: larger images are refused.
        progress: told of every image.
        stage: what the progress calls it.

    Returns:
        ``Extraction``.
    """
    work = embedder.work if isinstance(embedder, FileEmbedder) else None
    pool = DecodingPool(embedder.frame, workers=workers, max_pixels=max_pixels, work=work)
    progress.start(f"{stage} {collection.name}", len(collection.entries))
    key = key_of(full_fingerprint(embedder), max_pixels)
    known = CacheIndex(cache, key, embedder.dimension)
    return _Run(collection, embedder, known, pool, progress).finish()


@dataclass(frozen=True, kw_only=True)
class _ReadFile:
    position: int
    data: bytes
    digest: bytes
    stamp: Stamp | None
    error: str | None = None


class _Run:
    """The state of one extraction: what is known of each digest, and what is on its way."""

    def __init__(
        self,
        collection: Collection,
        embedder: Embedder,
        known: CacheIndex,
        pool: DecodingPool,
        progress: Progress,
    ) -> None:
        self.collection, self.embedder = collection, embedder
        self.pool, self.progress = pool, progress
        self.known, self.cache = known, known.cache
        self.on_the_way: set[bytes] = set()
        self.decoding: deque[tuple[Future[DecodedChunk], list[bytes], list[bytes]]] = deque()
        self.waiting: list[tuple[bytes, Pixels]] = []
        self.computing: deque[tuple[list[bytes], Callable[[], Vectors]]] = deque()

    def finish(self) -> Extraction:
        entries = self.collection.entries
        unknown = self.known.recall_by_stamp(entries)
        self.progress.advance(len(entries) - len(unknown))
        for files in self._read(unknown):
            self._take(files)
            while len(self.decoding) > 2 * self.pool.workers:
                self._collect()
        while self.decoding:
            self._collect()
        self._encode(everything=True)
        return self.known.result(self.collection)

    def _read(self, positions: Sequence[int]) -> Iterator[list[_ReadFile]]:
        """Chunks of files, read by threads a little ahead of the decoding, in order."""
        ahead = CHUNK_IMAGES * 2
        with ThreadPoolExecutor(_READERS, thread_name_prefix="synthaudit-read") as readers:
            pending: deque[Future[_ReadFile]] = deque()
            chunk: list[_ReadFile] = []
            size = 0
            todo = iter(positions)
            while True:
                while len(pending) < ahead and (position := next(todo, None)) is not None:
                    pending.append(readers.submit(self._read_one, position))
                if not pending:
                    break
                file = pending.popleft().result()
                chunk.append(file)
                size += len(file.data)
                if len(chunk) >= CHUNK_IMAGES or size >= _CHUNK_BYTES:
                    yield chunk
                    chunk, size = [], 0
            if chunk:
                yield chunk

    def _read_one(self, position: int) -> _ReadFile:
        location = self.collection.entries[position].location
        stamp = location.stamp()
        try:
            data = location.read()
        except OSError as error:
            reason = f"it cannot be read: {(error.strerror or str(error)).lower()}"
            return _ReadFile(position=position, data=b"", digest=b"", stamp=None, error=reason)
        digest = hashlib.sha256(data).digest()
        return _ReadFile(position=position, data=data, digest=digest, stamp=stamp)

    def _take(self, files: Sequence[_ReadFile]) -> None:
        """Note the digests of a chunk and send on what is not known yet."""
        readable = [file for file in files if file.error is None]
        self.known.unread.update({f.position: f.error for f in files if f.error is not None})
        is_settled = self.known.is_settled
        self.known.recall([file.digest for file in readable if not is_settled(file.digest)])
        fresh: dict[bytes, bytes] = {}
        for file in readable:
            self.known.digest_of[file.position] = file.digest
            if not is_settled(file.digest) and file.digest not in self.on_the_way:
                fresh[file.digest] = file.data
        self.cache.remember_files([(f.stamp, f.digest) for f in readable if f.stamp is not None])
        self.progress.advance(len(files) - len(fresh))
        if fresh:
            self.on_the_way.update(fresh)
            data = list(fresh.values())
            self.decoding.append((self.pool.submit(data), data, list(fresh)))

    def _collect(self) -> None:
        """Wait for the oldest chunk of pixels, and encode once a batch is full."""
        future, data, digests = self.decoding.popleft()
        chunk = self.pool.collect(future, data)
        pixels = iter(chunk.pixels)
        lasting: dict[bytes, str] = {}
        for digest, failure in zip(digests, chunk.failures, strict=True):
            if failure is None:
                self.waiting.append((digest, next(pixels)))
                continue
            self.known.failures[digest] = failure.reason
            if failure.is_lasting:
                lasting[digest] = failure.reason
        self.cache.remember_failures(lasting, self.known.fingerprint)
        self.progress.advance(len(digests) - len(chunk.pixels))
        self._encode(everything=False)

    def _encode(self, *, everything: bool) -> None:
        size = self.embedder.batch_size
        while len(self.waiting) >= size or (everything and self.waiting):
            batch, self.waiting = self.waiting[:size], self.waiting[size:]
            self.computing.append(([digest for digest, _ in batch], self._begin(batch)))
            while len(self.computing) > _AHEAD:
                self._remember()
        while everything and self.computing:
            self._remember()

    def _begin(self, batch: Sequence[tuple[bytes, Pixels]]) -> Callable[[], Vectors]:
        pixels = np.stack([pixels for _, pixels in batch])
        if isinstance(self.embedder, AsynchronousEmbedder):
            with blame_embedder(self.embedder):
                return self.embedder.begin(pixels)
        with blame_embedder(self.embedder):
            vectors = self.embedder.encode(pixels)
        return lambda: vectors

    def _remember(self) -> None:
        """Wait for the oldest batch of vectors, and keep it."""
        digests, finish = self.computing.popleft()
        with blame_embedder(self.embedder):
            vectors = verify_vectors(finish(), self.embedder, len(digests))
        self.known.learn(dict(zip(digests, vectors, strict=True)))
        self.progress.advance(len(digests))
