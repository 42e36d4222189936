"""What a fault leaves of a sweep: whatever was made is found again, and nothing broken is kept."""

from __future__ import annotations

import logging
import os
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from synthaudit.errors import DataError, GeneratorError, PlanError, StorageError
from tests.conftest import Run
from tests.sweeping.test_sweep import images_of, quick, write_plan

SCRIPT = """
import json, sys
from PIL import Image
asked = json.load(sys.stdin)
options = asked["jobs"][0]["options"]
for job in asked["jobs"]:
    if options.get("refuse") in job["prompt"].split():
        continue
    place = f"{asked['folder']}/{job['file']}.png"
    colour = (job["seed"] % 256, job["seed"] // 256 % 256, len(job["prompt"]))
    image = Image.radial_gradient("L").resize((40, 40)).convert("RGB").point(
        lambda v, c=colour: (v * c[0]) // 255)
    image.save(place)
    if options.get("cut") == job["number"]:
        data = open(place, "rb").read()
        open(place, "wb").write(data[: len(data) // 2])
"""


def command_plan(file: Path, real: Path, *, axes: dict[str, Any], **options: Any) -> Path:
    script = file.parent / "generate.py"
    script.write_text(SCRIPT)
    return write_plan(
        file,
        real,
        generator={"name": "command", "command": [sys.executable, str(script)], "options": options},
        prompt="{a} {subject} {style}" if "style" in axes else "{a} {subject}",
        axes=axes,
    )


