"""A cluster of two workers that the tests start themselves; one of them is killed midway."""

from __future__ import annotations

import gc
import json
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import synthaudit
from synthaudit.auditing.scoring import score_embeddings
from synthaudit.embedding.builtin import BuiltinEmbedder
from synthaudit.errors import UsageError
from synthaudit.images.folders import open_folder
from synthaudit.progress import NoProgress
from synthaudit.settings import Settings
from tests.pictures import encoded, picture

ray: Any = pytest.importorskip("ray")
pytestmark = [
    # Ray's own, of files and processes that it leaves to the system.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]
MEMORY = 150_000_000


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    made = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": MEMORY}
    )
    made.second = made.add_node(num_cpus=1, object_store_memory=MEMORY)
    ray.init(address=made.address, log_to_driver=False, logging_level=40)
    yield made
    ray.shutdown()
    made.shutdown()
    # What Ray leaves open is to be noticed here, not in a test to come.
    del made
    gc.collect()


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("sides")
    for side, offset in (("real", 0), ("synthetic", 5000)):
        for number in range(60):
            folder = root / side / ("cat" if number % 2 else "dog")
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{number:03d}.png").write_bytes(encoded(picture(offset + number)))
    for number in range(4):
        shutil.copy(root / "real" / "dog" / "000.png", root / "synthetic" / f"copy {number}.png")
    (root / "synthetic" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    return root / "real", root / "synthetic"


@pytest.mark.parametrize("as_url", [False, True])
def test_a_cluster_gives_the_same_scores(
    cluster: Any, sides: tuple[Path, Path], as_url: bool
) -> None:
    assert ray.cluster_resources()["CPU"] == 2
    given = [side.as_uri() if as_url else side for side in sides]
    options: dict[str, Any] = {"embedder": "builtin", "quick": True, "use_cache": False}
    there = synthaudit.score(*given, engine="ray", **options)
    here = synthaudit.score(*sides, **options)
    assert json.dumps(there.to_dict()) == json.dumps(here.to_dict())
    assert there.images.equals(here.images)
    assert list(there.unreadable["path"]) == ["broken.png"]
    assert there.counts["synthetic"] == 64


def test_search_in_parts_finds_the_same(cluster: Any) -> None:
    generator = np.random.default_rng(0)
    real = generator.standard_normal((4100, 24)).astype(np.float32)
    synthetic = generator.standard_normal((4000, 24)).astype(np.float32)
    synthetic[:50] = real[:50] + 1e-3
    there = score_embeddings(real, synthetic, quick=True, engine="ray")
    here = score_embeddings(real, synthetic, quick=True)
    assert json.dumps(there.to_dict()) == json.dumps(here.to_dict())
    assert there.images.equals(here.images)


def test_a_worker_that_dies_is_replaced_and_nothing_counts_twice(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from synthaudit.distributing import embedding

    for number in range(120):
        (tmp_path / f"{number:03d}.png").write_bytes(encoded(picture(number, 300)))
    monkeypatch.setattr(embedding, "_SHARD", 6)
    seen: list[int] = []
    killed = threading.Event()

    class Watch(NoProgress):
        def advance(self, count: int) -> None:
            seen.append(count)
            if len(seen) == 1:
                # The second machine goes, with whatever it was at.
                threading.Thread(target=kill).start()

    def kill() -> None:
        cluster.remove_node(cluster.second, allow_graceful=False)
        killed.set()

    collection = open_folder(tmp_path, "images")
    found = embedding.extract_on_ray(
        collection, BuiltinEmbedder.dimension, Settings(embedder="builtin"), progress=Watch()
    )
    assert killed.wait(60)
    deadline = time.monotonic() + 60
    while ray.cluster_resources().get("CPU", 0) > 1 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert ray.cluster_resources()["CPU"] == 1
    assert list(found.kept) == list(range(120))
    assert len(found.digests) == 120
    from synthaudit.embedding.cache import VectorCache
    from synthaudit.embedding.extraction import extract

    alone = extract(
        collection,
        BuiltinEmbedder(),
        VectorCache(None),
        workers=1,
        max_pixels=10**9,
        progress=NoProgress(),
    )
    assert np.array_equal(found.vectors, alone.vectors)
    assert list(found.digests) == list(alone.digests)


def test_without_a_cluster_one_sentence_says_so(
    sides: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from synthaudit.distributing import connecting

    def refuse(**_: object) -> None:
        raise ConnectionError("Could not find any running Ray instance")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", refuse)
    with pytest.raises(UsageError, match="ray start --head"):
        connecting.connect()
