"""From files to vectors: once each, in order, nothing read or decoded twice."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synthaudit.embedding.builtin import BuiltinEmbedder
from synthaudit.embedding.cache import VectorCache
from synthaudit.embedding.extraction import Extraction, extract
from synthaudit.images.collection import FileLocation
from synthaudit.images.decoding import decode
from synthaudit.images.folders import open_folder
from synthaudit.progress import NoProgress
from tests.pictures import encoded, picture


@dataclass
class Steps(NoProgress):
    total: int = 0
    done: int = 0
    stages: list[str] = field(default_factory=list)

    def start(self, stage: str, total: int) -> None:
        self.stages.append(stage)
        self.total = total

    def advance(self, steps: int) -> None:
        self.done += steps


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    target = tmp_path / "images"
    target.mkdir()
    for number in range(70):
        # Every seventh is a copy of the one before it.
        seed = number - 1 if number % 7 == 6 else number
        file = target / f"{number:02d}.png"
        file.write_bytes(encoded(picture(seed)))
        os.utime(file, (10**9, 10**9))
    (target / "50b.png").write_bytes(b"broken")
    return target


def run(folder: Path, cache: VectorCache, **options: Any) -> Extraction:
    settings = {"workers": 2, "max_pixels": 10**7, "progress": NoProgress(), **options}
    return extract(open_folder(folder, "real"), BuiltinEmbedder(), cache, **settings)


def test_rows_follow_the_collection(folder: Path, tmp_path: Path) -> None:
    steps = Steps()
    result = run(folder, VectorCache(tmp_path / "cache"), progress=steps)
    embedder = BuiltinEmbedder()
    files = sorted(f for f in folder.glob("*.png") if f.name != "50b.png")
    expected = embedder.encode(np.stack([decode(f.read_bytes(), embedder.frame) for f in files]))
    assert np.array_equal(result.vectors, expected)
    assert result.kept == [n for n in range(71) if n != 51]
    assert [(lost.path, lost.reason) for lost in result.unreadable] == [
        ("50b.png", "its content is no image format that Pillow can read")
    ]
    assert result.decoded == 60
    assert steps.done == steps.total == 71


def test_a_second_run_decodes_nothing_and_reads_nothing(
    folder: Path, tmp_path: Path, monkeypatch: Any
) -> None:
    (folder / "50b.png").unlink()
    first = run(folder, VectorCache(tmp_path / "cache"))
    monkeypatch.setattr(FileLocation, "read", lambda self: pytest.fail("a file was read"))
    second = run(folder, VectorCache(tmp_path / "cache"))
    assert second.decoded == 0
    assert np.array_equal(first.vectors, second.vectors)


def test_moved_files_are_read_but_not_decoded(folder: Path, tmp_path: Path) -> None:
    run(folder, VectorCache(tmp_path / "cache"))
    moved = folder.rename(tmp_path / "moved")
    result = run(moved, VectorCache(tmp_path / "cache"))
    assert result.decoded == 0
    assert result.unreadable[0].reason == "its content is no image format that Pillow can read"


def test_changed_content_is_noticed(folder: Path, tmp_path: Path) -> None:
    first = run(folder, VectorCache(tmp_path / "cache"))
    (folder / "03.png").write_bytes(encoded(picture(999)))
    second = run(folder, VectorCache(tmp_path / "cache"))
    assert second.decoded == 1
    assert (first.vectors != second.vectors).any(axis=1).nonzero()[0].tolist() == [3]


@pytest.mark.parametrize("workers", [1, 3])
def test_workers_change_nothing(folder: Path, workers: int) -> None:
    expected = run(folder, VectorCache(None))
    result = run(folder, VectorCache(None), workers=workers)
    assert np.array_equal(result.vectors, expected.vectors)


def test_a_file_that_vanishes_is_listed(folder: Path, monkeypatch: Any) -> None:
    collection = open_folder(folder, "real")
    (folder / "10.png").unlink()
    result = extract(
        collection,
        BuiltinEmbedder(),
        VectorCache(None),
        workers=1,
        max_pixels=10**7,
        progress=NoProgress(),
    )
    assert [lost.path for lost in result.unreadable] == ["10.png", "50b.png"]
    assert result.unreadable[0].reason == "it cannot be read: no such file or directory"


def test_a_limit_of_the_settings_is_not_remembered_as_a_failure(
    folder: Path, tmp_path: Path
) -> None:
    (folder / "50b.png").unlink()
    tight = run(folder, VectorCache(tmp_path / "cache"), max_pixels=100)
    assert len(tight.unreadable) == 70
    assert not run(folder, VectorCache(tmp_path / "cache")).unreadable


def test_a_limit_holds_for_what_is_remembered(folder: Path, tmp_path: Path) -> None:
    """No score depends on the cache: what was decoded under a wider limit is refused here."""
    (folder / "50b.png").unlink()
    assert not run(folder, VectorCache(tmp_path / "cache"), max_pixels=10**6).unreadable
    tight = run(folder, VectorCache(tmp_path / "cache"), max_pixels=100)
    assert len(tight.unreadable) == 70
