"""Buckets: an S3 server that the tests start themselves serves sources and takes results."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import synthaudit as package
from synthaudit.errors import UsageError
from synthaudit.images.collection import Collection
from synthaudit.images.opening import open_source
from synthaudit.images.vectors import VectorTable
from tests.conftest import Run
from tests.pictures import encoded, picture

pytest.importorskip("s3fs")
pytest.importorskip("moto")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    made = ThreadedMotoServer(port=0, verbose=False)
    made.start()
    host, port = made.get_host_and_port()
    yield f"http://{host}:{port}"
    made.stop()


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An empty bucket, reached as a user reaches one: by the settings of the environment."""
    import s3fs

    for name, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    files = s3fs.S3FileSystem()
    files.mkdir("s3://images")
    yield files
    files.rm("s3://images", recursive=True)
    s3fs.S3FileSystem.clear_instance_cache()


def fill(bucket: Any, name: str, offset: int) -> None:
    for number in range(24):
        folder = "cat" if number % 2 else "dog"
        bucket.pipe(f"s3://images/{name}/{folder}/{number}.png", encoded(picture(offset + number)))


def test_an_audit_from_a_bucket_to_a_bucket(bucket: Any, tmp_path: Path, synthaudit: Run) -> None:
    fill(bucket, "real", 0)
    fill(bucket, "synthetic", 1000)
    for side in ("real", "synthetic"):
        bucket.get(f"s3://images/{side}", str(tmp_path / side), recursive=True)
    options = ["--embedder", "builtin", "--quick", "--quiet"]
    sides = [f"s3://images/{side}" for side in ("real", "synthetic")]
    done = synthaudit("score", *sides, *options, "--out", "s3://images/result")
    assert done.returncode == 0, done.stderr
    done = synthaudit("score", *[tmp_path / side for side in ("real", "synthetic")], *options,
                      "--out", tmp_path / "result")  # fmt: skip
    assert done.returncode == 0, done.stderr
    there = json.loads(bucket.cat("s3://images/result/scores.json"))
    assert there == json.loads((tmp_path / "result" / "scores.json").read_text())
    names = {name.rpartition("/")[2] for name in bucket.ls("s3://images/result")}
    assert names == {file.name for file in (tmp_path / "result").iterdir()}


def test_every_kind_of_source(bucket: Any, tmp_path: Path) -> None:
    images = {f"{number}.png": encoded(picture(number)) for number in range(4)}
    for shard, members in (("a-0.tar", list(images)[:2]), ("a-1.tar", list(images)[2:])):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for name in members:
                member = tarfile.TarInfo(name)
                member.size = len(images[name])
                archive.addfile(member, io.BytesIO(images[name]))
        bucket.pipe(f"s3://images/{shard}", buffer.getvalue())
    for name, data in images.items():
        bucket.pipe(f"s3://images/plain/{name}", data)
    listed = pd.DataFrame({"path": [*images, "gone.png"], "class": list("abaab")})
    bucket.pipe("s3://images/plain/list.csv", listed.to_csv(index=False).encode())
    vectors = np.random.default_rng(0).standard_normal((5, 3))
    buffer = io.BytesIO()
    np.save(buffer, vectors)
    bucket.pipe("s3://images/vectors.npy", buffer.getvalue())
    table = pd.DataFrame({"embedding": list(vectors), "path": list("abcde")})
    bucket.pipe("s3://images/vectors.parquet", table.to_parquet())

    shards, manifest = open_source("s3://images/a-*.tar"), open_source("s3://images/plain/list.csv")
    assert isinstance(shards, Collection)
    assert isinstance(manifest, Collection)
    assert [entry.location.read() for entry in shards.entries] == list(images.values())
    assert [entry.path for entry in manifest.entries] == sorted([*images, "gone.png"])
    assert manifest.entries[0].location.read() == images["0.png"]
    with pytest.raises(OSError, match=r"gone\.png"):
        manifest.entries[-1].location.read()
    for name in ("vectors.npy", "vectors.parquet"):
        found = open_source(f"s3://images/{name}")
        assert isinstance(found, VectorTable)
        np.testing.assert_allclose(found.vectors, vectors, rtol=1e-6)


def test_a_manifest_here_of_images_there(bucket: Any, tmp_path: Path) -> None:
    fill(bucket, "real", 0)
    fill(bucket, "synthetic", 1000)
    for side in ("real", "synthetic"):
        urls = [f"s3://{name}" for name in bucket.find(f"s3://images/{side}")]
        pd.DataFrame({"path": urls}).to_csv(tmp_path / f"{side}.csv", index=False)
    found = package.score(
        tmp_path / "real.csv", tmp_path / "synthetic.csv", embedder="builtin", quick=True
    )
    assert found.counts["real"] == found.counts["synthetic"] == 24
    assert found.images["path"].str.startswith("s3://images/").all()


def test_no_such_bucket(bucket: Any) -> None:
    with pytest.raises(UsageError, match=r"does not exist|cannot be listed"):
        open_source("s3://elsewhere/real")
    with pytest.raises(UsageError, match=r"does not exist"):
        open_source("s3://images/nothing-*.tar")
