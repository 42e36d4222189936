"""Results that were damaged or written by hand: one sentence that names the place, or a page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import synthaudit as package
from tests.conftest import Run


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audit")
    real, synthetic = np.random.default_rng(0).normal(size=(2, 60, 8))
    classes = ["a", "b"] * 30
    audit = package.score_embeddings(
        real, synthetic, real_classes=classes, synthetic_classes=classes, quick=True
    )
    audit.write(folder)
    package.write_report(audit, folder)
    return folder


def damaged(contents: dict[str, Any], place: tuple[str, ...], value: object) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(contents))
    inner = copy
    for key in place[:-1]:
        inner = inner[key]
    if value is KeyError:
        inner.pop(place[-1], None)
    else:
        inner[place[-1]] = value
    return copy


NEEDED = [
    *(("chance",), ("counts",), ("detector",), ("duplicates",), ("classes",), ("notes",)),
    *(("provenance",), ("counts", "real"), ("detector", "auc"), ("duplicates", "radius")),
    *(("classes", "a", "unrealistic"), ("chance", "unvaried"), ("schema",), ("unoriginal",)),
]


@pytest.mark.parametrize("place", NEEDED, ids=".".join)
def test_what_is_missing_or_of_another_kind_is_named(
    audited: Path, place: tuple[str, ...], synthaudit: Run
) -> None:
    file = audited / "scores.json"
    whole = file.read_text()
    page = (audited / "report.html").read_bytes()
    try:
        for value in (KeyError, "x", [[]], {"a": {"b": []}}):
            file.write_text(json.dumps(damaged(json.loads(whole), place, value)))
            done = synthaudit("report", audited)
            assert done.returncode == 2, (place, value)
            assert len(done.stderr.splitlines()) == 1, done.stderr
            assert "scores.json" in done.stderr
            assert len(done.stderr) < 500
            assert (audited / "report.html").read_bytes() == page
    finally:
        file.write_text(whole)


def test_what_earlier_versions_did_not_write_is_not_missed(audited: Path, synthaudit: Run) -> None:
    file = audited / "scores.json"
    whole = file.read_text()
    later = ("findings", "verdict", "memorisation", "labels", "usefulness", "broken", "appearance")
    try:
        for key in later:
            file.write_text(json.dumps(damaged(json.loads(whole), (key,), KeyError)))
            done = synthaudit("report", audited)
            assert done.returncode == 0, (key, done.stderr)
    finally:
        file.write_text(whole)
