"""Files appear whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import synthaudit
from synthaudit.errors import StorageError
from synthaudit.result.audit import Audit


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
