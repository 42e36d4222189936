"""What is known of the contents of a collection: recalled from the cache, or made since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synthaudit.arrays import Singles
from synthaudit.embedding.cache import Vector, VectorCache
from synthaudit.embedding.protocol import Embedder
from synthaudit.images.collection import Collection, ImageEntry, Stamp, Unreadable
from synthaudit.images.decoding import DEFAULT_MAX_PIXELS


@dataclass(frozen=True, kw_only=True)
class Extraction:
    """The vectors of one collection.

    Attributes:
        vectors: (n, d) float32, a row for each readable image, in the collection's order.
        kept: the n positions in the collection that were readable.
        digests: the n SHA-256 content digests.
        unreadable: what was not, with reasons.
        decoded: how many images were decoded; the rest came from the cache or were copies.
    """

    vectors: Singles
    kept: Sequence[int]
    digests: Sequence[bytes]
    unreadable: Sequence[Unreadable]
    decoded: int


def full_fingerprint(embedder: Embedder) -> str:
    """Of everything that decides a vector, what the frame does to an image included."""
    return f"{embedder.fingerprint}|{embedder.frame.describe()}"


def key_of(fingerprint: str, max_pixels: int) -> str:
    """What the vectors of an audit are remembered by: no limit of one is passed by in another."""
    is_usual = max_pixels == DEFAULT_MAX_PIXELS
    return fingerprint if is_usual else f"{fingerprint}|up to {max_pixels} pixels"


class CacheIndex:
    """Digests by position, and vectors or reasons for failure by digest.

    Args:
        cache: where more of them are looked up.
        fingerprint: of the embedder, in full, and what else decides; see ``key_of``.
        dimension: of its vectors.
    """

    def __init__(self, cache: VectorCache, fingerprint: str, dimension: int) -> None:
        self.cache, self.fingerprint, self.dimension = cache, fingerprint, dimension
        self.stamps: list[Stamp | None] = []
        self.digest_of: dict[int, bytes] = {}
        self.vectors: dict[bytes, Vector] = {}
        self.failures: dict[bytes, str] = {}
        self.unread: dict[int, str] = {}
        self.decoded = 0

    def recall_by_stamp(self, entries: Sequence[ImageEntry]) -> list[int]:
        """Positions whose content the cache does not know from path, size and time."""
        self.stamps = [entry.location.stamp() for entry in entries]
        known = self.cache.digests(stamp for stamp in self.stamps if stamp is not None)
        for position, stamp in enumerate(self.stamps):
            if stamp is not None and stamp.place in known:
                self.digest_of[position] = known[stamp.place]
        self.recall(list(self.digest_of.values()))
        unknown = []
        for position in range(len(entries)):
            if not self.is_settled(self.digest_of.get(position)):
                self.digest_of.pop(position, None)
                unknown.append(position)
        return unknown

    def recall(self, digests: Sequence[bytes]) -> None:
        """Look contents up in the cache."""
        vectors, failures = self.cache.recall(digests, self.fingerprint, self.dimension)
        self.vectors.update(vectors)
        self.failures.update(failures)

    def is_settled(self, digest: bytes | None) -> bool:
        """Whether the vector of a content, or that it has none, is known."""
        return digest in self.vectors or digest in self.failures

    def learn(self, fresh: dict[bytes, Vector]) -> None:
        """Keep vectors that have just been made."""
        self.vectors.update(fresh)
        self.cache.remember_vectors(fresh, self.fingerprint)
        self.decoded += len(fresh)

    def result(self, collection: Collection) -> Extraction:
        """Everything, in the collection's order."""
        unreadable = list(collection.unreadable)
        kept: list[int] = []
        for position, entry in enumerate(collection.entries):
            digest = self.digest_of.get(position)
            if digest is not None and digest in self.vectors:
                kept.append(position)
                continue
            reason = self.unread.get(position) or self.failures[digest or b""]
            unreadable.append(Unreadable(path=entry.path, reason=reason))
        digests = [self.digest_of[position] for position in kept]
        vectors = np.empty((len(kept), self.dimension), np.float32)
        for row, digest in enumerate(digests):
            vectors[row] = self.vectors[digest]
        return Extraction(
            vectors=vectors,
            kept=kept,
            digests=digests,
            unreadable=sorted(unreadable, key=lambda entry: entry.path),
            decoded=self.decoded,
        )
