"""``synthaudit masks``: what it writes, and what it says of images in which it finds nothing."""

from __future__ import annotations

import csv
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from synthaudit.generation.masks.geometry import box_around
from tests.planted_shapes import Planted, plant
from tests.tiny_detectors import save_owlv2, save_sam2


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("detectors")
    owlv2, sam2 = save_owlv2(folder / "owlv2"), save_sam2(folder / "sam2")
    local = ["--device", "cpu", "--local-files-only"]
    return ["--detector", f"owlv2:{owlv2}", "--segmenter", f"sam2:{sam2}", *local]


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> Planted:
    return plant(monkeypatch)


@pytest.fixture
def real(tmp_path: Path, planted: Planted) -> Path:
    """Images of two classes, all with the same shape; two names differ in their suffix alone."""
    image = planted.draw(np.random.default_rng(0))
    for name in ("frog/1.png", "frog/1.bmp", "frog/2.png", "toad/3.png"):
        place = tmp_path / "real" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.asarray(image).copy()
        pixels[0, 0] = len(name), ord(name[-1]), ord(name[0])
        Image.fromarray(pixels).save(place)
    return tmp_path / "real"


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_masks_boxes_a_sheet_and_a_list(
    synthaudit: Any, real: Path, models: list[str], planted: Planted, tmp_path: Path
) -> None:
    hints = tmp_path / "hints.json"
    hints.write_text(json.dumps({"toad/3.png": [{"box": [0, 0, 2, 2]}]}))
    out = tmp_path / "out"
    done = synthaudit(
        *("masks", real, "--find", "{subject}", "--out", out, *models, "--hints", hints),
        *("--segmenter", "box", "--quiet"),
    )
    assert done.returncode == 0, done.stderr
    assert "of use in 3 of 4 images" in done.stdout
    assert sorted(str(f.relative_to(out)) for f in out.rglob("*") if f.is_file()) == [
        "boxes.json",
        "contact_sheet.png",
        "masks.json",
        "masks/frog/1.bmp.png",
        "masks/frog/1.png.png",
        "masks/frog/2.png",
        "unusable.csv",
    ]
    found = json.loads((out / "boxes.json").read_text())
    assert [own["name"] for own in found["categories"]] == ["frog"]
    left, top, right, bottom = box_around(planted.truth[0]) or (0, 0, 0, 0)
    for own in found["annotations"]:
        assert np.allclose(own["bbox"], (left, top, right - left, bottom - top), atol=1.5)
    (row,) = rows(out / "unusable.csv")
    assert row["path"] == "toad/3.png"
    assert "least_share" in row["reason"]
    with Image.open(out / "contact_sheet.png") as sheet:
        assert sheet.size[0] > 300
    state = json.loads((out / "masks.json").read_text())
    assert (state["images"], state["usable"], state["schema"]) == (4, 3, "synthaudit/masks/1")


def test_a_second_run_replaces_the_first(
    synthaudit: Any, real: Path, models: list[str], planted: Planted, tmp_path: Path
) -> None:
    call = ("masks", real, "--find", "frog", "--out", tmp_path / "out", *models, "--quiet")
    assert synthaudit(*call).returncode == 0
    first = sorted((tmp_path / "out" / "masks").rglob("*.png"))
    assert len(first) == 4
    assert synthaudit(*call, "--objects", "each").returncode == 0
    second = sorted((tmp_path / "out" / "masks").rglob("*.png"))
    assert len(second) == 4
    assert all(file.stem.endswith("-1") for file in second)
    assert not list((tmp_path / "out").glob(".partial*"))
    os.utime(second[0], (time.time() + 9, time.time() + 9))
    refused = synthaudit(*call)
    assert refused.returncode == 2
    assert "has been changed since" in refused.stderr


def test_bad_calls_are_one_sentence(
    synthaudit: Any, real: Path, models: list[str], planted: Planted, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    cases: list[tuple[list[object], str]] = [
        ([real, "--out", out, *models], "should say what to find"),
        ([real, "--find", "frog", "--out", real, *models], "among the images"),
        ([real / "frog", "--find", "{subject}", "--out", out, *models], "without class folders"),
        ([real, "--find", "frog", "--out", out, "--detector", "sam3"], "--accept sam3"),
        ([real, "--find", "frog", "--out", out, "--detector", "owl"], "did you mean 'owlv2'"),
        ([real, "--find", "frog", "--out", out, "--local-files-only"], "not in the local cache"),
        ([real, "--find", "a " * 40, "--out", out, *models], "fewer words"),
        ([real, "--find", "frog", "--out", out, *models, "--threshold", "0.99"], "nothing was"),
        ([real, "--find", "frog", "--out", out, *models, "--hints", "no.json"], "cannot be read"),
    ]
    for words, said in cases:
        done = synthaudit("masks", *words, "--quiet", "--no-cache")
        assert done.returncode == 2, words
        (line,) = done.stderr.strip().splitlines()
        assert said in line, line
        assert not out.exists(), words
