"""The cache remembers, is shared, survives damage and never stops a run."""

from __future__ import annotations

import logging
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synthaudit.embedding.cache import FILE_NAME, VectorCache
from synthaudit.images.collection import Stamp

VECTORS = {bytes([n]) * 32: np.full(4, n, np.float32) for n in range(3)}
OLD = Stamp(place="/a", size=3, modified_ns=10**18)


def recall(cache: VectorCache, fingerprint: str = "f", dimension: int = 4) -> set[bytes]:
    return set(cache.recall(VECTORS, fingerprint, dimension)[0])


def test_what_is_remembered_is_recalled(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path)
    cache.remember_vectors(VECTORS, "f")
    cache.remember_failures({b"x" * 32: "it is broken"}, "f")
    cache.close()
    again = VectorCache(tmp_path)
    vectors, failures = again.recall([*VECTORS, b"x" * 32], "f", 4)
    assert vectors.keys() == VECTORS.keys()
    assert all(np.array_equal(vectors[key], VECTORS[key]) for key in VECTORS)
    assert failures == {b"x" * 32: "it is broken"}
    assert recall(again, "another embedder") == set()
    assert recall(again, "f", 5) == set()


def test_a_file_is_known_by_size_and_time(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path)
    cache.remember_files([(OLD, b"d")])
    assert cache.digests([OLD]) == {"/a": b"d"}
    assert cache.digests([Stamp(place="/a", size=4, modified_ns=OLD.modified_ns)]) == {}
    assert cache.digests([Stamp(place="/a", size=3, modified_ns=OLD.modified_ns + 1)]) == {}


def test_a_file_changed_just_now_is_not_trusted(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path)
    fresh = Stamp(place="/a", size=3, modified_ns=time.time_ns())
    cache.remember_files([(fresh, b"d")])
    assert cache.digests([fresh]) == {}


@pytest.mark.parametrize("damage", ["garbage", "hole", "cut"])
def test_a_damaged_file_is_set_aside_and_rebuilt(tmp_path: Path, caplog: Any, damage: str) -> None:
    cache = VectorCache(tmp_path)
    many = {os.urandom(32): np.zeros(4, np.float32) for _ in range(2000)}
    cache.remember_vectors(many, "f")
    cache.close()
    file = tmp_path / FILE_NAME
    content = bytearray(file.read_bytes())
    if damage == "garbage":
        content = bytearray(b"this is no database" * 500)
    elif damage == "hole":
        content[4096:] = b"\xff" * (len(content) - 4096)
    else:
        del content[len(content) // 2 :]
    file.write_bytes(content)
    with caplog.at_level(logging.WARNING):
        cache = VectorCache(tmp_path)
        cache.recall(many, "f", 4)
        cache.remember_vectors(VECTORS, "f")
    assert "set aside" in caplog.text
    assert list(tmp_path.glob("*.damaged-*"))
    cache.remember_vectors(VECTORS, "f")
    assert recall(cache) == VECTORS.keys()


def test_a_changed_vector_is_not_believed(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path)
    cache.remember_vectors(VECTORS, "f")
    cache.close()
    with sqlite3.connect(tmp_path / FILE_NAME) as connection:
        blob = np.full(4, 9, np.float32).tobytes()
        connection.execute("UPDATE vectors SET vector = ? WHERE digest = ?", (blob, b"\0" * 32))
    connection.close()
    assert recall(VectorCache(tmp_path)) == set(VECTORS) - {b"\0" * 32}


def test_a_folder_that_cannot_be_made_costs_only_the_memory(tmp_path: Path, caplog: Any) -> None:
    (tmp_path / "file").touch()
    with caplog.at_level(logging.WARNING):
        cache = VectorCache(tmp_path / "file" / "below")
    cache.remember_vectors(VECTORS, "f")
    assert recall(cache) == set()
    assert "going on without it" in caplog.text


def test_a_full_disk_costs_only_the_memory(tmp_path: Path, caplog: Any) -> None:
    cache = VectorCache(tmp_path)
    assert cache._connection is not None
    cache._connection.execute("PRAGMA max_page_count = 12")
    big = {os.urandom(32): np.zeros(4000, np.float32) for _ in range(50)}
    with caplog.at_level(logging.WARNING):
        cache.remember_vectors(big, "f")
    assert "full" in caplog.text
    assert VectorCache(tmp_path).recall(big, "f", 4000) == ({}, {})


def test_no_folder_remembers_nothing() -> None:
    cache = VectorCache(None)
    cache.remember_vectors(VECTORS, "f")
    assert recall(cache) == set()


WRITER = """
import os, sys
import numpy as np
from pathlib import Path
from synthaudit.embedding.cache import VectorCache
cache = VectorCache(Path(sys.argv[1]))
start = int(sys.argv[2])
for number in range(start, start + int(sys.argv[3])):
    digest = number.to_bytes(32, "big")
    cache.remember_vectors({digest: np.full(64, number, np.float32)}, "f")
    print(number, flush=True)
"""


def start_writer(folder: Path, start: int, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(folder), str(start), str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_two_runs_at_once(tmp_path: Path) -> None:
    writers = [start_writer(tmp_path, start, 200) for start in (0, 1000)]
    for writer in writers:
        writer.communicate(timeout=60)
        assert writer.returncode == 0
    digests = [n.to_bytes(32, "big") for n in [*range(200), *range(1000, 1200)]]
    assert len(VectorCache(tmp_path).recall(digests, "f", 64)[0]) == 400


def test_kill_at_any_moment_loses_nothing_that_was_kept(tmp_path: Path) -> None:
    writer = start_writer(tmp_path, 0, 10**6)
    assert writer.stdout is not None
    kept = [int(writer.stdout.readline()) for _ in range(100)]
    writer.send_signal(signal.SIGKILL)
    writer.communicate(timeout=30)
    vectors, _ = VectorCache(tmp_path).recall([n.to_bytes(32, "big") for n in kept], "f", 64)
    assert sorted(int(vector[0]) for vector in vectors.values()) == kept
