"""The cache made smaller: the oldest first, never under an audit, and no score changes."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path

import numpy as np
import pytest

import synthaudit as package
from synthaudit.embedding.cache import FILE_NAME, UNFINISHED, VectorCache
from synthaudit.embedding.cache_pruning import parse_size, prune, state_of
from synthaudit.errors import UsageError
from tests.conftest import Run


def filled(folder: Path, count: int, start: int = 0) -> Path:
    cache = VectorCache(folder)
    for first in range(start, start + count, 50):
        vectors = {
            f"{number:032d}".encode(): np.full(256, number, np.float32)
            for number in range(first, min(first + 50, start + count))
        }
        cache.remember_vectors(vectors, "some")
    cache.close()
    return folder


def test_the_oldest_go_first(tmp_path: Path) -> None:
    folder = filled(tmp_path / "cache", 3000)
    before = state_of(folder)
    assert before.vectors == 3000
    after = prune(folder, before.size // 2)
    assert after.size <= before.size // 2
    assert after.vectors is not None
    assert 1000 < after.vectors < 1600
    cache = VectorCache(folder)
    digests = [f"{number:032d}".encode() for number in range(3000)]
    kept, _ = cache.recall(digests, "some", 256)
    assert sorted(kept) == digests[-after.vectors :]
    cache.close()


def test_a_size_that_it_has_costs_nothing(tmp_path: Path) -> None:
    folder = filled(tmp_path / "cache", 100)
    before = state_of(folder)
    assert prune(folder, before.size) == before
    assert prune(tmp_path / "none", 0).size == 0
    assert not (tmp_path / "none").exists()


def test_nothing_is_left_of_nothing(tmp_path: Path) -> None:
    folder = filled(tmp_path / "cache", 100)
    (folder / f"{FILE_NAME}.damaged-1").write_bytes(b"x" * 1000)
    for number, name in enumerate(("old", "new")):
        place = folder / UNFINISHED / name
        place.mkdir(parents=True)
        (place / "search.npz").write_bytes(b"x" * 1000)
        os.utime(place, (number, number))
    whole = prune(folder, 10**9)
    assert (whole.vectors, whole.unfinished) == (100, 2)
    assert not list(folder.glob("*.damaged-*"))
    assert prune(folder, 1500).unfinished == 1
    assert (folder / UNFINISHED / "new").is_dir()
    assert state_of(folder).vectors == 0
    assert prune(folder, 0).size == 0


def test_a_damaged_cache_is_removed(tmp_path: Path, synthaudit: Run) -> None:
    folder = tmp_path / "cache"
    folder.mkdir()
    (folder / FILE_NAME).write_bytes(b"no database " * 100)
    said = synthaudit("cache", "--cache", folder)
    assert said.returncode == 0
    assert "damaged or busy" in said.stdout
    assert prune(folder, 500).size == 0


def test_never_under_an_audit(tmp_path: Path, synthaudit: Run) -> None:
    folder = filled(tmp_path / "cache", 100)
    audit = VectorCache(folder)
    done = synthaudit("cache", "--size", "0", "--cache", folder)
    assert done.returncode == 2
    assert done.stderr.startswith("error: an audit is using the cache")
    assert len(done.stderr.splitlines()) == 1
    assert state_of(folder).vectors == 100
    other = VectorCache(folder)  # audits share it
    assert len(other.recall([b"0" * 32], "some", 256)[0]) == 1
    other.close()
    audit.close()
    assert synthaudit("cache", "--size", "0", "--cache", folder).returncode == 0


def test_a_cache_that_is_busy_keeps_its_vectors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As under a version that knows no lock."""
    monkeypatch.setattr("synthaudit.embedding.cache_pruning._BUSY_SECONDS", 0.1)
    folder = filled(tmp_path / "cache", 100)
    holder = sqlite3.connect(folder / FILE_NAME, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(package.StorageError, match="database is locked"):
        prune(folder, 0)
    holder.execute("ROLLBACK")
    holder.close()
    assert state_of(folder).vectors == 100


def test_no_score_changes(two_sides: tuple[Path, Path], tmp_path: Path, synthaudit: Run) -> None:
    cache = tmp_path / "cache"
    how = ("--embedder", "builtin", "--quick", "--quiet", "--format", "json", "--cache", cache)
    first = synthaudit("score", *two_sides, *how)
    said = json.loads(synthaudit("cache", "--cache", cache, "--format", "json").stdout)
    assert said["vectors"] >= 60
    small = synthaudit("cache", "--cache", cache, "--size", f"{said['size'] // 1500}KB")
    assert small.returncode == 0, small.stderr
    assert state_of(cache).vectors not in (None, said["vectors"])
    assert synthaudit("score", *two_sides, *how).stdout == first.stdout


def test_what_is_not_ours_is_left_alone(tmp_path: Path, synthaudit: Run) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(b"x" * 5000)
    done = synthaudit("cache", "--size", "0", "--cache", "images")
    assert done.returncode == 0
    assert "0.0 MB" in done.stdout
    assert [file.name for file in (tmp_path / "images").iterdir()] == ["a.png"]
    (tmp_path / "file").write_text("x")
    for more in ((), ("--size", "0")):
        done = synthaudit("cache", *more, "--cache", "file")
        assert done.returncode == 2
        assert "should be a folder" in done.stderr


def test_a_cache_that_cannot_be_written_is_not_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = filled(tmp_path / "cache", 100)
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert state_of(folder).vectors == 100


@pytest.mark.parametrize(
    ("text", "size"), [("5GB", 5 * 10**9), ("500 mb", 5 * 10**8), ("7", 7), ("1.5kb", 1500)]
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "GB", "5PB", "-1", "inf", "nan", "5GB5", "1e999"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(UsageError, match="should be a size such as 5GB"):
        parse_size(text)
