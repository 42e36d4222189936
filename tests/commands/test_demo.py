"""``synthaudit demo``: sets made on the spot, faults planted and found."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from synthaudit.generation.digits import write_digit_sets

Run = Callable[..., subprocess.CompletedProcess[str]]


def test_it_finds_what_it_planted(synthaudit: Run, tmp_path: Path) -> None:
    done = synthaudit("demo", "--quick")
    assert done.returncode == 0, done.stderr
    assert "20 copies of real images and 40 repeats" in done.stdout
    images = pd.read_parquet(tmp_path / "synthaudit-demo" / "audit" / "images.parquet")
    images = images[images["side"] == "synthetic"]
    number = images["path"].str.extract(r"(\d+)\.png")[0].astype(int)
    copies, repeats = number.isin([54, 55]), number.isin([0, 56, 57, 58, 59])
    assert copies.sum() == 20
    assert repeats.sum() == 50
    assert images.loc[copies, "is_unoriginal"].all()
    assert images.loc[repeats, "is_unvaried"].all()
    assert images.loc[~copies, "is_unoriginal"].mean() < 0.02
    assert images.loc[~repeats, "is_unvaried"].mean() < 0.02


def test_it_touches_nobody_elses_folder(synthaudit: Run, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("x")
    done = synthaudit("demo", "mine")
    assert done.returncode == 2
    assert done.stderr.startswith("error: mine holds something else")
    assert [file.name for file in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_the_same_seed_makes_the_same_images(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write_digit_sets(tmp_path / name, seed=seed)
    contents = [
        [file.read_bytes() for file in sorted((tmp_path / name).rglob("*.png"))] for name in "abc"
    ]
    assert contents[0] == contents[1]
    assert contents[0] != contents[2]
