"""A plan that changed, in the folder of the former one: as if that folder were fresh."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

import synthaudit as package
from synthaudit.progress import NoProgress
from synthaudit.settings import Settings
from synthaudit.sweeping.layout import lay_out_arm
from synthaudit.sweeping.plan import read_plan
from synthaudit.sweeping.preparation import prepare
from synthaudit.sweeping.production import Production, Shard
from synthaudit.sweeping.store import Store
from tests.conftest import Run
from tests.sweeping.test_sweep import arms_of, diffusion_plan, quick, write_plan


def results_of(folder: Path) -> dict[str, Any]:
    """What a sweep found, without seconds and without what was made when."""
    found: dict[str, Any] = json.loads((folder / "sweep.json").read_text())
    found["counts"].pop("made")
    for arm in found["arms"]:
        for name in ("seconds", "seconds_per_image", "peak_memory"):
            arm.pop(name)
    found["arms"].sort(key=lambda arm: str(arm["arm"]))
    return found


def audits_of(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): file.read_text()
        for file in sorted(folder.glob("arms/*/scores.json"))
    }


def assert_same(used: Path, fresh: Path) -> None:
    assert arms_of(used) == arms_of(fresh)
    assert audits_of(used) == audits_of(fresh)
    assert results_of(used) == results_of(fresh)
    assert sorted(p.name for p in (used / "arms").iterdir()) == sorted(
        p.name for p in (fresh / "arms").iterdir()
    )


def test_a_changed_plan_compares_its_own_images(
    two_sides: tuple[Path, Path], tmp_path: Path
) -> None:
    """In the folder of an earlier plan the arms are what they are in a fresh one."""
    changes: list[dict[str, Any]] = [
        {"generator": {"name": "gaussian", "spread": 0.5}, "axes": {"axes": [2, 9]}},
        {"seed": 5, "generator": {"name": "gaussian"}, "axes": {"axes": [2, 9]}},
        {"images_per_arm": 10, "generator": {"name": "gaussian"}, "axes": {"axes": [2, 9]}},
    ]
    for number, change in enumerate(changes):
        plan = write_plan(tmp_path / f"{number}.yaml", two_sides[0], **change)
        used, fresh = quick(plan, tmp_path / "used"), quick(plan, tmp_path / f"fresh {number}")
        assert arms_of(tmp_path / "used") == arms_of(tmp_path / f"fresh {number}")
        names = sorted(arm.arm for arm in used.arms)
        by_name = [{arm.arm: arm.scores for arm in sweep.arms} for sweep in (used, fresh)]
        assert [by_name[0][name] for name in names] == [by_name[1][name] for name in names]


def test_every_option_of_the_generator_changed_in_turn(
    two_sides: tuple[Path, Path], tmp_path: Path, models: dict[str, Path]
) -> None:
    base = {
        "name": "diffusers",
        "model": str(models["sd"]),
        "steps": 2,
        "size": 32,
        "device": "cpu",
        "local_files_only": True,
    }
    changes: list[dict[str, Any]] = [
        {},
        {"steps": 4},
        {"guidance_scale": 2.0},
        {"negative_prompt": "blurry"},
        {"scheduler": "EulerDiscreteScheduler"},
        {"size": [40, 32]},
        {"references": "real", "strength": 0.9},
        {"attention": "slicing"},
        {"lora": str(models["lora"])},
        {"lora": str(models["lora"]), "lora_scale": 3.0},
    ]
    for number, change in enumerate(changes):
        plan = diffusion_plan(
            tmp_path / f"{number}.yaml",
            two_sides[0],
            models["sd"],
            images_per_arm=10,
            generator={**base, **change},
            axes={"template": ["A photo of a snack"]},
        )
        lay_out(plan, tmp_path / "used")
        files = [data for _, data in sorted(arms_of(tmp_path / "used").items())]
        assert files == freshly_made(plan)


def lay_out(plan: Path, out: Path) -> None:
    """Make and lay out the images of a plan as a sweep does, without auditing them."""
    prepared = prepare(read_plan(plan), Settings())
    store = Store(out / "store")
    try:
        production = Production(
            prepared.arms,
            generator=prepared.generator,
            store=store,
            codec=prepared.codec,
            budget=prepared.plan.budget,
            shard=Shard(),
            progress=NoProgress(),
        )
        production.make([arm.name for arm in prepared.arms], prepared.plan.images_per_arm)
        for arm in prepared.arms:
            lay_out_arm(out, arm, production)
    finally:
        store.close()


def freshly_made(plan: Path) -> list[bytes]:
    """The files of the first arm, by a generator that knows nothing of a store; cats first."""
    prepared = prepare(package.read_plan(plan), package.Settings(embedder="builtin"))
    (arm,) = prepared.arms
    made = zip(arm.jobs, prepared.generator.make(arm.jobs), strict=True)
    files = {(job.subject, job.number): own.image for job, own in made}
    return [prepared.codec.encode(image) for _, image in sorted(files.items()) if image is not None]


def test_arms_of_the_former_plan_go_and_the_change_is_said(
    two_sides: tuple[Path, Path],
    tmp_path: Path,
    synthaudit: Run,
    caplog: pytest.LogCaptureFixture,
) -> None:
    plan = tmp_path / "plan.yaml"
    write_plan(plan, two_sides[0], axes={"strength": [0.2, 2.0]})
    quick(plan, tmp_path / "used")
    with caplog.at_level(logging.WARNING, "synthaudit"):
        quick(plan, tmp_path / "used")
    assert "the plan has changed" not in caplog.text
    write_plan(plan, two_sides[0], axes={"strength": [0.2, 1.0]})
    told = synthaudit("sweep", plan, "--out", tmp_path / "used", "--status")
    assert "The plan has changed since the results there were written." in told.stdout
    with caplog.at_level(logging.WARNING, "synthaudit"):
        quick(plan, tmp_path / "used")
    assert "the plan has changed" in caplog.text
    assert "no longer holds the arms of the former plan (1)" in caplog.text
    quick(plan, tmp_path / "fresh")
    assert_same(tmp_path / "used", tmp_path / "fresh")


def test_every_arm_has_the_verdict_of_its_audit(
    two_sides: tuple[Path, Path], tmp_path: Path, synthaudit: Run
) -> None:
    plan = write_plan(tmp_path / "plan.yaml", two_sides[0])
    done = synthaudit("sweep", plan, "--out", tmp_path / "out", "--quick")
    found = json.loads((tmp_path / "out" / "sweep.json").read_text())
    for arm in found["arms"]:
        audit = json.loads((tmp_path / "out" / "arms" / arm["arm"] / "scores.json").read_text())
        assert arm["verdict"] == audit["verdict"]
    page = (tmp_path / "out" / "report.html").read_text()
    best = next(arm for arm in found["arms"] if arm["arm"] == found["recommended"]["arm"])
    lead = best["verdict"]["text"]
    if all(arm["verdict"]["fit"] is False for arm in found["arms"]):
        lead = "No arm is fit to train on yet"
    assert lead in " ".join(done.stdout.split())
    assert lead in page


def test_a_policy_judges_the_winner(
    two_sides: tuple[Path, Path], tmp_path: Path, synthaudit: Run
) -> None:
    plan = write_plan(tmp_path / "plan.yaml", two_sides[0])
    for limit, code in ((1.0, 0), (0.0, 1)):
        policy = tmp_path / "policy.toml"
        policy.write_text(f"[limits]\nunrealistic = {{max = {limit}}}\n")
        done = synthaudit("sweep", plan, "--out", tmp_path / "out", "--quick", "--gate", policy)
        assert done.returncode == code, done.stderr
        assert ("The set passes." if code == 0 else "The set is rejected.") in done.stdout
