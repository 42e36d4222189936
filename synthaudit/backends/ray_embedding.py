"""Embedding on a Ray cluster: shards of a collection to workers that hold the model."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from synthaudit.arrays import Singles
from synthaudit.backends.ray_cluster import connect
from synthaudit.embedding.cache import VectorCache
from synthaudit.embedding.cache_index import CacheIndex, Extraction, full_fingerprint, key_of
from synthaudit.embedding.extraction import extract
from synthaudit.embedding.protocol import Embedder
from synthaudit.errors import EmbedderError
from synthaudit.images.collection import Collection, Stamp
from synthaudit.measures.blocks import blocks
from synthaudit.progress import NoProgress, Progress
from synthaudit.settings import Settings

_SHARD: Final = 512
_COLUMNS: Final = ("position", "digest", "vector", "reason")
# The position in a row by which a worker says that its vectors are not those that are wanted.
_NOBODY: Final = -1


@dataclass(frozen=True, kw_only=True)
class Identity:
    """The embedder as the workers have loaded it.

    A worker with a GPU computes in another precision than a driver without one, so its vectors are
    others: caches and provenance go by what the workers say.
    """

    fingerprint: str
    dimension: int
    device: str


def identify_on_ray(settings: Settings) -> Identity:
    """Ask a worker what it makes of the settings.

    Args:
        settings: which embedder; ``auto`` has been resolved, or workers might resolve it otherwise.

    Raises:
        UsageError: there is no cluster.
        EmbedderError: the worker cannot load the embedder.
    """
    ray = connect()
    devices = _devices(ray, settings)
    task = ray.remote(_identify).options(num_gpus=1 if devices else None)
    try:
        found: Identity = ray.get(task.remote(_alone(settings)))
    except ray.exceptions.RayTaskError as error:
        raise EmbedderError(
            f"the workers of the Ray cluster cannot load {settings.embedder} ({error.cause}): "
            "install what it needs on them, or choose another embedder."
        ) from None
    return found


def extract_on_ray(
    collection: Collection,
    identity: Identity,
    settings: Settings,
    cache: VectorCache,
    *,
    progress: Progress,
    reader: Embedder | None = None,
    stage: str = "embedding",
) -> Extraction:
    """Embed every image of a collection, as ``extract`` does, on the workers of a cluster.

    What the driver's cache knows is not asked for again. Ray Data starts the shards of a worker
    that dies anew, elsewhere; rows are put together by the position of their image, so that none
    counts twice. Files are read by the workers, which must reach them.

    Args:
        collection: the images.
        identity: of the embedder on the workers, or of the reader.
        settings: which embedder; each worker loads it once.
        cache: the driver's.
        progress: told of every image.
        reader: what to read off the files instead of embedding them; the workers get it whole.
        stage: what the progress calls it.

    Raises:
        UsageError: there is no cluster.
        EmbedderError: a worker embeds otherwise than the one that was asked for its identity.
    """
    ray = connect()
    entries = collection.entries
    progress.start(f"{stage} {collection.name}", len(entries))
    key = key_of(identity.fingerprint, settings.max_pixels)
    known = CacheIndex(cache, key, identity.dimension)
    unknown = known.recall_by_stamp(entries)
    progress.advance(len(entries) - len(unknown))
    shards = []
    for block in blocks(len(unknown), _SHARD):
        own = unknown[block]
        shards.append(
            {"positions": own, "entries": pickle.dumps([entries[position] for position in own])}
        )
    for rows in _run(ray, shards, settings, identity, reader) if shards else ():
        if _NOBODY in rows["position"]:
            raise EmbedderError(
                f"workers of the Ray cluster make different vectors of {settings.embedder}: give "
                "them the same versions and devices, or name --device and --precision."
            )
        _learn(known, rows)
        progress.advance(len(rows["position"]))
    return known.result(collection)


def _learn(known: CacheIndex, rows: Mapping[str, Sequence[Any]]) -> None:
    """Keep what a worker has made, by position, so that a shard that comes twice counts once."""
    fresh: dict[bytes, Singles] = {}
    files: list[tuple[Stamp, bytes]] = []
    for position, digest, vector, reason in zip(*(rows[name] for name in _COLUMNS), strict=True):
        if reason:
            known.unread[position] = str(reason)
            continue
        known.digest_of[position] = content = bytes(digest)
        if not known.is_settled(content):
            fresh[content] = np.frombuffer(vector, np.float32)
        if (stamp := known.stamps[position]) is not None:
            files.append((stamp, content))
    known.learn(fresh)
    known.cache.remember_files(files)


def _devices(ray: Any, settings: Settings) -> int:
    return 0 if settings.device == "cpu" else int(ray.cluster_resources().get("GPU", 0))


def _alone(settings: Settings) -> Settings:
    """Workers decode alone, one beside the other, and remember nothing."""
    return settings.model_copy(update={"workers": 1, "use_cache": False, "engine": "local"})


def _identify(settings: Settings) -> Identity:
    from synthaudit.embedding.choice import choose_embedder

    made = choose_embedder(settings)
    return Identity(
        fingerprint=full_fingerprint(made), dimension=made.dimension, device=made.device
    )


def _run(
    ray: Any,
    shards: Sequence[dict[str, Any]],
    settings: Settings,
    identity: Identity,
    reader: Embedder | None,
) -> Iterator[dict[str, Sequence[Any]]]:
    devices = 0 if reader is not None else _devices(ray, settings)
    workers = devices or int(ray.cluster_resources().get("CPU", 1))
    shards_at_once = ray.data.from_items(list(shards), override_num_blocks=len(shards))
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    made = shards_at_once.map_batches(
        _Worker,
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(size=max(min(workers, len(shards)), 1)),
        num_gpus=1 if devices else None,
        fn_constructor_kwargs={
            "settings": _alone(settings),
            "reader": reader,
            "fingerprint": identity.fingerprint,
        },
    )
    for batch in made.iter_batches(batch_size=_SHARD, batch_format="pyarrow"):
        yield batch.to_pydict()


class _Worker:
    """Holds a model, and embeds one shard after another."""

    def __init__(self, settings: Settings, reader: Embedder | None, fingerprint: str) -> None:
        from synthaudit.embedding.choice import choose_embedder

        self._settings = settings
        self._embedder = reader or choose_embedder(settings)
        self._is_other = full_fingerprint(self._embedder) != fingerprint

    def __call__(self, batch: dict[str, npt.NDArray[Any]]) -> dict[str, list[Any]]:
        """The shards of a batch to a row an image."""
        rows: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
        if self._is_other:
            _add(rows, _NOBODY, b"", b"", "")
            return rows
        for positions, held in zip(batch["positions"], batch["entries"], strict=True):
            entries = pickle.loads(held)  # noqa: S301 - what the driver has just pickled
            found = extract(
                Collection(name="a shard", root=Path(), entries=entries),
                self._embedder,
                VectorCache(None),
                workers=1,
                max_pixels=self._settings.max_pixels,
                progress=NoProgress(),
            )
            for place, digest, vector in zip(found.kept, found.digests, found.vectors, strict=True):
                _add(rows, int(positions[place]), digest, vector.tobytes(), "")
            lost = {entry.path: entry.reason for entry in found.unreadable}
            for place in sorted(set(range(len(entries))) - set(found.kept)):
                _add(rows, int(positions[place]), b"", b"", lost[entries[place].path])
        return rows


def _add(rows: dict[str, list[Any]], *values: Any) -> None:
    for name, value in zip(rows, values, strict=True):
        rows[name].append(value)
