"""Sweeps and builds with masks and with a LoRA that the plan teaches first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from synthaudit.errors import PlanError
from synthaudit.sweeping.arms import expand
from synthaudit.sweeping.plan import Plan
from tests.tiny_diffusion import save_stable_diffusion


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {
        "sd": save_stable_diffusion(folder / "sd"),
        "inpaint": save_stable_diffusion(folder / "inpaint", inpaint=True),
    }


@pytest.fixture
def real(tmp_path: Path) -> Path:
    """Two classes of smooth pictures with a plain square each, and masks of the squares."""
    rng = np.random.default_rng(0)
    for name in ("frog", "toad"):
        for number in range(24):
            small = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
            pixels = np.array(small.resize((32, 32), Image.Resampling.BICUBIC))
            left, top = rng.integers(2, 12, 2)
            mask = np.zeros((32, 32), dtype=bool)
            mask[top : top + 14, left : left + 14] = True
            pixels[mask] = rng.integers(0, 256, 3)
            for place, picture in (("real", pixels), ("masks", mask)):
                file = tmp_path / place / name / f"{number}.png"
                file.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(picture).save(file)
    return tmp_path / "real"


def write(folder: Path, contents: dict[str, Any]) -> Path:
    (folder / "plan.yaml").write_text(yaml.safe_dump(contents))
    return folder / "plan.yaml"


def repainting(models: dict[str, Path], **more: Any) -> dict[str, Any]:
    return {
        "real": "real",
        "embedder": "builtin",
        "images_per_arm": 8,
        "generator": {
            "name": "diffusers",
            "model": str(models["inpaint"]),
            "steps": 2,
            "references": "real",
            "strength": 1.0,
            "device": "cpu",
            "local_files_only": True,
        },
        "prompt": "a photo of a {subject}",
        "axes": {
            "masks": [
                {"folder": "masks", "paint": "background", "feather": 0},
                {"folder": "masks", "paint": "object", "margin": 1, "feather": 2},
            ]
        },
        **more,
    }


def test_arms_of_masks_end_to_end(
    synthaudit: Any, real: Path, models: dict[str, Path], tmp_path: Path
) -> None:
    done = synthaudit("sweep", write(tmp_path, repainting(models)), "--out", "out", "--quick")
    assert done.returncode == 0, done.stderr
    arms = sorted((tmp_path / "out" / "arms").iterdir())
    order = sorted(range(24), key=str)  # of the names of the files
    assert [arm.name for arm in arms] == [
        "001-0-masks-background",
        "002-2-masks-1-object",
    ]
    for arm, keeps in zip(arms, (True, False), strict=True):
        labels = json.loads((arm / "labels.json").read_text())
        assert [own["name"] for own in labels["categories"]] == ["frog", "toad"]
        assert len(labels["images"]) == len(labels["annotations"]) == 8
        for number, own in enumerate(labels["images"]):
            name = Path(own["file_name"])
            made = np.asarray(Image.open(arm / name))
            reference = f"{name.parent.name}/{order[int(name.stem)]}.png"
            mask = np.asarray(Image.open(tmp_path / "masks" / reference))
            before = np.asarray(Image.open(real / reference))
            same = (made == before).all(axis=2)
            kept = mask if keeps else ~mask
            left, top, width, height = map(int, labels["annotations"][number]["bbox"])
            assert mask[top : top + height, left : left + width].all()
            assert mask.sum() == labels["annotations"][number]["area"]
            if keeps:
                assert same[kept].all()
            assert not same[~kept].all()


def test_a_set_comes_out_labelled(
    real: Path, models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a build writes of candidates; a tiny model's own images would all be dropped."""
    from synthaudit.building.ledger import Candidate
    from synthaudit.building.writing import _labels, _rows
    from synthaudit.settings import Settings
    from synthaudit.sweeping.preparation import prepare

    monkeypatch.chdir(tmp_path)
    prepared = prepare(Plan.model_validate(repainting(models)), Settings(use_cache=False))
    jobs = prepared.arms[0].jobs[:4]
    chosen = [
        Candidate(
            path=f"{job.subject}/{job.number}.png",
            file="",
            **{name: getattr(job, name) for name in ("subject", "prompt", "seed", "number")},
            options=dict(job.options),
        )
        for job in jobs
    ]
    given = Candidate(path="frog/given.png", file="", subject="frog", origin="elsewhere")
    labels = {own.file_name: own for own in _labels(prepared, [*chosen, given])}
    assert labels.keys() == {own.path for own in chosen}
    rows = {row["file_name"]: row for row in _rows([*chosen, given], None, labels)}
    assert rows["images/frog/given.png"]["objects"] == {"bbox": [], "category": []}
    order = sorted(range(24), key=str)
    for own in chosen:
        row = rows[f"images/{own.path}"]
        assert row["objects"]["category"] == [own.subject]
        assert own.number is not None
        mask = np.asarray(Image.open(tmp_path / f"masks/{own.subject}/{order[own.number]}.png"))
        left, top, width, height = map(int, row["objects"]["bbox"][0])
        assert mask[top : top + height, left : left + width].all()
        assert width * height == mask.sum()


