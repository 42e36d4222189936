"""Files appear whole or not at all."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest

import synthaudit
from synthaudit.errors import StorageError
from synthaudit.result.audit import Audit
from synthaudit.result.writing import write_files


@pytest.fixture
def audit() -> Audit:
    vectors = np.random.default_rng(0).standard_normal((2, 30, 8))
    return synthaudit.score_embeddings(*vectors)


@pytest.mark.parametrize("existed", [True, False])
def test_a_full_disk_leaves_nothing_new(
    audit: Audit, tmp_path: Path, monkeypatch: Any, existed: bool
) -> None:
    out = tmp_path / "out"
    if existed:
        audit.write(out)
        (out / "scores.json").write_text("old")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_parquet", full)
    with pytest.raises(StorageError, match="no space left on device"):
        audit.write(out)
    assert out.exists() == existed
    if existed:
        assert (out / "scores.json").read_text() == "old"
        assert not list(out.glob(".partial*"))


def test_writing_again_replaces_and_keeps_what_others_put_there(
    audit: Audit, tmp_path: Path
) -> None:
    audit.write(tmp_path)
    (tmp_path / "scores.json").write_text("old")
    (tmp_path / "notes.txt").write_text("mine")
    audit.write(tmp_path)
    assert (tmp_path / "scores.json").read_text().startswith('{\n "schema": "synthaudit/scores/1"')
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_an_audit_is_frozen(audit: Audit) -> None:
    with pytest.raises(AttributeError):
        audit.counts = {}  # type: ignore[misc]
    with pytest.raises(AttributeError):
        audit.unvaried.value = 0.0  # type: ignore[misc]


def test_a_notebook_shows_scores_and_nothing_hostile() -> None:
    real, synthetic = np.random.default_rng(0).standard_normal((2, 60, 8))
    audit = replace(
        synthaudit.score_embeddings(real, synthetic, quick=True),
        notes=("<script>alert(1)</script>",),
    )
    text = audit._repr_html_()
    assert f"<td>{audit.unvaried.value:.3f}</td>" in text
    assert "<script" not in text
    ET.fromstring(f"<div>{text}</div>")


def test_small_p_values_are_written_as_they_are() -> None:
    """Three hundred repeats: the p-value is far below what nine decimals can hold."""
    rng = np.random.default_rng(1)
    real, fresh = rng.standard_normal((2, 300, 16))
    synthetic = np.repeat(fresh[:100], 3, axis=0) + 0.001 * rng.standard_normal((300, 16))
    found = synthaudit.score_embeddings(real, synthetic, permutations=19).to_dict()
    assert 0.0 < found["p_values"]["unvaried"] < 1e-9


FORMER = {"a.txt": "old a", "b.txt": "old b", "gone.txt": "old", "last.json": "old"}
NEW: dict[str, Any] = {"a.txt": "new a", "b.txt": "new b", "c.txt": "new", "last.json": "new"}


def contents(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in folder.iterdir() if file.is_file()}


@pytest.mark.parametrize("call", ["replace", "link", "unlink"])
@pytest.mark.parametrize("nth", range(6))
@pytest.mark.parametrize("stays", [True, False])
def test_an_exchange_that_fails_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, nth: int, stays: bool
) -> None:
    """Whatever fails, once or from then on, the files are all new or all as they were."""
    for name, text in FORMER.items():
        (tmp_path / name).write_text(text)
    real, seen = getattr(os, call), []

    def fails(*arguments: Any, **options: Any) -> Any:
        seen.append(arguments)
        if len(seen) > nth and (stays or len(seen) == nth + 1):
            raise OSError(5, "Input/output error")
        return real(*arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(os, call, fails)
        try:
            write_files(tmp_path, NEW, replaces=("gone.txt",))
        except StorageError as error:
            assert "input/output error" in str(error)  # noqa: PT017 - or it succeeds
            assert contents(tmp_path) == FORMER
        else:
            assert contents(tmp_path) == NEW


def test_a_folder_in_the_place_of_a_file_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "a.txt").mkdir()
    (tmp_path / "a.txt" / "mine").write_text("x")
    with pytest.raises(StorageError, match=r"a\.txt there is a folder"):
        write_files(tmp_path, NEW)
    assert contents(tmp_path / "a.txt") == {"mine": "x"}
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]
