"""One set of images alone: repeats, broken pictures, wrong classes, unreadable files, a page."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageFilter, ImageOps

import synthaudit as package
from synthaudit.measures.copies.duplicates import find_repeats
from synthaudit.measures.search.neighbours import Directions
from tests.conftest import Run


@pytest.fixture(scope="module")
def folder(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Product photos; of ten there is a mirrored or cropped repeat, five are black or blurred."""
    root = tmp_path_factory.mktemp("one") / "set"
    files = sorted((photos / "clothing").glob("*/*.jpg"))
    for file in files:
        place = root / file.parent.name / file.name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, place)
    chosen = [files[row] for row in np.random.default_rng(0).permutation(len(files))[:15]]
    for number, file in enumerate(chosen):
        place = root / file.parent.name / file.name
        image = Image.open(file).convert("RGB")
        left, top = image.width // 12, image.height // 12
        if number < 5:
            ImageOps.mirror(image).save(place.with_name(f"mirrored-{file.name}"), quality=95)
        elif number < 10:
            box = (left, top, image.width - left, image.height - top)
            image.crop(box).save(place.with_name(f"cropped-{file.name}"), quality=95)
        elif number < 12:
            Image.new("RGB", image.size).save(place.with_name(f"black-{file.name}"))
        else:
            blurred = image.filter(ImageFilter.GaussianBlur(10))
            blurred.save(place.with_name(f"blurred-{file.name}"), quality=95)
            place.unlink()
    (root / "hat" / "bad.jpg").write_bytes(b"broken")
    return root


def test_the_command_finds_what_was_planted(folder: Path, synthaudit: Run, tmp_path: Path) -> None:
    before = sorted(folder.rglob("*"))
    done = synthaudit(
        *("inspect", folder, "--embedder", "builtin", "--out", "out", "--keep", "kept.csv")
    )
    assert done.returncode == 0, done.stderr
    assert sorted(folder.rglob("*")) == before
    out = tmp_path / "out"
    found = json.loads((out / "inspection.json").read_text())
    assert found["schema"] == "synthaudit/inspection/1"
    counts = found["counts"]
    assert counts["unreadable"] == 1
    assert 18 <= counts["repeats"] <= 26
    assert 5 <= counts["broken"] <= 8
    assert counts["wrong_labels"] == 0
    images = pd.read_parquet(out / "images.parquet").set_index("path")
    assert images.index.is_unique
    names = images.index.to_series().str.replace("mirrored-|cropped-", "", regex=True)
    planted = images.index[images.index.str.contains("mirrored-|cropped-")]
    seen = [path for path in planted if images.loc[path, "is_repeat"]]
    assert len(planted) == 10
    assert len(seen) >= 9
    for path in seen:
        assert images.loc[[path, names[path]], "duplicate_cluster"].nunique() == 1, path
        assert images.loc[path, "repeats"] == names[path]
    black = images[images.index.str.contains("black-")]
    assert black["is_broken"].all()
    assert set(black["defect"]) <= {"dark", "blank"}
    assert (images[images.index.str.contains("blurred-")]["defect"] == "blurred").all()
    kept = pd.read_csv(tmp_path / "kept.csv", keep_default_na=False)
    left = set(kept.loc[kept["is_kept"], "path"])
    assert not any("black-" in path or "blurred-" in path for path in left)
    assert not any({path, names[path]} <= left for path in seen)
    unreadable = pd.read_csv(out / "unreadable.csv")
    assert unreadable["path"].tolist() == ["hat/bad.jpg"]
    page = (out / "report.html").read_text()
    for words in (
        "Images that repeat one another",
        "Pictures that look broken",
        "Map of the set",
        "hat/bad",
    ):
        assert words in page
    assert "images repeat another one" in done.stdout
    assert "hat/bad.jpg" in done.stdout


def test_wrong_classes_of_one_set(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    colours = {"red": (200, 40, 40), "green": (40, 200, 40), "blue": (40, 40, 200)}
    wrong = set()
    for number in range(150):
        name = list(colours)[number % 3]
        shown = list(colours)[(number + 1) % 3] if number % 14 == 0 else name
        noise = rng.integers(-40, 40, (48, 48, 3))
        pixels = np.clip(np.array(colours[shown]) + noise, 0, 255).astype(np.uint8)
        place = tmp_path / name / f"{number:03d}.png"
        place.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(place)
        if shown != name:
            wrong.add(f"{name}/{number:03d}.png")
    found = package.inspect(tmp_path, embedder="builtin", use_cache=False)
    flagged = found.images[found.images["is_wrong_label"]]
    assert set(flagged["path"]) == wrong
    assert found.counts["wrong_labels"] == 11
    assert found.labels["estimated_share"] == pytest.approx(11 / 150, abs=0.02)
    assert any("likelier show another class" in sentence for sentence in found.findings)


def test_what_cannot_be_inspected_is_refused(synthaudit: Run, tmp_path: Path) -> None:
    (tmp_path / "few").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "few" / "a.png")
    done = synthaudit("inspect", "few", "--embedder", "builtin")
    assert done.returncode == 2
    assert "at least 2 readable images" in done.stderr
    np.save(tmp_path / "vectors.npy", np.eye(4))
    done = synthaudit("inspect", "vectors.npy")
    assert done.returncode == 2
    assert "pictures are inspected" in done.stderr
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "scores.json").write_text("{}")
    done = synthaudit("inspect", "few", "--out", "audit")
    assert done.returncode == 2
    assert "holds an audit" in done.stderr


def test_a_set_without_faults_has_none_beyond_chance() -> None:
    """Of images that are all fresh about as many are flagged as the radius allows."""
    shares = []
    for seed in range(10):
        vectors = np.random.default_rng(seed).standard_normal((600, 16))
        shares.append(find_repeats(Directions(vectors)).is_repeat.mean())
    assert np.mean(shares) == pytest.approx(0.005, abs=0.005)
