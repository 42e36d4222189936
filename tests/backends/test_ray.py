"""A cluster of two workers that the tests start themselves; one of them is killed midway."""

from __future__ import annotations

import gc
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import synthaudit
from synthaudit.auditing.image_reader import open_reader
from synthaudit.auditing.scoring import score_embeddings
from synthaudit.backends import ray_embedding, ray_search
from synthaudit.embedding.builtin import BuiltinEmbedder
from synthaudit.embedding.cache import VectorCache
from synthaudit.embedding.extraction import extract
from synthaudit.errors import EmbedderError, UsageError
from synthaudit.generation.jobs import Job, recipe_digest, recipe_of
from synthaudit.generation.references import References
from synthaudit.generation.verification import make_generator
from synthaudit.images.folders import open_folder
from synthaudit.measures.search import neighbours
from synthaudit.progress import NoProgress
from synthaudit.settings import Settings
from synthaudit.sweeping.engines.ray_actors import RayActors
from synthaudit.sweeping.engines.this_process import ImageSlot, ThisProcess, WorkerPlan
from synthaudit.sweeping.store import Codec, codec_facts
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


def test_a_cluster_gives_the_same_scores(cluster: Any, sides: tuple[Path, Path]) -> None:
    """One side by its path, the other by its URL."""
    assert ray.cluster_resources()["CPU"] == 2
    given = [sides[0], sides[1].as_uri()]
    # Permutations and resamples on the cluster have a test of their own.
    options: dict[str, Any] = {"embedder": "builtin", "quick": True}
    there = synthaudit.score(*given, engine="ray", use_cache=False, **options)
    here = synthaudit.score(*sides, use_cache=False, **options)
    assert json.dumps(there.to_dict()) == json.dumps(here.to_dict())
    assert there.images.equals(here.images)
    assert list(there.unreadable["path"]) == ["broken.png"]
    assert there.counts["synthetic"] == 64


PROGRAM = """
import json, os, random, signal, sys
from pathlib import Path
from PIL import Image
asked, mark = json.load(sys.stdin), Path(sys.argv[1])
if not mark.exists():
    mark.touch()
    os.kill(os.getppid(), signal.SIGKILL)
for job in asked["jobs"]:
    pixels = random.Random(job["seed"]).randbytes(64)
    Image.frombytes("L", (8, 8), pixels).save(f"{asked['folder']}/{job['file']}.png")
"""


def test_images_are_made_on_the_cluster_as_here(
    cluster: Any, sides: tuple[Path, Path], tmp_path: Path
) -> None:
    """One actor dies with its first batch; what other versions would make otherwise is refused."""
    real = open_folder(sides[0], "real")
    plan = WorkerPlan(
        generator="command",
        references=References(real, max_pixels=10**7),
        codec=Codec(format="PNG"),
    )
    options = {"command": [sys.executable, "-c", PROGRAM, str(tmp_path / "died")]}
    jobs = [
        Job(prompt="a dog", subject="dog", number=n, seed=n, options=options) for n in range(12)
    ]
    generator = make_generator("command", plan.references)
    digests = [recipe_digest(recipe_of(job, generator, codec_facts(plan.codec))) for job in jobs]
    slots = [ImageSlot(job=job, digest=name) for job, name in zip(jobs, digests, strict=True)]
    batches = [slots[start : start + 3] for start in range(0, 12, 3)]
    there = {answer[:2]: answer[2].data for answer in RayActors(plan).run(batches)}
    assert (tmp_path / "died").exists()
    here = {answer[:2]: answer[2].data for answer in ThisProcess(generator).run(batches)}
    assert there == here
    assert len(set(here.values())) == 12
    other = [replace(slot, digest="0" * 64) for slot in slots[:3]]
    found = list(RayActors(plan).run([other]))
    assert "other versions of libraries, models or files" in str(found[0][2].error)


