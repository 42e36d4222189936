"""A package with one plug-in of each kind, a file each, installed for these tests alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.conftest import Run

PLAN = """
real: real
images_per_arm: 12
generator: {name: stripes}
axes: {stripes: [3, 6]}
"""


@pytest.fixture
def audit(two_sides: tuple[Path, Path], with_plugins: Run, tmp_path: Path) -> tuple[Path, str]:
    done = with_plugins(
        *("score", *two_sides, "--embedder", "colours:3", "--measure", "brightness"),
        *("--quick", "--out", "out", "--no-cache", "--details"),
    )
    assert done.returncode == 0, done.stderr
    return tmp_path / "out", done.stdout


def test_all_appear_in_an_audit(audit: tuple[Path, str], two_sides: tuple[Path, Path]) -> None:
    out, text = audit
    scores = json.loads((out / "scores.json").read_text())
    assert scores["provenance"]["embedder"] == "colours:3"
    assert scores["provenance"]["settings"]["measures"] == ["brightness"]
    images = pd.read_parquet(out / "images.parquet").set_index(["side", "path"])
    for side, folder in zip(("real", "synthetic"), two_sides, strict=True):
        for file in folder.rglob("*.png"):
            pixels = np.asarray(Image.open(file).convert("RGB").resize((32, 32), Image.BICUBIC))
            own = images.loc[(side, str(file.relative_to(folder))), "brightness"]
            assert own == pytest.approx(pixels.mean() / 255, abs=0.01)
    summary = scores["measures"]["brightness"]
    medians = images["brightness"].groupby("side").median()
    assert summary["real"] == pytest.approx(medians["real"], abs=1e-6)
    assert summary["synthetic"] == pytest.approx(medians["synthetic"], abs=1e-6)
    assert "mean of all pixels" in summary["description"]
    brightest = images.loc["synthetic", "brightness"].idxmax()
    sentence = f"The brightest synthetic image is {brightest}."
    page = (out / "report.html").read_text()
    assert '<h2 id="added-brightest">The brightest image</h2>' in page
    assert sentence in page
    assert "Lowest and highest brightness" in page
    assert sentence.replace(".png", "") in (out / "report.md").read_text().replace(
        "\\", ""
    ).replace(".png", "")
    assert sentence in text.replace("\n", " ")
    assert "Measures of single images" in text


def test_a_bound_decides(
    audit: tuple[Path, str], with_plugins: Run, package_path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = json.loads((audit[0] / "scores.json").read_text())["unrealistic"]
    excess = value - 0.5
    for limit, code in ((excess + 0.01, 0), (excess - 0.01, 1)):
        Path(audit[0].parent / "synthaudit.toml").write_text(
            f"[limits]\nunrealistic = {{max_over_chance = {limit}}}\n"
        )
        done = with_plugins("gate", audit[0])
        assert done.returncode == code, done.stdout + done.stderr
        assert "over chance <=" in done.stdout
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place != package_path])
    without = with_plugins("gate", audit[0])
    assert without.returncode == 2
    assert "there is no key 'max_over_chance'" in without.stderr


def test_a_sweep_uses_generator_embedder_and_measure(
    two_sides: tuple[Path, Path], with_plugins: Run, tmp_path: Path
) -> None:
    (tmp_path / "plan.yaml").write_text(PLAN)
    done = with_plugins(
        *("sweep", "plan.yaml", "--out", "swept", "--embedder", "colours", "--quick"),
        *("--measure", "brightness", "--no-cache", "--quiet"),
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "swept" / "sweep.json").read_text())
    assert found["provenance"]["embedder"] == "colours:4"
    assert {arm["axes"]["stripes"] for arm in found["arms"]} == {"3", "6"}
    for arm in found["arms"]:
        images = pd.read_parquet(tmp_path / "swept" / "arms" / arm["arm"] / "images.parquet")
        assert images["brightness"].between(0, 1).all()


def test_the_doctor_lists_them(with_plugins: Run) -> None:
    done = with_plugins("doctor", "--format", "json")
    found = {(entry["name"], entry["text"]) for entry in json.loads(done.stdout)}
    kinds = {
        "embedder": "colours",
        "generator": "stripes",
        "measure": "brightness",
        "report section": "brightest",
        "bound": "max_over_chance",
    }
    assert {(kind, f"{name}, of synthaudit-example 1.0") for kind, name in kinds.items()} <= found


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--embedder", "colour"), "there is no embedder 'colour'; did you mean 'colours'?"),
        (("--embedder", "colours:many"), "colours:CELLS should have a number of cells"),
        (("--measure", "brigthness"), "there is no measure 'brigthness'; did you mean"),
    ],
)
def test_unknown_names_have_a_near_one(
    options: tuple[str, str],
    message: str,
    two_sides: tuple[Path, Path],
    with_plugins: Run,
) -> None:
    done = with_plugins("score", *two_sides, *options)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_package_that_cannot_be_imported_is_named(
    two_sides: tuple[Path, Path], synthaudit: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken" / "broken-1.0.dist-info"
    broken.mkdir(parents=True)
    (broken / "METADATA").write_text("Name: broken\nVersion: 1.0\n")
    (broken / "entry_points.txt").write_text(
        "[synthaudit.embedders]\nbroken = no_such_module:x\n"
        "[synthaudit.sections]\nbroken = no_such_module:x\n"
    )
    monkeypatch.syspath_prepend(broken.parent)
    done = synthaudit("score", *two_sides, "--embedder", "broken")
    assert done.returncode == 2
    assert "the embedder 'broken' of broken 1.0 cannot be imported" in done.stderr
    # A section that cannot be drawn costs no audit.
    fine = synthaudit(
        *("score", *two_sides, "--embedder", "builtin", "--quick", "--no-cache", "--out", "out"),
    )
    assert fine.returncode == 0
    assert "the report section 'broken' of broken 1.0 cannot be imported" in fine.stderr
    assert (tmp_path / "out" / "report.html").is_file()


def run_in(path: str, code: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_nothing_is_imported_before_it_is_used(package_path: str) -> None:
    loaded = run_in(
        package_path,
        "import json, sys, numpy as np, synthaudit\n"
        "real, synthetic = np.random.default_rng(0).normal(size=(2, 40, 8))\n"
        "synthaudit.score_embeddings(real, synthetic, quick=True)\n"
        "print(json.dumps([m for m in sys.modules if m.startswith('synthaudit_example')]))",
    )
    assert loaded == []