def test_a_plan_teaches_first(
    synthaudit: Any, real: Path, models: dict[str, Path], tmp_path: Path
) -> None:
    plan = repainting(
        models,
        prompt="a photo of {token} {subject}",
        tune={
            "steps": 2,
            "checkpoint_every": 1,
            "prior_images": 0,
            "audit_every": 0,
            "resolution": 16,
            "learning_rate": 0.05,
            "per_class": True,
            "token": "zwx",
        },
        axes={"lora": [None, "lora/{subject}/2"]},
    )
    plan["generator"] = {
        "name": "diffusers",
        "model": str(models["sd"]),
        "steps": 2,
        "size": 16,
        "device": "cpu",
        "local_files_only": True,
    }
    file = write(tmp_path, plan)
    other = {**plan, "axes": {"lora": [None, "lora/{subject}/400"]}}
    never = synthaudit("sweep", write(tmp_path, other), "--dry-run", "--no-calibrate")
    assert "is of step 400, but tune takes 2 steps" in never.stderr
    typo = {**plan, "generator": {**plan["generator"], "width": 3}}
    refused = synthaudit("sweep", write(tmp_path, typo), "--out", "out", "--quiet")
    assert "there is no option 'width'" in refused.stderr
    assert not (tmp_path / "lora").exists()
    write(tmp_path, plan)
    dry = synthaudit("sweep", file, "--out", "out", "--dry-run", "--quiet")
    assert dry.returncode == 2
    assert "teaches a LoRA first" in dry.stderr
    assert synthaudit("sweep", file, "--out", "out", "--dry-run", "--no-calibrate").returncode == 0
    done = synthaudit("sweep", file, "--out", "out", "--quiet", "--quick")
    assert done.returncode == 0, done.stderr
    arms = json.loads((tmp_path / "out" / "sweep.json").read_text())["arms"]
    assert len(arms) == 2
    assert (tmp_path / "lora" / "frog" / "2" / "pytorch_lora_weights.safetensors").is_file()
    read = Plan.model_validate(plan)
    first, second = expand(read, ["frog", "toad"], ["lora", *plan["generator"]])
    assert first.jobs[0].prompt == "a photo of frog"
    assert second.jobs[0].prompt == "a photo of zwx frog"
    assert second.jobs[1].options["lora"] == "lora/toad/2"
    build = {**plan, "build": {"images_per_class": 6, "rounds": 1}}
    build["axes"] = {"lora": ["lora/{subject}/2"]}
    built = synthaudit("build", write(tmp_path, build), "--out", "set", "--quiet", "--quick")
    assert built.returncode in (0, 1, 3), built.stderr
    (own,) = (tmp_path / "set").glob(".*/lora/frog/tune.json")
    # Half of the 24 images of a class judge; nobody was taught with them.
    assert json.loads(own.read_text())["classes"]["frog"] < 24
    rows = [json.loads(line) for line in (tmp_path / "set/metadata.jsonl").read_text().splitlines()]
    assert all("a photo of zwx" in row["prompt"] for row in rows)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"tune": {"stpes": 3}}, "did you mean 'steps'"),
        ({"tune": {"model": "x"}}, "drop model"),
        ({"tune": {"rank": 0}}, "rank should be"),
        ({"prompt": "a {token} {subject}"}, "there is no such axis"),
        ({"axes": {"masks": [{"find": "{sbject}"}]}}, "{sbject}"),
        ({"axes": {"masks": [{"value": 3}]}}, "needs value and subject"),
    ],
)
def test_wrong_plans_are_told_in_one_sentence(
    models: dict[str, Path], more: dict[str, Any], said: str
) -> None:
    def read() -> None:
        plan = Plan.model_validate(repainting(models, **more))
        expand(plan, ["frog"], ["masks", *plan.generator.options])

    with pytest.raises((PlanError, ValueError)) as refused:
        read()
    assert said in str(refused.value)
