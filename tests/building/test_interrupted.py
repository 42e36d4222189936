"""A build that is killed, whose generator fails or whose disk is full comes to the same set."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import synthaudit as package
from synthaudit.errors import GeneratorError
from synthaudit.generation.gaussian import GaussianGenerator
from synthaudit.generation.jobs import Job, Made
from tests.building.small_build import HOW, metadata, write_plan, write_real

Run = Callable[..., subprocess.CompletedProcess[str]]
COMMAND = Path(sys.executable).with_name("synthaudit")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_real(tmp_path)
    write_plan(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the set that nobody has disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    write_real(folder)
    write_plan(folder)
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        found = package.build(
            "plan.yaml", out="set", progress=package.NoProgress(),
            obvious=1.0, resamples=20, permutations=19, repeats=1,
        )  # fmt: skip
    assert found.exit_code == 0
    return folder


@pytest.fixture
def undisturbed(whole: Path) -> list[dict[str, Any]]:
    return metadata(whole / "set")


def failing(monkeypatch: pytest.MonkeyPatch, fails: Callable[[Job], bool]) -> list[Job]:
    """The Gaussian fails where it is told to; what it has made is listed."""
    make, made = GaussianGenerator.make, []

    def fail(self: GaussianGenerator, jobs: Sequence[Job]) -> Iterator[Made]:
        for job in jobs:
            if fails(job):
                yield Made(image=None, error=GeneratorError("the machine is overheated."))
            else:
                made.append(job)
                yield from make(self, [job])

    monkeypatch.setattr(GaussianGenerator, "make", fail)
    return made


def test_a_generator_that_fails_half_of_the_time_makes_the_same_set(
    folder: Path,
    undisturbed: list[dict[str, Any]],
    synthaudit: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chance = random.Random(1)
    failing(monkeypatch, lambda _: chance.random() < 0.5)
    result = synthaudit("build", "plan.yaml", "--out", "set", *HOW)
    assert result.returncode == 0, result.stderr
    assert metadata(folder / "set") == undisturbed


def test_an_image_that_can_never_be_made_gives_way_to_another(
    folder: Path, synthaudit: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, lambda job: job.subject == "frog" and job.number == 1)
    result = synthaudit("build", "plan.yaml", "--out", "set", *HOW)
    assert result.returncode == 0, result.stderr
    assert len(metadata(folder / "set")) == 20
    assert "the machine is overheated." in (folder / "set" / "dropped.csv").read_text()


def test_a_generator_that_makes_nothing_at_all_is_an_error(
    folder: Path, synthaudit: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, lambda _: True)
    result = synthaudit("build", "plan.yaml", "--out", "set", *HOW)
    assert result.returncode == 2
    assert "the machine is overheated" in result.stderr
    assert not (folder / "set" / "build.json").exists()


def test_a_generator_that_dies_midway_is_an_honest_3_and_goes_on_later(
    folder: Path,
    undisturbed: list[dict[str, Any]],
    synthaudit: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    count = [0]

    def dies(_: Job) -> bool:
        count[0] += 1
        return count[0] > 16

    with monkeypatch.context() as patched:
        failing(patched, dies)
        result = synthaudit("build", "plan.yaml", "--out", "set", *HOW)
    assert result.returncode == 3, result.stderr
    told = json.loads((folder / "set" / "build.json").read_text())
    assert told["verdict"]["state"] == "spent"
    assert "The generator fails" in told["verdict"]["why"][0]
    assert told["quota"]["cat"][0] + told["quota"]["frog"][0] < 20
    result = synthaudit("build", "plan.yaml", "--out", "set", *HOW)
    assert result.returncode == 0, result.stderr
    assert len(metadata(folder / "set")) == len(undisturbed)


def test_a_full_disk_loses_nothing(
    folder: Path,
    undisturbed: list[dict[str, Any]],
    synthaudit: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:

    with monkeypatch.context() as patched:
        patched.setattr("synthaudit.sweeping.store.os.replace", _full_after(9))
        result = synthaudit("build", "plan.yaml", "--out", "set", *HOW)
    assert result.returncode == 2
    assert "no space left on device" in result.stderr
    assert not (folder / "set" / "build.json").exists()
    made = [file.name for file in (folder / "set" / ".build" / "store").rglob("*.png")]
    assert len(made) == 9
    result = synthaudit("build", "plan.yaml", "--out", "set", *HOW)
    assert result.returncode == 0, result.stderr
    assert metadata(folder / "set") == undisturbed


def _full_after(images: int) -> Callable[[Any, Any], None]:
    import os

    replace, count = os.replace, [0]

    def full(source: Any, place: Any) -> None:
        count[0] += str(place).endswith(".png")
        if count[0] > images:
            raise OSError(28, "No space left on device")
        replace(source, place)

    return full


def test_kill_9_loses_nothing_and_makes_nothing_twice(
    folder: Path, whole: Path, undisturbed: list[dict[str, Any]], synthaudit: Run
) -> None:
    command = [COMMAND, "build", "plan.yaml", "--out", "set", "-q", *HOW]
    for least in (4, 12):
        running = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 60
        while len(images_of(folder)) < least and time.monotonic() < deadline:
            time.sleep(0.01)
        running.send_signal(signal.SIGKILL)
        running.communicate()
        assert len(images_of(folder)) >= least
    before = images_of(folder)
    result = synthaudit("build", "plan.yaml", "--out", "set", *HOW)
    assert result.returncode == 0, result.stderr
    assert metadata(folder / "set") == undisturbed
    after = images_of(folder)
    assert before.items() <= after.items()
    assert set(after) == set(images_of(whole))
    assert not [*folder.glob("set/**/.partial*")]


def images_of(folder: Path) -> dict[str, int]:
    files = [*(folder / "set" / ".build" / "store").rglob("[0-9a-f]*.png")]
    return {file.name: file.stat().st_mtime_ns for file in files}


def test_two_builds_at_once_are_refused(folder: Path, synthaudit: Run) -> None:
    from synthaudit.folder_lock import FolderLock

    (folder / "set" / ".build").mkdir(parents=True)
    lock = FolderLock(folder / "set" / ".build", alone=True)
    result = synthaudit("build", "plan.yaml", "--out", "set", *HOW)
    lock.release()
    assert result.returncode == 2
    assert "another build is at work in set" in result.stderr


def test_other_real_images_or_another_embedder_are_refused(folder: Path, synthaudit: Run) -> None:
    write_plan(folder, budget={"images": 8})
    result = synthaudit("build", "plan.yaml", "--out", "set", *HOW)
    assert result.returncode == 3, result.stderr
    next((folder / "real").rglob("*.png")).unlink()
    result = synthaudit("build", "plan.yaml", "--out", "set", *HOW)
    assert result.returncode == 2
    assert "the real images in real have changed" in result.stderr


def test_a_mended_plan_goes_on_where_the_former_was_stuck(folder: Path, synthaudit: Run) -> None:
    write_plan(folder, generator={"name": "augment", "strength": 0.0})
    result = synthaudit("build", "plan.yaml", "--out", "set", *HOW)
    assert result.returncode == 1
    write_plan(folder)
    result = synthaudit("build", "plan.yaml", "--out", "set", *HOW)
    assert result.returncode == 0, result.stderr
    assert {row["generator"] for row in metadata(folder / "set")} == {"gaussian"}
    assert "gaussian" in (folder / "set" / "README.md").read_text()
