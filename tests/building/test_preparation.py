"""What a build stands on: the arm that was measured, and what must not be seen."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from synthaudit.building.preparation import refuse_leaks
from synthaudit.errors import PlanError
from synthaudit.settings import Settings
from synthaudit.sweeping.plan import Plan
from synthaudit.sweeping.preparation import prepare
from synthaudit.sweeping.summary import plan_of
from tests.building.small_build import HOW, write_plan, write_real

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.mark.parametrize(
    ("axes", "rules"),
    [
        ({"style": ["photo", "sketch"]}, [{"subject": "bird", "style": "sketch"}]),
        ({"style": ["photo", {"value": "macro", "subject": "bird"}]}, []),
        (
            {"style": ["photo", {"value": "macro", "subject": ["bird"], "otherwise": "oil"}]},
            [{"subject": "cat", "style": {"none": 0}}][:0],
        ),
        (
            {"style": ["photo", "sketch", "oil"], "place": ["here", "there"]},
            [
                {"subject": "bird", "style": ["sketch", "photo"]},
                {"subject": "cat", "style": "sketch"},
            ],
        ),
    ],
)
def test_the_winners_plan_makes_the_arm_that_was_measured(
    tmp_path: Path, axes: dict[str, Any], rules: list[Any]
) -> None:
    real = write_real(tmp_path, classes=("frog", "cat", "bird"))
    plan = Plan.model_validate(
        {
            "real": str(real),
            "images_per_arm": 9,
            "generator": {"name": "command", "command": ["true"]},
            "prompt": " ".join(["{style} of {subject}", *(["{place}"] if "place" in axes else [])]),
            "axes": axes,
            "not": rules,
        }
    )
    for arm in prepare(plan, Settings()).arms:
        again = prepare(Plan.model_validate(plan_of(plan, arm)), Settings()).arms
        assert len(again) == 1
        assert [job.prompt for job in again[0].jobs] == [job.prompt for job in arm.jobs]
        assert [job.seed for job in again[0].jobs] == [job.seed for job in arm.jobs]


def test_several_arms_are_swept_first_by_the_steering_half(tmp_path: Path, synthaudit: Run) -> None:
    write_real(tmp_path)
    plan = write_plan(
        tmp_path, generator={"name": "gaussian"}, axes={"spread": [0.05, 1.5]},
        images_per_arm=8, build={"images_per_class": 6},
    )  # fmt: skip
    cost = synthaudit("build", plan, "--out", "set", "--dry-run", "--no-calibrate")
    assert "Before that a sweep of 2 arms makes 16 images" in cost.stdout
    result = synthaudit("build", plan, "--out", "set", *HOW)
    assert result.returncode == 0, result.stderr
    told = json.loads((tmp_path / "set" / "build.json").read_text())
    assert told["sweep"] == "set-sweep"
    assert not told["leaks"]
    assert told["provenance"]["plan"]["axes"] == {"spread": [1.5]}
    swept = json.loads((tmp_path / "set-sweep" / "sweep.json").read_text())
    assert swept["counts"]["real"] == told["counts"]["real_steering"]
    # What the sweep took is part of what was spent.
    made = len([*(tmp_path / "set" / ".build" / "store").rglob("*.png")])
    assert told["spent"]["images"] == made + 16
    again = synthaudit("build", plan, "--out", "other", "--from", "set-sweep", *HOW)
    assert again.returncode == 0, again.stderr
    # It was by the steering half alone, which a sweep of anybody else's is not.
    assert not json.loads((tmp_path / "other" / "build.json").read_text())["leaks"]
    (tmp_path / "set-sweep" / "swept-for.json").unlink()
    again = synthaudit("build", plan, "--out", "other", "--from", "set-sweep", *HOW)
    leaks = json.loads((tmp_path / "other" / "build.json").read_text())["leaks"]
    assert leaks == ["the sweep set-sweep chose the prompt by real images of both halves"]
    assert "but for this: the sweep set-sweep" in (tmp_path / "other" / "README.md").read_text()


@pytest.mark.parametrize("place", ["real", "real/frog"])
def test_a_generator_may_not_be_given_the_judging_half(tmp_path: Path, place: str) -> None:
    write_real(tmp_path)
    contents = {
        "real": str(tmp_path / "real"),
        "generator": {"name": "diffusers", "references": str(tmp_path / place)},
        "build": {"images_per_class": 8},
    }
    with pytest.raises(PlanError, match="leads to the real images themselves"):
        refuse_leaks(Plan.model_validate(contents))
    elsewhere = {**contents, "generator": {"name": "diffusers", "references": str(tmp_path)}}
    refuse_leaks(Plan.model_validate(elsewhere))


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"build": {"images_per_class": 3}}, "a set is judged from 10 on"),
        ({"subjects": ["a/b", "c"], "prompt": "{subject}"}, "each subject becomes a folder"),
        ({"build": None}, "the plan should say what to build"),
        ({"subjects": ["frog", "Cat"], "prompt": "{subject}"}, "none of 'Cat'; did you mean"),
    ],
)
def test_what_cannot_be_a_set_is_refused(
    tmp_path: Path, synthaudit: Run, changed: dict[str, Any], text: str
) -> None:
    write_real(tmp_path)
    if changed.get("build", {}) is None:
        (tmp_path / "plan.yaml").write_text(
            "real: real\nimages_per_arm: 8\ngenerator: {name: gaussian}\n"
        )
    else:
        write_plan(tmp_path, **changed)
    result = synthaudit("build", "plan.yaml", "--out", "set")
    assert result.returncode == 2
    assert text in result.stderr


def test_a_set_without_classes(tmp_path: Path, synthaudit: Run) -> None:
    write_real(tmp_path, classes=("",))
    for file in (tmp_path / "real").iterdir():
        assert file.is_file()
    plan = write_plan(tmp_path, build={"images_per_class": 12})
    result = synthaudit("build", plan, "--out", "set", *HOW)
    assert result.returncode == 0, result.stderr
    assert len([*(tmp_path / "set" / "images").glob("*.png")]) == 12
