"""Results never take the place of what somebody else made."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Run
from tests.sweeping.test_sweep import write_plan


@pytest.mark.parametrize("command", ["score", "inspect"])
def test_keep_replaces_only_what_it_wrote(
    two_sides: tuple[Path, Path], synthaudit: Run, tmp_path: Path, command: str
) -> None:
    sides = two_sides if command == "score" else two_sides[1:]
    common = (command, *sides, "--embedder", "builtin", *(["--quick"] * (command == "score")))
    picture = next(two_sides[1].rglob("*.png"))
    manifest = tmp_path / "mine.csv"
    manifest.write_text("path,class\na.png,cat\n")
    for file in (picture, manifest):
        before = file.read_bytes()
        done = synthaudit(*common, "--quiet", "--keep", file)
        assert done.returncode == 2
        assert "was not written by --keep" in done.stderr
        assert file.read_bytes() == before
    for _ in range(2):
        assert synthaudit(*common, "--quiet", "--keep", "kept.csv").returncode == 0
    assert (tmp_path / "kept.csv").read_text().startswith("path,is_kept,reason\n")


def test_a_sweep_makes_no_images_among_the_real_ones(
    two_sides: tuple[Path, Path], synthaudit: Run, tmp_path: Path
) -> None:
    plan = write_plan(tmp_path / "plan.yaml", two_sides[0])
    before = sorted(two_sides[0].rglob("*"))
    for out in (two_sides[0], two_sides[0] / "sweep", two_sides[0] / "cat" / ".." / "new"):
        done = synthaudit("sweep", plan, "--out", out, "--quiet")
        assert done.returncode == 2
        assert "inside the real ones" in done.stderr
        assert sorted(two_sides[0].rglob("*")) == before