def test_permutations_and_resamples_on_the_cluster_are_the_same(cluster: Any) -> None:
    from synthaudit.backends.ray_cross_validation import cross_validate_on_ray
    from synthaudit.measures.detection.assignment import assign
    from synthaudit.measures.detection.cross_validation import cross_validate, in_batches

    rng = np.random.default_rng(0)
    rows, is_synthetic = rng.standard_normal((120, 6)), np.arange(120) >= 60
    rows[is_synthetic, 0] += 1.0
    dealt = [assign(is_synthetic, None, folds=5, rng=rng) for _ in range(40)]
    assert len(list(in_batches(dealt))) == 4
    there = cross_validate_on_ray(rows, dealt, tolerance=1e-3)
    for one, other in zip(there, cross_validate(rows, dealt, tolerance=1e-3), strict=True):
        np.testing.assert_allclose(one.probability, other.probability, rtol=0, atol=1e-12)
        assert np.array_equal(one.inverse_penalties, other.inverse_penalties)


def test_what_the_cluster_has_made_is_remembered(
    cluster: Any, sides: tuple[Path, Path], tmp_path: Path
) -> None:
    settings = Settings(embedder="builtin", engine="ray", cache=tmp_path)
    collection = open_folder(sides[0], "images")
    for file in sides[0].rglob("*.png"):
        os.utime(file, (1e9, 1e9))
    made = []
    for engine in ("ray", "ray", "local"):
        with open_reader(settings.model_copy(update={"engine": engine}), NoProgress()) as reader:
            made.append((reader.extract(collection), reader.look_at(collection)))
    assert [found.decoded for found, _ in made] == [60, 0, 0]
    for found, look in made[1:]:
        assert np.array_equal(found.vectors, made[0][0].vectors)
        assert np.array_equal(look.patterns.values, made[0][1].patterns.values)


def test_workers_that_embed_otherwise_are_refused(cluster: Any, sides: tuple[Path, Path]) -> None:
    settings = Settings(embedder="builtin")
    identity = replace(ray_embedding.identify_on_ray(settings), fingerprint="another model")
    collection = open_folder(sides[0], "images")
    with pytest.raises(EmbedderError, match="make different vectors of builtin"):
        ray_embedding.extract_on_ray(
            collection, identity, settings, VectorCache(None), progress=NoProgress()
        )


def test_what_workers_cannot_load_is_said(cluster: Any) -> None:
    with pytest.raises(EmbedderError, match=r"workers of the Ray cluster cannot load clip:local"):
        ray_embedding.identify_on_ray(Settings(embedder="clip:local-dir:/no/such/folder"))


@pytest.mark.parametrize("exact_up_to", [2e9, 0])
def test_search_by_all_workers_finds_the_same(
    exact_up_to: float, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "_EXACT_PRODUCT", exact_up_to)
    monkeypatch.setattr(ray_search, "_QUERIES", 700)
    rng = np.random.default_rng(0)
    kinds = 4.0 * rng.standard_normal((30, 24))
    sides = kinds[rng.integers(0, 30, (2, 4100))]
    real, synthetic = (sides + rng.standard_normal(sides.shape)).astype(np.float32)
    synthetic[:50] = real[:50] + 1e-3
    there = score_embeddings(real, synthetic, quick=True, use_cache=False, engine="ray")
    here = score_embeddings(real, synthetic, quick=True, use_cache=False)
    assert (here.duplicates["search_recall"] is None) == (exact_up_to > 0)
    assert json.dumps(there.to_dict()) == json.dumps(here.to_dict())
    assert there.images.equals(here.images)


def test_a_worker_that_dies_is_replaced_and_nothing_counts_twice(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(120):
        (tmp_path / f"{number:03d}.png").write_bytes(encoded(picture(number, 300)))
    monkeypatch.setattr(ray_embedding, "_SHARD", 6)
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
    settings = Settings(embedder="builtin")
    found = ray_embedding.extract_on_ray(
        collection,
        ray_embedding.identify_on_ray(settings),
        settings,
        VectorCache(None),
        progress=Watch(),
    )
    assert killed.wait(60)
    deadline = time.monotonic() + 60
    while ray.cluster_resources().get("CPU", 0) > 1 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert ray.cluster_resources()["CPU"] == 1
    assert list(found.kept) == list(range(120))
    assert len(found.digests) == 120
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
    from synthaudit.backends import ray_cluster

    def refuse(**_: object) -> None:
        raise ConnectionError("Could not find any running Ray instance")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", refuse)
    with pytest.raises(UsageError, match="ray start --head"):
        ray_cluster.connect()