@pytest.mark.parametrize("damage", ["text", "zeros", "cut", "gone"])
def test_a_damaged_manifest_is_made_again_from_the_images(
    two_sides: tuple[Path, Path],
    tmp_path: Path,
    damage: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    plan = write_plan(tmp_path / "plan.yaml", two_sides[0])
    first = quick(plan, tmp_path / "out")
    before = images_of(tmp_path / "out")
    manifest = tmp_path / "out" / "store" / "manifest.sqlite"
    data = manifest.read_bytes()
    if damage == "gone":
        manifest.unlink()
    else:
        damaged = {"text": b"not a database" * 999, "zeros": b"\1" * len(data), "cut": data[:5000]}
        manifest.write_bytes(damaged[damage])
    with caplog.at_level(logging.WARNING, "synthaudit"):
        again = quick(plan, tmp_path / "out")
    assert again.counts["made"] == 0
    assert images_of(tmp_path / "out") == before
    assert {a.arm: a.scores for a in again.arms} == {a.arm: a.scores for a in first.arms}
    assert ("set aside" in caplog.text) == (damage != "gone")
    assert len(list(manifest.parent.glob("*.damaged-*"))) == (damage != "gone")
    caplog.clear()
    assert quick(plan, tmp_path / "out").counts["made"] == 0
    assert "set aside" not in caplog.text


def test_a_manifest_that_is_damaged_while_it_is_used(
    two_sides: tuple[Path, Path], tmp_path: Path
) -> None:
    """Rows that lie on broken pages, which opening does not read."""
    plan = write_plan(
        tmp_path / "plan.yaml",
        two_sides[0],
        images_per_arm=120,
        generator={"name": "gaussian"},
        axes={"axes": [2, 9]},
    )
    assert quick(plan, tmp_path / "out").counts["made"] == 240
    manifest = tmp_path / "out" / "store" / "manifest.sqlite"
    with manifest.open("r+b") as stream:
        stream.seek(8192)
        stream.write(os.urandom(manifest.stat().st_size - 8192))
    with pytest.raises(sqlite3.DatabaseError):
        sqlite3.connect(manifest).execute("SELECT * FROM images").fetchall()
    assert quick(plan, tmp_path / "out").counts["made"] == 0


def test_an_image_that_was_cut_is_made_again(two_sides: tuple[Path, Path], tmp_path: Path) -> None:
    plan = write_plan(tmp_path / "plan.yaml", two_sides[0])
    quick(plan, tmp_path / "out")
    before = images_of(tmp_path / "out")
    # The arms' images are links to those of the store.
    broken = sorted((tmp_path / "out" / "arms").glob("*/images/*/*.png"))[:3]
    for file in broken:
        file.write_bytes(file.read_bytes()[:50])
    assert quick(plan, tmp_path / "out").counts["made"] == len(broken)
    assert images_of(tmp_path / "out") == before


def test_a_broken_image_is_refused_at_once_and_never_kept(
    two_sides: tuple[Path, Path], tmp_path: Path, synthaudit: Run
) -> None:
    axes = {"style": ["", "in oil"]}
    plan = command_plan(tmp_path / "plan.yaml", two_sides[0], axes=axes, cut=3)
    done = synthaudit("sweep", plan, "--out", tmp_path / "out", "--quick", "--quiet")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: arm 001: ")
    assert "made a broken image (number 3 of 'cat', seed " in line
    assert "truncated" in line
    assert len(images_of(tmp_path / "out")) == 6  # cat and dog in turn: those before it stay
    mended = command_plan(tmp_path / "plan.yaml", two_sides[0], axes=axes)
    assert quick(mended, tmp_path / "out").counts["images_per_arm"] == 16


def test_an_arm_that_the_generator_refuses_does_not_cost_the_others(
    two_sides: tuple[Path, Path], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    axes = {"style": ["in oil", "in ink", "forbidden"]}
    plan = command_plan(tmp_path / "plan.yaml", two_sides[0], axes=axes, refuse="forbidden")
    found = quick(plan, tmp_path / "out")
    assert {arm.arm for arm in found.arms} == {"001-in-oil", "002-in-ink"}
    reason = (
        "the generator refused 16 of its 16 images (the program left no image; once it is mended, "
        "change its version)"
    )
    assert f"arm 003-forbidden is left out: {reason}." in caplog.text
    assert f"Arm 003-forbidden is left out: {reason}." in found.notes
    assert found.is_complete
    assert not (tmp_path / "out" / "arms" / "003-forbidden").exists()


def test_images_beyond_the_limit_are_said(two_sides: tuple[Path, Path], tmp_path: Path) -> None:
    plan = write_plan(
        tmp_path / "plan.yaml",
        two_sides[0],
        generator={"name": "folder", "pattern": str(two_sides[1])},
        axes={},
    )
    with pytest.raises(DataError, match=r"30 of 30 real images are unreadable.*--max-pixels"):
        quick(plan, tmp_path / "out", max_pixels=500)


def test_results_that_cannot_be_replaced_are_said_before_the_work(
    two_sides: tuple[Path, Path], tmp_path: Path
) -> None:
    plan = write_plan(tmp_path / "plan.yaml", two_sides[0])
    (tmp_path / "out" / "sweep.json").mkdir(parents=True)
    with pytest.raises(StorageError, match=r"sweep\.json is a folder in the place of a result"):
        quick(plan, tmp_path / "out")
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["sweep.json"]


def test_results_of_a_former_plan_do_not_outlive_its_arms(
    two_sides: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(write_plan(tmp_path / "plan.yaml", two_sides[0]), tmp_path / "out")
    other = write_plan(tmp_path / "other.yaml", two_sides[0], axes={"strength": [1.0, 3.0]})

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_parquet", full)
    with pytest.raises(StorageError):
        quick(other, tmp_path / "out")
    left = {file.name for file in (tmp_path / "out").iterdir()}
    assert left == {"store", "arms"}


def test_a_folder_in_the_place_of_an_image_is_said(
    two_sides: tuple[Path, Path], tmp_path: Path
) -> None:
    plan = write_plan(tmp_path / "plan.yaml", two_sides[0])
    quick(plan, tmp_path / "out")
    file = next((tmp_path / "out" / "store").glob("*/*.png"))
    file.unlink()
    file.mkdir()
    with pytest.raises(StorageError, match=rf"{file.name} is a folder in the place of an image"):
        quick(plan, tmp_path / "out")


def test_a_program_that_a_signal_ends(two_sides: tuple[Path, Path], tmp_path: Path) -> None:
    plan = write_plan(
        tmp_path / "plan.yaml",
        two_sides[0],
        generator={"name": "command", "command": ["sh", "-c", "kill -SEGV $$"]},
        prompt="x {style}",
        axes={"style": ["a", "b"]},
    )
    with pytest.raises(GeneratorError, match=r"sh was ended by SIGSEGV: it said nothing\."):
        quick(plan, tmp_path / "out")


def test_a_generator_that_makes_nothing_is_said_to(
    two_sides: tuple[Path, Path], tmp_path: Path
) -> None:
    plan = command_plan(
        tmp_path / "plan.yaml", two_sides[0], axes={"style": ["x", "y"]}, refuse="a"
    )
    with pytest.raises(
        GeneratorError, match=r"no arm has 8 images.*left no image.*change the vers"
    ):
        quick(plan, tmp_path / "out")


def test_a_key_of_the_programs_options_is_an_axis(
    two_sides: tuple[Path, Path], tmp_path: Path
) -> None:
    plan = command_plan(
        tmp_path / "plan.yaml",
        two_sides[0],
        axes={"refuse": ["cat", "nothing"], "cut": [-1]},
        refuse="",
        cut=-1,
    )
    # The first arm lacks its cats.
    assert quick(plan, tmp_path / "out").counts["images_per_arm"] == 8
    loose = command_plan(tmp_path / "loose.yaml", two_sides[0], axes={"refuse": ["cat"]}, cut=-1)
    with pytest.raises(PlanError, match="neither in the prompt"):
        quick(loose, tmp_path / "loose")
