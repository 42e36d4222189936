"""Sweeps from end to end, through the installed command and the tiny models."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

import synthaudit as package
from synthaudit.errors import GeneratorError, StorageError, Unfinished
from synthaudit.generation.jobs import Made
from synthaudit.sweeping.plan import Plan
from synthaudit.sweeping.production import Shard
from synthaudit.sweeping.store import Codec, Store
from tests.conftest import Run
from tests.pictures import encoded, picture

COMMAND = Path(sys.executable).with_name("synthaudit")


def write_plan(file: Path, real: Path, **changes: Any) -> Path:
    contents: dict[str, Any] = {
        "real": str(real),
        "embedder": "builtin",
        "images_per_arm": 16,
        "generator": {"name": "augment"},
        "axes": {"strength": [0.2, 2.0]},
    }
    file.write_text(yaml.safe_dump({**contents, **changes}, sort_keys=False))
    return file


def images_of(out: Path) -> dict[str, bytes]:
    store = out / "store"
    return {
        str(file.relative_to(store)): file.read_bytes()
        for file in store.rglob("*")
        # A draft of a run that was killed is no image.
        if file.is_file() and file.suffix in (".png", ".jpg") and not file.name.startswith(".")
    }


def quick(plan: Path | Plan, out: Path, **settings: Any) -> package.Sweep:
    return package.sweep(plan, out=out, quick=True, cache=out.parent / "cache", **settings)


def test_the_files_of_a_sweep(
    two_sides: tuple[Path, Path], tmp_path: Path, synthaudit: Run
) -> None:
    plan = write_plan(tmp_path / "plan.yaml", two_sides[0])
    done = synthaudit("sweep", plan, "--out", tmp_path / "out", "--quick")
    assert done.returncode == 0, done.stderr
    assert "2 arms, 16 images each against 30 real ones" in done.stdout
    found = json.loads((tmp_path / "out" / "sweep.json").read_text())
    assert found["schema"] == "synthaudit/sweep/1"
    assert found["is_complete"]
    assert {arm["arm"] for arm in found["arms"]} == {"001-0.2", "002-2.0"}
    assert found["recommended"]["arm"] == found["arms"][0]["arm"]
    assert set(found["best_by_subject"]) == {"cat", "dog"}
    assert set(found["pareto"]) == {arm["arm"] for arm in found["arms"] if arm["is_pareto"]}
    first = found["arms"][0]
    assert set(first["scores"]) == {"unrealistic", "unrepresentative", "unvaried", "unoriginal"}
    assert first["images"] == 16
    table = pd.read_parquet(tmp_path / "out" / "arms.parquet")
    assert list(table["arm"]) == [arm["arm"] for arm in found["arms"]]
    for arm in found["arms"]:
        audit = json.loads((tmp_path / "out" / "arms" / arm["arm"] / "scores.json").read_text())
        assert audit["unrealistic"] == pytest.approx(arm["scores"]["unrealistic"])
        files = list((tmp_path / "out" / "arms" / arm["arm"] / "images").rglob("*.png"))
        assert len(files) == 16
        assert {file.parent.name for file in files} == {"cat", "dog"}
    with Image.open(tmp_path / "out" / "contact-sheet.jpg") as sheet:
        assert sheet.width > 400
    winner = package.read_plan(tmp_path / "out" / "winner.yaml")
    assert [len(values) for values in winner.axes.values()] == [1]


def test_results_alone_are_written_and_rendered_elsewhere(
    two_sides: tuple[Path, Path], tmp_path: Path, synthaudit: Run
) -> None:
    found = quick(write_plan(tmp_path / "plan.yaml", two_sides[0]), tmp_path / "out")
    found.write(tmp_path / "copy")
    done = synthaudit("report", tmp_path / "copy")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"Rendered {tmp_path / 'copy' / 'report.html'}.\n"
    page = (tmp_path / "copy" / "report.html").read_text()
    assert found.arms[0].arm in page
    assert 'href="arms/' not in page  # the audits of the arms are not there
    file = tmp_path / "copy" / "sweep.json"
    whole = json.loads(file.read_text())
    for key in ("arms", "recommended", "pareto", "effects", "counts", "provenance"):
        for damaged in ({**whole, key: [{"a": 1}]}, {k: v for k, v in whole.items() if k != key}):
            file.write_text(json.dumps(damaged))
            refused = synthaudit("report", tmp_path / "copy")
            assert refused.returncode == 2
            assert f"sweep.json is damaged: {key}" in refused.stderr
    file.write_text(json.dumps({**whole, "counts": {"real": 1}}))
    refused = synthaudit("report", tmp_path / "copy")
    assert "counts.images_per_arm is missing" in refused.stderr
    arms = [{**arm, "measures": {}} for arm in whole["arms"]]
    file.write_text(json.dumps({**whole, "arms": arms}))
    refused = synthaudit("report", tmp_path / "copy")
    assert refused.returncode == 2
    assert "cannot be drawn" in refused.stderr
    again = synthaudit("report", tmp_path / "out")
    assert "report.md and 3 more files." in again.stdout
    assert (
        f'href="arms/{found.arms[0].arm}/report.html"'
        in (tmp_path / "out" / "report.html").read_text()
    )


def test_an_audit_and_a_sweep_do_not_share_a_folder(
    two_sides: tuple[Path, Path], tmp_path: Path
) -> None:
    """Their tables of images have one name."""
    plan = write_plan(tmp_path / "plan.yaml", two_sides[0])
    found = quick(plan, tmp_path / "out")
    audit = package.score(*two_sides, embedder="builtin", quick=True, use_cache=False)
    audit.write(tmp_path / "audit")
    before = (tmp_path / "audit" / "images.parquet").read_bytes()
    with pytest.raises(package.UsageError, match="holds an audit"):
        found.write(tmp_path / "audit")
    with pytest.raises(package.UsageError, match="holds an audit"):
        quick(plan, tmp_path / "audit")
    with pytest.raises(package.UsageError, match="holds a sweep"):
        audit.write(tmp_path / "out")
    assert (tmp_path / "audit" / "images.parquet").read_bytes() == before


def test_strong_augmentation_is_less_of_a_copy(
    two_sides: tuple[Path, Path], tmp_path: Path
) -> None:
    plan = write_plan(
        tmp_path / "plan.yaml", two_sides[0], images_per_arm=30, axes={"strength": [0.0, 3.0]}
    )
    found = quick(plan, tmp_path / "out")
    by_name = {arm.arm: arm.measures for arm in found.arms}
    assert by_name["001-0.0"]["unoriginal"] == 1.0
    assert by_name["002-3.0"]["unoriginal"] < 0.2
    effect = next(e for e in found.effects if e.measure == "unoriginal")
    assert effect.difference < -0.8
    assert effect.adjusted < 0.01
    assert found.recommended.arm == "002-3.0"


def test_images_have_the_codec_of_the_real_ones(tmp_path: Path) -> None:
    for number in range(24):
        data = encoded(picture(number), "JPEG", quality=60, subsampling=2)
        (tmp_path / "real").mkdir(exist_ok=True)
        (tmp_path / "real" / f"{number}.jpg").write_bytes(data)
    plan = write_plan(
        tmp_path / "plan.yaml",
        tmp_path / "real",
        generator={"name": "gaussian"},
        axes={"axes": [2, 9]},
    )
    found = quick(plan, tmp_path / "out")
    assert found.provenance["codec"] == {"format": "JPEG", "quality": 60, "subsampling": 2}
    assert all(name.endswith(".jpg") for name in images_of(tmp_path / "out"))


def test_a_second_run_and_a_wider_plan_make_only_what_is_missing(
    two_sides: tuple[Path, Path], tmp_path: Path
) -> None:
    plan = write_plan(tmp_path / "plan.yaml", two_sides[0])
    out = tmp_path / "out"
    assert quick(plan, out).counts["made"] == 32
    before = images_of(out)
    again = quick(plan, out)
    assert again.counts["made"] == 0
    wider = write_plan(tmp_path / "wider.yaml", two_sides[0], axes={"strength": [0.2, 1.0, 2.0]})
    assert quick(wider, out).counts["made"] == 16
    after = images_of(out)
    assert all(after[name] == data for name, data in before.items())
    lost = next(iter(before))
    (out / "store" / lost).unlink()
    assert quick(plan, out).counts["made"] == 1
    assert images_of(out)[lost] == before[lost]


def arms_of(out: Path) -> dict[str, bytes]:
    arms = out / "arms"
    files = [file for file in arms.rglob("images/**/*") if file.is_file()]
    return {str(file.relative_to(arms)): file.read_bytes() for file in files}


def diffusion_plan(file: Path, real: Path, model: Path, **changes: Any) -> Path:
    return write_plan(
        file,
        real,
        **{
            "generator": {
                "name": "diffusers",
                "model": str(model),
                "steps": 3,
                "size": 32,
                "device": "cpu",
                "batch_size": 3,
                "local_files_only": True,
            },
            "prompt": "{template}",
            "axes": {"template": ["A photo of a snack", "A photo of {a} {subject}"]},
            **changes,
        },
    )


def test_a_sweep_killed_in_the_middle_goes_on_to_the_same_images(
    two_sides: tuple[Path, Path], tmp_path: Path, models: dict[str, Path], synthaudit: Run
) -> None:
    plan = diffusion_plan(tmp_path / "plan.yaml", two_sides[0], models["sd"])
    whole = quick(plan, tmp_path / "whole")
    assert whole.counts["made"] == 32
    assert whole.is_complete

    options = ("sweep", plan, "--out", tmp_path / "cut", "--quick", "--quiet")
    running = subprocess.Popen(
        [COMMAND, *map(str, options)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 120
    while len(images_of(tmp_path / "cut")) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.communicate()
    made = len(images_of(tmp_path / "cut"))
    assert 3 <= made < 32
    status = synthaudit(*options, "--status")
    assert status.returncode == 0, status.stderr
    # A file is written before it is noted, and counts all the same.
    first = min(made, 16)
    assert f" {first}/16 " in status.stdout
    assert f" {made - first}/16 " in status.stdout
    resumed = synthaudit(*options, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert images_of(tmp_path / "cut") == images_of(tmp_path / "whole")
    assert "arms, 16 images each" in resumed.stdout


def test_resuming_nothing_is_refused(
    two_sides: tuple[Path, Path], tmp_path: Path, synthaudit: Run
) -> None:
    plan = write_plan(tmp_path / "plan.yaml", two_sides[0])
    done = synthaudit("sweep", plan, "--out", tmp_path / "none", "--resume")
    assert done.returncode == 2
    assert "nothing to resume" in done.stderr


def test_a_dry_run_makes_no_arm_and_says_what_is_cut(
    two_sides: tuple[Path, Path], tmp_path: Path, models: dict[str, Path], synthaudit: Run
) -> None:
    plan = diffusion_plan(
        tmp_path / "plan.yaml",
        two_sides[0],
        models["sd"],
        axes={"template": ["A photo of {a} {subject}", "very " * 80 + "{subject}"]},
    )
    done = synthaudit("sweep", plan, "--out", tmp_path / "out", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "2 arms x 16 images; 32 to make" in done.stdout
    assert "would not see the last 6 tokens" in done.stdout
    assert not (tmp_path / "out").exists()


def test_a_budget_ends_the_sweep_with_what_is_known(
    two_sides: tuple[Path, Path], tmp_path: Path, synthaudit: Run
) -> None:
    plan = write_plan(tmp_path / "plan.yaml", two_sides[0], budget={"images": 20})
    done = synthaudit("sweep", plan, "--out", tmp_path / "out", "--quick")
    assert done.returncode == 3, done.stderr
    assert "the budget is spent" in done.stderr
    found = json.loads((tmp_path / "out" / "sweep.json").read_text())
    assert not found["is_complete"]
    assert found["counts"]["made"] == 20
    assert 8 <= found["counts"]["images_per_arm"] < 16
    few = write_plan(tmp_path / "few.yaml", two_sides[0], budget={"images": 5}, seed=1)
    with pytest.raises(Unfinished, match="only 0 images are there of every arm"):
        quick(few, tmp_path / "few")


def test_shards_share_the_work_and_make_nothing_twice(
    two_sides: tuple[Path, Path], tmp_path: Path
) -> None:
    plan = write_plan(tmp_path / "plan.yaml", two_sides[0], images_per_arm=48)
    made = []
    for own in (1, 2, 3):
        try:
            found = quick(plan, tmp_path / "out", shard=Shard(own=own, count=3))
            made.append(found.counts["made"])
            assert found.is_complete == (own == 3)
        except Unfinished:
            made.append(len(images_of(tmp_path / "out")) - sum(made))
    assert made == [32, 32, 32]
    single = quick(plan, tmp_path / "single")
    assert images_of(tmp_path / "out") == images_of(tmp_path / "single")
    assert single.counts["made"] == 96


def test_a_race_drops_what_loses_and_says_what_it_saved(
    two_sides: tuple[Path, Path], tmp_path: Path
) -> None:
    plan = write_plan(
        tmp_path / "plan.yaml",
        two_sides[0],
        images_per_arm=40,
        axes={"strength": [0.0, 2.5, 3.0, 3.5]},
        race=True,
    )
    found = quick(plan, tmp_path / "out")
    dropped = {arm.arm for arm in found.arms if arm.dropped_at is not None}
    assert dropped == {"001-0.0"}
    assert found.counts["saved"] > 0
    assert found.counts["made"] == 160 - found.counts["saved"]
    assert found.recommended.arm not in dropped
    assert any("race dropped 1 arms" in note for note in found.notes)


SCRIPT = """
import json, sys
from PIL import Image
asked = json.load(sys.stdin)
for job in asked["jobs"]:
    if job["seed"] % 7 == 0 and asked["jobs"][0]["options"].get("refuse"):
        continue
    colour = (job["seed"] % 256, job["seed"] // 256 % 256, len(job["prompt"]))
    Image.radial_gradient("L").resize((40, 40)).convert("RGB").point(
        lambda v, c=colour: (v * c[0]) // 255).save(f"{asked['folder']}/{job['file']}.png")
print("some words", file=sys.stderr)
sys.exit(asked["jobs"][0]["options"].get("exit", 0))
"""


def command_plan(file: Path, real: Path, script: Path, **options: Any) -> Path:
    return write_plan(
        file,
        real,
        generator={"name": "command", "command": [sys.executable, str(script)], "options": options},
        prompt="{a} {subject} {style}",
        axes={"style": ["", "in oil"]},
    )


def test_any_program_can_generate(two_sides: tuple[Path, Path], tmp_path: Path) -> None:
    script = tmp_path / "generate.py"
    script.write_text(SCRIPT)
    found = quick(command_plan(tmp_path / "plan.yaml", two_sides[0], script), tmp_path / "out")
    assert found.counts["made"] == 32
    manifest = sqlite3.connect(tmp_path / "out" / "store" / "manifest.sqlite")
    facts, recipe = manifest.execute("SELECT facts, recipe FROM images LIMIT 1").fetchone()
    assert json.loads(facts)["stderr"] == "some words"
    assert json.loads(recipe)["prompt"].startswith("a ")


def test_refused_images_are_counted_and_left_out(
    two_sides: tuple[Path, Path], tmp_path: Path
) -> None:
    script = tmp_path / "generate.py"
    script.write_text(SCRIPT)
    plan = command_plan(tmp_path / "plan.yaml", two_sides[0], script, refuse=True)
    found = quick(plan, tmp_path / "out")
    assert found.counts["refused"] > 0
    assert found.counts["images_per_arm"] == 16 - found.counts["refused"] // 2
    assert found.is_complete
    assert any("were refused" in note for note in found.notes)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("import sys; sys.exit('out of credit')", "exit code 1: out of credit"),
        ("import time; time.sleep(60)", "took more than 1 s"),
    ],
)
def test_programs_that_fail(
    two_sides: tuple[Path, Path], tmp_path: Path, script: str, message: str
) -> None:
    plan = write_plan(
        tmp_path / "plan.yaml",
        two_sides[0],
        generator={"name": "command", "command": [sys.executable, "-c", script], "seconds": 1.0},
        prompt="x {style}",
        axes={"style": ["a", "b"]},
    )
    with pytest.raises(GeneratorError, match=message):
        quick(plan, tmp_path / "out")


def test_existing_images_as_arms(two_sides: tuple[Path, Path], tmp_path: Path) -> None:
    for arm, offset in (("plain", 2000), ("fancy", 3000)):
        (tmp_path / "made" / arm).mkdir(parents=True)
        for number in range(12):
            (tmp_path / "made" / arm / f"{number}.png").write_bytes(
                encoded(picture(offset + number))
            )
    plan = write_plan(
        tmp_path / "plan.yaml",
        two_sides[0],
        images_per_arm=12,
        generator={"name": "folder", "pattern": f"{tmp_path}/made/{{style}}/*.png"},
        axes={"style": ["plain", "fancy"]},
    )
    found = quick(plan, tmp_path / "out")
    assert {arm.arm for arm in found.arms} == {"001-plain", "002-fancy"}
    assert len(images_of(tmp_path / "out")) == 24
    assert found.counts["images_per_arm"] == 12


def test_a_full_disk_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path / "store")
    made = Made(image=picture(1))
    store.keep("ab" * 32, made, {}, Codec())

    def no_room(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises(StorageError, match=r"no space left on device.*the same command again"):
        store.keep("cd" * 32, made, {}, Codec())
    assert list(store.find(["ab" * 32, "cd" * 32])) == ["ab" * 32]
    assert not list((tmp_path / "store").rglob(".partial-*"))
    store.close()


def test_the_gaussian_is_original_and_unrealistic(tmp_path: Path, photos: Path) -> None:
    plan = write_plan(
        tmp_path / "plan.yaml",
        photos / "cifake" / "real",
        images_per_arm=100,
        real_images=500,
        generator={"name": "gaussian"},
        axes={"axes": [10, 100]},
    )
    found = quick(plan, tmp_path / "out")
    for arm in found.arms:
        assert arm.scores["unoriginal"] == 0.0
        assert arm.scores["unrealistic"] > 0.6
    assert np.isfinite([arm.usefulness for arm in found.arms if arm.usefulness]).all()


def test_the_snacks_plan_runs_to_the_end_on_a_tiny_model(
    tmp_path: Path, models: dict[str, Path]
) -> None:
    file = Path(package.__file__).parent / "sweeping" / "snacks.yaml"
    contents = yaml.safe_load(file.read_text())
    for subject, name in enumerate(contents["subjects"]):
        for number in range(2):
            place = tmp_path / "real" / name
            place.mkdir(parents=True, exist_ok=True)
            data = encoded(picture(100 * subject + number), "JPEG")
            (place / f"{number}.jpg").write_bytes(data)
    contents |= {"real": str(tmp_path / "real"), "embedder": "builtin", "images_per_arm": 20}
    contents["generator"] |= {"model": str(models["sd"]), "steps": 1, "size": 16, "device": "cpu"}
    found = quick(Plan.model_validate(contents), tmp_path / "out")
    assert len(found.arms) == 8
    assert found.is_complete
    assert found.counts["images_per_arm"] == 20
