"""Embedding on a Ray cluster: shards of a collection to workers that hold the model."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from synthaudit.distributing.connecting import connect
from synthaudit.embedding.cache import VectorCache
from synthaudit.embedding.extraction import Extraction, extract
from synthaudit.embedding.file_reader import HASH_READER, TRAIT_READER, FileReader
from synthaudit.images.collection import Collection, Unreadable
from synthaudit.progress import NoProgress, Progress
from synthaudit.settings import Settings

_SHARD: Final = 512
_READERS: Final = {reader.name: reader for reader in (HASH_READER, TRAIT_READER)}


def extract_on_ray(
    collection: Collection,
    dimension: int,
    settings: Settings,
    *,
    progress: Progress,
    reader: FileReader | None = None,
    stage: str = "embedding",
) -> Extraction:
    """Embed every image of a collection, as ``extract`` does, on the workers of a cluster.

    Ray Data starts the shards of a worker that dies anew, elsewhere; rows are put together by the
    position of their image, so that none counts twice. Files are read by the workers, which must
    reach them.

    Args:
        collection: the images.
        dimension: of their vectors.
        settings: which embedder; each worker loads it once.
        progress: told of every image.
        reader: what to read off the files instead of embedding them.
        stage: what the progress calls it.

    Raises:
        UsageError: there is no cluster.
    """
    ray = connect()
    entries = collection.entries
    progress.start(f"{stage} {collection.name}", len(entries))
    shards = [
        {"start": start, "entries": pickle.dumps(list(entries[start : start + _SHARD]))}
        for start in range(0, len(entries), _SHARD)
    ]
    vectors = np.zeros((len(entries), dimension), np.float32)
    digests: list[bytes | None] = [None] * len(entries)
    reasons: dict[int, str] = {}
    for row in _run(ray, shards, settings, reader):
        position = int(row["position"])
        if row["reason"]:
            reasons[position] = str(row["reason"])
        elif digests[position] is None:
            digests[position] = bytes(row["digest"])
            vectors[position] = np.frombuffer(row["vector"], np.float32)
        progress.advance(1)
    return _assemble(collection, vectors, digests, reasons)


def _run(
    ray: Any, shards: Sequence[dict[str, Any]], settings: Settings, reader: FileReader | None
) -> Iterator[dict[str, Any]]:
    resources = ray.cluster_resources()
    devices = 0 if reader is not None or settings.device == "cpu" else int(resources.get("GPU", 0))
    workers = devices or int(resources.get("CPU", 1))
    shards_at_once = ray.data.from_items(list(shards), override_num_blocks=max(len(shards), 1))
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    made = shards_at_once.map_batches(
        _Worker,
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(size=max(min(workers, len(shards)), 1)),
        num_gpus=1 if devices else None,
        fn_constructor_kwargs={
            # Workers decode alone, one beside the other, and remember nothing.
            "settings": settings.model_copy(update={"workers": 1, "use_cache": False}),
            "reader": None if reader is None else reader.name,
        },
    )
    yield from made.iter_rows()


class _Worker:
    """Holds a model, and embeds one shard after another."""

    def __init__(self, settings: Settings, reader: str | None) -> None:
        from synthaudit.embedding.choice import choose_embedder

        self._settings = settings
        self._reader = None if reader is None else _READERS[reader]
        self._embedder = self._reader or choose_embedder(settings)

    def __call__(self, batch: dict[str, npt.NDArray[Any]]) -> dict[str, list[Any]]:
        """The shards of a batch to a row an image."""
        rows: dict[str, list[Any]] = {
            name: [] for name in ("position", "digest", "vector", "reason")
        }
        for start, held in zip(batch["start"], batch["entries"], strict=True):
            entries = pickle.loads(held)  # noqa: S301 - what the driver has just pickled
            found = extract(
                Collection(name="a shard", root=Path(), entries=entries),
                self._embedder,
                VectorCache(None),
                workers=1,
                max_pixels=self._settings.max_pixels,
                progress=NoProgress(),
                work=None if self._reader is None else self._reader.work,
            )
            for place, digest, vector in zip(found.kept, found.digests, found.vectors, strict=True):
                _add(rows, int(start) + place, digest, vector.tobytes(), "")
            lost = {entry.path: entry.reason for entry in found.unreadable}
            for place in sorted(set(range(len(entries))) - set(found.kept)):
                _add(rows, int(start) + place, b"", b"", lost[entries[place].path])
        return rows


def _add(rows: dict[str, list[Any]], *values: Any) -> None:
    for name, value in zip(rows, values, strict=True):
        rows[name].append(value)


def _assemble(
    collection: Collection,
    vectors: npt.NDArray[np.float32],
    digests: Sequence[bytes | None],
    reasons: dict[int, str],
) -> Extraction:
    kept = [position for position, digest in enumerate(digests) if digest is not None]
    unreadable = [
        *collection.unreadable,
        *(Unreadable(path=collection.entries[p].path, reason=reasons[p]) for p in sorted(reasons)),
    ]
    return Extraction(
        vectors=vectors[kept],
        kept=kept,
        digests=[digest for digest in digests if digest is not None],
        unreadable=sorted(unreadable, key=lambda entry: entry.path),
        decoded=len(kept),
    )
