"""A CI job from end to end on CIFAKE's photos, in a git repository, by the installed command."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from tests.conftest import Run

POLICY = """
embedder = "builtin"
certain = true
[limits]
unvaried = {max = 0.06}
unoriginal = {max = 0.02}
unrealistic = {max = 0.6}
"counts.unreadable" = {max = 0}
"""
HOW = ["--embedder", "builtin", "--permutations", "19", "--resamples", "20", "-q"]
JOB = f"""#!/bin/bash
set -e
synthaudit score real synthetic {" ".join(HOW)} --out audit
synthaudit gate audit --junit junit.xml
"""


class Repository:
    """A git repository whose check audits ``real`` against ``synthetic``."""

    def __init__(self, root: Path, photos: list[Path], fakes: list[Path]) -> None:
        self.root = root
        root.mkdir()
        for side, files in (("real", photos), ("synthetic", fakes)):
            for number, file in enumerate(files):
                place = root / side / file.parent.name / f"{number:04d}.jpg"
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, place)
        (root / "synthaudit.toml").write_text(POLICY)
        (root / "ci.sh").write_text(JOB)
        self.git("init", "--quiet")
        self.git("add", ".")
        self.git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "set")

    def git(self, *arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=self.root, check=True, capture_output=True)

    def check(self, synthaudit: Run) -> subprocess.CompletedProcess[str]:
        """The same calls in this process."""
        sides = (self.root / "real", self.root / "synthetic")
        audit = self.root / "audit"
        done = synthaudit("score", *sides, *HOW, "--out", audit)
        assert done.returncode == 0, done.stderr
        return synthaudit("gate", audit, "--policy", self.root / "synthaudit.toml", COLUMNS="120")

    def check_as_ci_does(self) -> subprocess.CompletedProcess[str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "ci.sh"],
            cwd=self.root,
            env={**os.environ, "PATH": path, "COLUMNS": "120"},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def halves(photos: Path) -> tuple[list[Path], list[Path]]:
    """Two halves of the real photos: the second passes for a perfect synthetic set."""
    files = sorted((photos / "cifake" / "real").glob("*/*.jpg"))
    order = np.random.default_rng(0).permutation(len(files))
    return [files[n] for n in order[:350]], [files[n] for n in order[500:850]]


def edited(source: Path, target: Path) -> None:
    with Image.open(source) as image:
        ImageEnhance.Brightness(image).enhance(1.05).save(target, quality=90)


def test_a_good_set_passes(halves: tuple[list[Path], list[Path]], tmp_path: Path) -> None:
    done = Repository(tmp_path / "good", *halves).check_as_ci_does()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The set passes." in done.stdout


def test_repeats_are_rejected_by_name(
    halves: tuple[list[Path], list[Path]], tmp_path: Path, synthaudit: Run
) -> None:
    repository = Repository(tmp_path / "repeats", *halves)
    files = sorted((repository.root / "synthetic").rglob("*.jpg"))
    for number in range(60):
        edited(files[200 + number // 4], files[number])
    done = repository.check(synthaudit)
    assert done.returncode == 1, done.stdout + done.stderr
    named = [line for line in done.stdout.splitlines() if "repeats: " in line]
    assert len(named) == 5
    planted = {str(file.relative_to(repository.root / "synthetic")) for file in files[:60]}
    sources = {str(file.relative_to(repository.root / "synthetic")) for file in files[200:215]}
    for line in named:
        listed = set(line.split("repeats: ")[1].removesuffix(" ...").split(", "))
        assert listed <= planted | sources


def test_copies_are_rejected_with_their_originals(
    halves: tuple[list[Path], list[Path]], tmp_path: Path, synthaudit: Run
) -> None:
    repository = Repository(tmp_path / "copies", *halves)
    real = sorted((repository.root / "real").rglob("*.jpg"))
    files = sorted((repository.root / "synthetic").rglob("*.jpg"))
    pairs = {}
    for number in range(50):
        edited(real[number], files[number])
        roots = (repository.root / "synthetic", repository.root / "real")
        copy, original = files[number].relative_to(roots[0]), real[number].relative_to(roots[1])
        pairs[str(copy)] = str(original)
    done = repository.check(synthaudit)
    assert done.returncode == 1, done.stdout + done.stderr
    named = [line.split() for line in done.stdout.splitlines() if "(distance " in line]
    assert len(named) == 5
    assert all(pairs[words[0]] == words[2] for words in named)


def test_a_small_set_is_undecided(
    halves: tuple[list[Path], list[Path]], tmp_path: Path, synthaudit: Run
) -> None:
    done = Repository(tmp_path / "small", halves[0][:100], halves[1][:100]).check(synthaudit)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "more images would tell" in done.stdout


def test_another_embedder_is_refused(
    halves: tuple[list[Path], list[Path]], tmp_path: Path, synthaudit: Run
) -> None:
    repository = Repository(tmp_path / "other", halves[0][:50], halves[1][:50])
    text = POLICY.replace('"builtin"', '"clip:ViT-B-32:datacomp_xl_s13b_b90k"')
    (repository.root / "synthaudit.toml").write_text(text)
    done = repository.check(synthaudit)
    assert done.returncode == 2
    assert "not comparable" in done.stderr
