"""Results that were damaged or written by hand: one sentence that names the place, or a page."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import synthaudit as package
from synthaudit.result.table_schemas import COPIES, IMAGES, THUMBNAILS
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
        for value in (KeyError, [[]]):
            file.write_text(json.dumps(damaged(json.loads(whole), place, value)))
            done = synthaudit("report", audited)
            assert done.returncode == 2, (place, value)
            assert len(done.stderr.splitlines()) == 1, done.stderr
            assert "scores.json" in done.stderr
            assert len(done.stderr) < 500
            assert (audited / "report.html").read_bytes() == page
    finally:
        file.write_text(whole)


STRANGE = {
    "beyond float": '"unvaried": 1e999',
    "a whole number beyond float": f'"unvaried": 1{"0" * 400}',
    "too many digits": f'"unvaried": 1{"0" * 5000}',
    "deep": '"more": ' + "[" * 500 + "]" * 500,
    "deeper than the parser": '"more": ' + "[" * 100_000 + "]" * 100_000,
    "a lone surrogate": '"more": "\\ud800"',
    "a surrogate as key": '"more": {"\\udc80": 1}',
    "a long text": f'"more": "{"x" * 200_000}"',
}


@pytest.mark.parametrize("what", STRANGE)
@pytest.mark.parametrize("command", ["gate", "report", "compare"])
def test_what_nobody_writes_is_refused(
    audited: Path, tmp_path: Path, what: str, command: str, synthaudit: Run
) -> None:
    folder = shutil.copytree(audited, tmp_path / "copy")
    whole = (folder / "scores.json").read_text()
    (folder / "scores.json").write_text(f"{{{STRANGE[what]}, {whole.lstrip()[1:]}")
    if what.startswith(("beyond", "a whole", "too many")):
        (folder / "scores.json").write_text(f"{whole.rstrip()[:-1]}, {STRANGE[what]}}}")
    more = {"gate": ["--max", "unvaried=1"], "report": [], "compare": [audited]}[command]
    done = synthaudit(command, folder, *more)
    assert done.returncode == 2, done.stdout
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "scores.json" in done.stderr
    assert len(done.stderr) < 600


@pytest.mark.parametrize("command", ["gate", "report"])
def test_a_file_without_end_is_refused(command: str, tmp_path: Path, synthaudit: Run) -> None:
    (tmp_path / "scores.json").symlink_to("/dev/zero")
    more = ["--max", "unvaried=1"] if command == "gate" else []
    done = synthaudit(command, tmp_path, *more)
    assert done.returncode == 2
    assert "too large" in done.stderr


@pytest.mark.parametrize("name", ["scores.json", "images.parquet", "copies.parquet"])
@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_what_is_no_file_is_not_waited_for(
    audited: Path, tmp_path: Path, name: str, kind: str, synthaudit: Run
) -> None:
    folder = shutil.copytree(audited, tmp_path / "copy")
    (folder / name).unlink()
    (os.mkfifo if kind == "pipe" else os.mkdir)(folder / name)
    done = synthaudit("report", folder)
    assert done.returncode == 2, done.stdout
    assert len(done.stderr.splitlines()) == 1, done.stderr
    if name == "scores.json":
        assert synthaudit("gate", folder, "--max", "unvaried=1").returncode == 2


def test_a_table_that_the_scores_count_on_is_missed(
    tmp_path: Path, two_sides: tuple[Path, Path], synthaudit: Run
) -> None:
    for number in range(6):
        shutil.copy(
            two_sides[0] / "cat" / f"{2 * number + 1:02d}.png",
            two_sides[1] / "cat" / f"{2 * number + 1:02d}.png",
        )
    how = ("--embedder", "builtin", "--quick", "--quiet", "--no-cache")
    assert synthaudit("score", *two_sides, *how, "--out", "audit").returncode == 0
    (tmp_path / "audit" / "copies.parquet").unlink()
    done = synthaudit("report", "audit")
    assert done.returncode == 2
    assert "copies.parquet is missing" in done.stderr


def test_tables_of_other_images_are_not_paired(
    audited: Path, tmp_path: Path, synthaudit: Run
) -> None:
    folder = shutil.copytree(audited, tmp_path / "copy")
    table = pd.read_parquet(folder / "images.parquet")
    table.assign(path="x" + table["path"]).to_parquet(folder / "images.parquet")
    scores = json.loads((folder / "scores.json").read_text())
    scores["counts"]["real"] -= 1
    (folder / "scores.json").write_text(json.dumps(scores))
    done = synthaudit("compare", folder, audited)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


TABLES = {
    "no columns": lambda table: table[[]],
    "a column less": lambda table: table.drop(columns="path"),
    "numbers for paths": lambda table: table.assign(path=range(len(table))),
    "lists for paths": lambda table: table.assign(path=[["a"]] * len(table)),
    "text for flags": lambda table: table.assign(is_unvaried="yes"),
    "text for numbers": lambda table: table.assign(label_quality="high"),
}


@pytest.mark.parametrize("what", TABLES)
def test_tables_of_another_kind_are_named(
    audited: Path, tmp_path: Path, what: str, synthaudit: Run
) -> None:
    folder = shutil.copytree(audited, tmp_path / "copy")
    TABLES[what](pd.read_parquet(folder / "images.parquet")).to_parquet(folder / "images.parquet")
    done = synthaudit("report", folder)
    assert done.returncode == 2
    assert "images.parquet" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    change = synthaudit("compare", folder, audited)
    assert change.returncode == 2, change.stdout


def test_all_tables_that_are_written_are_read(audited: Path) -> None:
    for name, schema in (("images", IMAGES), ("copies", COPIES), ("thumbnails", THUMBNAILS)):
        assert len(schema.read(audited / f"{name}.parquet").columns) >= len(schema.columns)


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
