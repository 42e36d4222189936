"""Settings and words to blame over all arms of a sweep; sources of prompts in its arms."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import synthaudit
from synthaudit.errors import PlanError
from synthaudit.sweeping.plan import read_plan
from synthaudit.sweeping.preparation import prepare
from tests.linear_text_model import write_set


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("real")
    write_set(folder, lambda number, name, rng: ("", [name]), seed=1, each=30)
    return folder


def plan_of(real: Path, folder: Path, **changed: Any) -> Path:
    contents: dict[str, Any] = {
        "real": str(real),
        "embedder": "builtin",
        "images_per_arm": 40,
        "generator": {"name": "augment"},
    }
    file = folder / "plan.yaml"
    file.write_text(json.dumps(contents | changed))
    return file


def test_a_setting_that_costs_realism_is_named(real: Path, tmp_path: Path) -> None:
    plan = plan_of(real, tmp_path, axes={"strength": [0.1, 4.0]})
    found = synthaudit.sweep(plan, out=tmp_path / "out", quick=True, use_cache=False)
    blamed = [own for own in found.words if own.fault == "unrealistic"]
    assert [own.word for own in blamed] == ["strength = 4.0"]
    assert blamed[0].low > 0.0
    assert (blamed[0].pictures, blamed[0].others) == (40, 40)
    written = json.loads((tmp_path / "out" / "sweep.json").read_text())
    assert written["words"][0]["word"] == "strength = 4.0"


def test_image_j_takes_prompt_j_in_every_arm(real: Path, tmp_path: Path) -> None:
    source = {"grammar": "A {candid|studio} photo of {a} {subject}{|, __light__}"}
    plan = plan_of(
        real,
        tmp_path,
        generator={"name": "augment", "strength": 1.0},
        prompt="{prompt}, {place}",
        axes={"prompt": ["{a} {subject}", source], "place": ["indoors", "outdoors"]},
    )
    arms = prepare(read_plan(plan), synthaudit.Settings()).arms
    assert [arm.labels["prompt"][:9] for arm in arms] == ["{a} {subj"] * 2 + ["grammar A"] * 2
    first, second = ([job.prompt for job in arm.jobs] for arm in arms[2:])
    assert [text.removesuffix(", indoors") for text in first] == [
        text.removesuffix(", outdoors") for text in second
    ]
    assert len(set(first)) > 20
    assert arms[0].jobs[0].prompt == "a cat, indoors"
    wider = plan_of(real, tmp_path, images_per_arm=80, axes={"prompt": [source]}, prompt="")
    longer = prepare(read_plan(wider), synthaudit.Settings()).arms[0].jobs
    assert [job.prompt for job in longer][:40] == [text.removesuffix(", indoors") for text in first]


def test_arms_know_their_prompts(real: Path, tmp_path: Path) -> None:
    plan = plan_of(real, tmp_path, prompt={"grammar": "default"}, axes={"strength": [0.5, 1.0]})
    found = synthaudit.sweep(plan, out=tmp_path / "out", quick=True, use_cache=False)
    own = pd.read_parquet(tmp_path / "out" / "arms" / found.recommended.arm / "images.parquet")
    made = own[own["side"] == "synthetic"]
    assert made["prompt"].str.startswith("A photo of a").all()
    assert made["seed"].notna().all()
    assert set(made["generator"]) == {"augment"}
    again = read_plan(tmp_path / "out" / "winner.yaml")
    assert again.prompt == {"grammar": "default"}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"prompt": {"grammar": "default"}, "axes": {"prompt": ["a", "b"]}},
            "axis called prompt as well",
        ),
        ({"prompt": "a photo", "axes": {"strength": [{"grammar": "x"}]}}, "not in the prompt"),
        ({"prompt": {"text": "x"}}, "with one of the keys"),
        ({"prompt": {"grammar": "a {colour} frog"}}, "no such axis"),
    ],
)
def test_misplaced_sources(real: Path, tmp_path: Path, changed: Any, said: str) -> None:
    with pytest.raises(PlanError, match=said):
        prepare(read_plan(plan_of(real, tmp_path, **changed)), synthaudit.Settings())
