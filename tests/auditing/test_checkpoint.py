"""An interrupted audit of very many goes on where it stopped, and ends with the same numbers."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import synthaudit
from synthaudit.auditing import checkpoint
from synthaudit.auditing.checkpoint import Checkpoint
from synthaudit.backends import choice
from synthaudit.embedding.cache import UNFINISHED
from synthaudit.measures.detection.cross_validation import cross_validate
from synthaudit.measures.search import inverted_file, neighbours
from synthaudit.progress import NoProgress


@pytest.fixture
def sides(monkeypatch: pytest.MonkeyPatch) -> tuple[np.ndarray, np.ndarray]:
    """Enough for several blocks, were these very many."""
    monkeypatch.setattr(neighbours, "_EXACT_PRODUCT", 0)
    monkeypatch.setattr(inverted_file, "_QUERIES", 100)
    monkeypatch.setattr(checkpoint, "_ROWS", 0)
    rng = np.random.default_rng(0)
    kinds = 4.0 * rng.standard_normal((8, 16))
    rows = kinds[rng.integers(0, 8, 800)] + rng.standard_normal((800, 16))
    rows[:10] = rows[400:410] + 1e-3
    return rows[:400], rows[400:]


class Stopping(NoProgress):
    """Interrupts after so many rows of the search, or when a stage begins."""

    def __init__(self, *, rows: int = 10**9, stage: str = "none") -> None:
        self.left, self.stage = rows, stage

    def start(self, stage: str, total: int) -> None:
        if stage.startswith(self.stage):
            raise KeyboardInterrupt

    def advance(self, steps: int) -> None:
        self.left -= steps
        if self.left <= 0:
            raise KeyboardInterrupt


def counted(module: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> list[None]:
    calls: list[None] = []
    inner = getattr(module, name)

    def count(*arguments: Any, **options: Any) -> Any:
        calls.append(None)
        return inner(*arguments, **options)

    monkeypatch.setattr(module, name, count)
    return calls


@pytest.mark.parametrize("rows", [100, 650, 1300])
def test_a_search_goes_on_where_it_stopped(
    rows: int, sides: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, Any] = {"quick": True, "cache": tmp_path}
    whole = synthaudit.score_embeddings(*sides, quick=True, use_cache=False)
    assert whole.to_dict()["duplicates"]["search_recall"] is not None
    with pytest.raises(KeyboardInterrupt):
        synthaudit.score_embeddings(*sides, progress=Stopping(rows=rows), **options)
    searched = counted(inverted_file, "search_block", monkeypatch)
    resumed = synthaudit.score_embeddings(*sides, **options)
    # 1,600 queries; a thread more or less may have been at work when it stopped.
    assert len(searched) <= 16 - rows // 100 + 1
    assert json.dumps(resumed.to_dict()) == json.dumps(whole.to_dict())
    assert resumed.images.equals(whole.images)
    assert list((tmp_path / UNFINISHED).iterdir()) == []


def test_nothing_that_was_finished_is_done_again(
    sides: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, Any] = {"quick": True, "cache": tmp_path}
    trained = counted(choice, "cross_validate", monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        synthaudit.score_embeddings(*sides, progress=Stopping(stage="done"), **options)
    assert len(trained) == 1
    searched = counted(inverted_file, "search_block", monkeypatch)
    resumed = synthaudit.score_embeddings(*sides, **options)
    assert searched == []
    assert len(trained) == 1
    whole = synthaudit.score_embeddings(*sides, quick=True, use_cache=False)
    assert json.dumps(resumed.to_dict()) == json.dumps(whole.to_dict())


def test_outcomes_are_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from synthaudit.measures.detection.assignment import assign

    monkeypatch.setattr(checkpoint, "_ROWS", 0)
    rng = np.random.default_rng(0)
    rows, is_synthetic = rng.standard_normal((60, 4)), np.arange(60) >= 30
    dealt = [assign(is_synthetic, None, folds=3, rng=rng) for _ in range(2)]
    calls: list[None] = []

    def inner(*arguments: Any, **options: Any) -> Any:
        calls.append(None)
        return cross_validate(*arguments, **options)

    validate = Checkpoint(tmp_path, "key").validate(inner)
    first, second = validate(rows, dealt), validate(rows, dealt)
    assert len(calls) == 1
    for one, other in zip(first, second, strict=True):
        assert all(np.array_equal(vars(one)[name], vars(other)[name]) for name in vars(one))
    validate(rows, dealt, tolerance=1e-3)
    validate(rows, dealt[::-1])
    assert len(calls) == 3


def test_other_images_or_settings_begin_anew(sides: Any, tmp_path: Path) -> None:
    options: dict[str, Any] = {"quick": True, "cache": tmp_path}
    for changed in ({}, {"false_alarms": 0.01}):
        with pytest.raises(KeyboardInterrupt):
            synthaudit.score_embeddings(*sides, progress=Stopping(rows=300), **options, **changed)
    with pytest.raises(KeyboardInterrupt):
        synthaudit.score_embeddings(*sides[::-1], progress=Stopping(rows=300), **options)
    assert len(list((tmp_path / UNFINISHED).iterdir())) == 3


def test_a_damaged_file_is_made_anew(sides: Any, tmp_path: Path) -> None:
    options: dict[str, Any] = {"quick": True, "cache": tmp_path}
    with pytest.raises(KeyboardInterrupt):
        synthaudit.score_embeddings(*sides, progress=Stopping(rows=600), **options)
    for file in (tmp_path / UNFINISHED).rglob("*.npz"):
        file.write_bytes(file.read_bytes()[:100])
    resumed = synthaudit.score_embeddings(*sides, **options)
    whole = synthaudit.score_embeddings(*sides, quick=True, use_cache=False)
    assert json.dumps(resumed.to_dict()) == json.dumps(whole.to_dict())


def test_what_cannot_be_kept_stops_nothing(
    sides: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / UNFINISHED).write_text("a file where the folder should be")
    with caplog.at_level("WARNING", "synthaudit"):
        synthaudit.score_embeddings(*sides, quick=True, cache=tmp_path)
    assert caplog.text.count("cannot be resumed") == 1


def test_audits_that_nobody_went_on_with_are_forgotten(tmp_path: Path) -> None:
    for name, days in (("old", 15), ("new", 1)):
        folder = tmp_path / UNFINISHED / name
        folder.mkdir(parents=True)
        seconds = folder.stat().st_mtime - days * 86_400
        os.utime(folder, (seconds, seconds))
    Checkpoint(tmp_path, "another")
    assert [folder.name for folder in (tmp_path / UNFINISHED).iterdir()] == ["new"]
