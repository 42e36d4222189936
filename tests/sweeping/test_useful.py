"""``goal: useful``: the arm wins that teaches most."""

from __future__ import annotations

from pathlib import Path

import pytest

import synthaudit
from synthaudit.errors import PlanError
from synthaudit.reporting.files import write_sweep_report
from tests.sweeping.test_sweep import quick, write_plan
from tests.training.test_training import lay_out


def test_the_arm_that_teaches_most_wins(tmp_path: Path) -> None:
    real = lay_out(tmp_path / "real", each=40, seed=1)
    lay_out(tmp_path / "made" / "wrong", each=20, seed=2, swapped=True)
    lay_out(tmp_path / "made" / "right", each=20, seed=3)
    plan = write_plan(
        tmp_path / "plan.yaml",
        real,
        images_per_arm=40,
        generator={"name": "folder", "pattern": f"{tmp_path}/made/{{style}}/{{subject}}/*.png"},
        axes={"style": ["wrong", "right"]},
        goal="useful",
    )
    found = quick(plan, tmp_path / "out")
    assert found.goal == "useful"
    assert [arm.arm for arm in found.arms] == ["002-right", "001-wrong"]
    errors = [arm.measures["useless"] for arm in found.arms]
    assert errors[0] < 0.25 < errors[1]
    assert found.recommended.is_beyond_noise
    assert "lowest useless" in found.recommended.reasons[0]
    (effect,) = [own for own in found.effects if own.measure == "useless"]
    assert effect.difference < -0.2
    write_sweep_report(found, tmp_path / "out")
    assert "useless" in (tmp_path / "out" / "report.html").read_text()


def test_without_classes_nothing_is_useful(tmp_path: Path) -> None:
    real = lay_out(tmp_path / "real", each=12, seed=1)
    plan = write_plan(tmp_path / "plan.yaml", real / "red", goal="useful", images_per_arm=8)
    with pytest.raises(PlanError, match="goal: useful needs real images in class folders"):
        quick(plan, tmp_path / "out")
    other = write_plan(
        tmp_path / "plan.yaml", real, goal="useful", subjects=["red", "green"], images_per_arm=8
    )
    with pytest.raises(PlanError, match="but there are 1"):
        synthaudit.sweep(other, out=tmp_path / "out", quick=True)
