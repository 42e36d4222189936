"""Servers that answer, are busy, hang, refuse: what is made, what is said, and where the key is."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import synthaudit as package
from synthaudit.errors import GeneratorError, PlanError
from synthaudit.generation.comfyui_server import ComfyGenerator
from synthaudit.generation.jobs import Job, Made, recipe_digest, recipe_of
from synthaudit.generation.openai_server import OpenAIGenerator
from tests.conftest import Run
from tests.generation.loopback import KEY, ComfyServer, OpenAIServer, State, picture_of, serving

WORKFLOW = {
    "3": {"class_type": "KSampler", "inputs": {"seed": "{seed}", "steps": 2, "cfg": "{cfg}"}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": "{width}", "height": "{height}"}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "{prompt}, sharp", "clip": ["4", 1]}},
    "9": {"class_type": "SaveImage", "inputs": {"images": ["8", 0]}},
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, State]]:
    monkeypatch.setenv("LOOPBACK_KEY", KEY)
    with serving(OpenAIServer) as found:
        yield found


@pytest.fixture
def comfy() -> Iterator[tuple[str, State]]:
    with serving(ComfyServer) as found:
        yield found


def jobs_of(url: str, count: int = 3, **options: Any) -> list[Job]:
    how = {"base_url": f"{url}/v1", "key": "LOOPBACK_KEY", "model": "tiny", "retries": 2}
    how |= {"seconds": 5.0, "size": 32, **options}
    return [
        Job(prompt=f"a dog {n}", subject="dog", number=n, seed=2**40 + n, options=how)
        for n in range(count)
    ]


def made_by(jobs: list[Job]) -> list[Made]:
    generator = OpenAIGenerator()
    for job in jobs:
        generator.check(job)
    return list(generator.make(jobs))


def sentence_of(jobs: list[Job]) -> str:
    made = made_by(jobs)
    error = next(entry.error for entry in made if entry.error is not None)
    assert KEY not in str(error)
    return str(error)


@pytest.mark.parametrize("by_url", [False, True])
def test_images_come_back_in_the_order_of_jobs(server: tuple[str, State], by_url: bool) -> None:
    url, state = server
    state.by_url = by_url
    made = made_by(jobs_of(url, 9, takes_seed=True, parallel=4))
    seeds = [(2**40 + n) % 2**31 for n in range(9)]
    assert [m.data for m in made] == [
        picture_of(f"a dog {n} {seed}", (32, 32)) for n, seed in enumerate(seeds)
    ]
    assert {body["size"] for body in state.asked} == {"32x32"}
    assert made[0].facts["server_version"] == "2020-10-01"
    assert set(state.keys) == {f"Bearer {KEY}"}


def test_a_server_that_is_busy_is_asked_again(server: tuple[str, State]) -> None:
    url, state = server
    state.faults = [429, 429]
    assert made_by(jobs_of(url, 1))[0].data is not None
    assert len(state.asked) == 3


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        ({"always": 500}, {"retries": 1}, "still answers 500 when asked 2 times"),
        ({"always": 429}, {"retries": 1}, "still answers 429 when asked 2 times"),
        ({"hangs": True}, {"retries": 0, "seconds": 0.5}, "gave no whole answer within 0.5 s"),
        ({"size": (16, 16)}, {}, "made an image of 16 x 16 pixels where 32 x 32 were asked"),
        ({"refuses_seed": True}, {"takes_seed": True}, "takes no seed .*set takes_seed: false"),
        ({}, {"model": "huge"}, "has no model huge"),
        ({}, {"options": {"quality": "hd"}, "base_url": "http://127.0.0.1:1"}, "cannot be asked"),
    ],
)
def test_what_a_server_does_wrong_is_said(
    server: tuple[str, State], change: dict[str, Any], options: dict[str, Any], said: str
) -> None:
    url, state = server
    vars(state).update(change)
    sentence = sentence_of(jobs_of(url, 1, **options))
    assert re.search(said, sentence), sentence
    assert sentence.endswith((".", "?"))


def test_a_key_that_is_refused(server: tuple[str, State], monkeypatch: pytest.MonkeyPatch) -> None:
    """The server repeats it in its answer; we do not."""
    url, _ = server
    wrong = "sk-wrong-0123456789"
    monkeypatch.setenv("LOOPBACK_KEY", wrong)
    made = made_by(jobs_of(url, 1))
    said = str(made[0].error)
    assert "refuses the key in LOOPBACK_KEY" in said
    assert wrong not in said
    monkeypatch.delenv("LOOPBACK_KEY")
    with pytest.raises(PlanError, match="environment variable LOOPBACK_KEY holds no key"):
        made_by(jobs_of(url, 1))


def test_no_key_is_sent_unasked(server: tuple[str, State], monkeypatch: pytest.MonkeyPatch) -> None:
    """The client by itself would take the one of a well-known variable."""
    url, state = server
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert "refuses requests without a key" in sentence_of(jobs_of(url, 1, key=None))
    assert set(state.keys) == {"Bearer none"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"key": KEY}, "key should be the name of an environment variable"),
        ({"base_url": f"http://user:{KEY}@127.0.0.1/v1"}, "base_url should be an http address"),
        ({"base_url": "file:///etc/passwd"}, "base_url should be an http address"),
        ({"options": {"seed": 3}}, "not seed, which has a place of its own"),
        ({"quality": "hd"}, "there is no option 'quality'"),
    ],
)
def test_options_that_are_refused(
    server: tuple[str, State], options: dict[str, Any], said: str
) -> None:
    with pytest.raises(PlanError, match=said) as caught:
        made_by(jobs_of(server[0], 1, **options))
    assert KEY not in str(caught.value)


def test_every_job_has_options_of_its_own(server: tuple[str, State]) -> None:
    """An axis may have one value for some subjects and another for others."""
    url, state = server
    jobs = jobs_of(url, 1, options={"quality": "low"}) + jobs_of(
        url, 1, options={"quality": "high"}
    )
    made_by(jobs)
    assert sorted(body["quality"] for body in state.asked) == ["high", "low"]


def test_improper_prompts_are_refusals_and_no_failures(server: tuple[str, State]) -> None:
    url, state = server
    state.refuses = "dog 1"
    made = made_by(jobs_of(url))
    assert [entry.error for entry in made] == [None] * 3
    assert "Your request was rejected" in made[1].facts["refused"]


def test_what_decides_no_image_is_in_no_recipe(server: tuple[str, State]) -> None:
    generator, digests = OpenAIGenerator(), set()
    for options in ({}, {"parallel": 9}, {"retries": 7}, {"price": 1.0}, {"seconds": 99.0}):
        job = jobs_of(server[0], 1, **options)[0]
        digests.add(recipe_digest(recipe_of(job, generator, {})))
    assert len(digests) == 1


# As a whole


def write_plan(folder: Path, url: str, real: Path, **changes: Any) -> Path:
    generator = {"name": "openai", "base_url": f"{url}/v1", "key": "LOOPBACK_KEY", "model": "tiny"}
    generator |= {"size": 32, "retries": 0, "price": 0.5, **changes.pop("generator", {})}
    contents = {
        "real": str(real),
        "embedder": "builtin",
        "images_per_arm": 10,
        "prompt": "{style} of a {subject}",
        "axes": {"style": ["a photo", "a drawing"]},
        "generator": generator,
        **changes,
    }
    file = folder / "plan.yaml"
    file.write_text(yaml.safe_dump(contents, sort_keys=False))
    return file


def test_nothing_that_was_made_is_lost_and_the_key_is_in_no_file(
    server: tuple[str, State], two_sides: tuple[Path, Path], tmp_path: Path, synthaudit: Run
) -> None:
    """The server dies on the way: what was made and paid for is there, and is not asked again."""
    url, state = server
    state.dies_after = 7
    plan = write_plan(tmp_path, url, two_sides[0])
    arguments = ("sweep", plan, "--out", tmp_path / "out", "--quick")
    done = synthaudit(*arguments)
    assert done.returncode == 2
    assert "still answers 500" in done.stderr
    kept = list((tmp_path / "out" / "store").glob("??/*.png"))
    assert len(kept) == 7
    state.dies_after, before = None, len(state.asked)
    done = synthaudit(*arguments, "--resume")
    assert done.returncode == 0, done.stderr
    assert len(state.asked) - before == 13
    assert "no seeds" not in done.stderr
    assert "The generator takes no seeds: arms are compared as independent samples" in done.stdout
    found = json.loads((tmp_path / "out" / "sweep.json").read_text())
    assert [arm["money"] for arm in found["arms"]] == [5.0, 5.0]
    for file in (tmp_path / "out").rglob("*"):
        assert not file.is_file() or KEY.encode() not in file.read_bytes(), file
    assert KEY not in done.stdout + done.stderr


def test_a_budget_of_money(
    server: tuple[str, State], two_sides: tuple[Path, Path], tmp_path: Path
) -> None:
    """It holds for all runs together: 16 at 0.5 from 8.3, then the rest from 10."""
    url, state = server

    def sweep(money: float) -> tuple[bool, int]:
        plan = write_plan(tmp_path, url, two_sides[0], budget={"money": money})
        cache = tmp_path / "cache"
        found = package.sweep(plan, out=tmp_path / "out", quick=True, cache=cache)
        return found.is_complete, len(state.asked)

    assert sweep(8.3) == (False, 16)
    assert sweep(8.3) == (False, 16)
    assert sweep(10.0) == (True, 20)
    plan = write_plan(tmp_path, url, two_sides[0], generator={"price": None}, budget={"money": 1.0})
    with pytest.raises(PlanError, match=r"budget\.money needs to know what an image costs"):
        package.sweep(plan, out=tmp_path / "other")


# ComfyUI


def comfy_jobs(url: str, workflow: Path, **options: Any) -> list[Job]:
    how = {"base_url": url, "workflow": str(workflow), "size": 32, "retries": 2, "seconds": 5.0}
    how |= {"options": {"cfg": 7.5}, **options}
    return [
        Job(prompt=f"a dog {n}", subject="dog", number=n, seed=50 + n, options=how)
        for n in range(3)
    ]


def comfy_made(jobs: list[Job]) -> list[Made]:
    generator = ComfyGenerator()
    for job in jobs:
        generator.check(job)
    return list(generator.make(jobs))


@pytest.fixture
def workflow(tmp_path: Path) -> Path:
    file = tmp_path / "workflow.json"
    file.write_text(json.dumps(WORKFLOW))
    return file


def test_a_workflow_is_filled_in(comfy: tuple[str, State], workflow: Path) -> None:
    url, state = comfy
    state.faults = [503, 429]
    made = comfy_made(comfy_jobs(url, workflow, parallel=1))
    assert [m.data for m in made] == [
        picture_of(f"a dog {n}, sharp {50 + n}", (32, 32)) for n in range(3)
    ]
    assert state.asked[-1]["prompt"]["3"]["inputs"] == {"seed": 52, "steps": 2, "cfg": 7.5}
    assert made[0].facts["server_version"] == "0.9.9"
    assert ComfyGenerator().traits(comfy_jobs(url, workflow)[0]).is_seeded


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        ({"always": 500}, {"retries": 1}, "still answers 500 when asked 2 times"),
        ({"hangs": True}, {"seconds": 0.6}, r"made no image within 0\.6 s"),
        ({"size": (16, 16)}, {}, "made an image of 16 x 16 pixels where 32 x 32 were asked"),
        (
            {"refuses": "CUDA out of memory"},
            {},
            "the workflow fails .*KSampler: CUDA out of mem",
        ),
        ({}, {"base_url": "http://127.0.0.1:1", "retries": 0}, "cannot be asked .*running"),
    ],
)
def test_what_comfy_does_wrong_is_said(
    comfy: tuple[str, State],
    workflow: Path,
    change: dict[str, Any],
    options: dict[str, Any],
    said: str,
) -> None:
    url, state = comfy
    vars(state).update(change)
    made = comfy_made(comfy_jobs(url, workflow, **options)[:1])
    assert isinstance(made[0].error, GeneratorError)
    assert re.search(said, str(made[0].error)), made[0].error


def test_workflows_that_are_refused(comfy: tuple[str, State], workflow: Path) -> None:
    url, _ = comfy

    def check(contents: Any = WORKFLOW, **options: Any) -> None:
        workflow.write_text(contents if isinstance(contents, str) else json.dumps(contents))
        ComfyGenerator().check(comfy_jobs(url, workflow, **options)[0])

    check()
    with pytest.raises(PlanError, match="is no JSON"):
        check("{")
    with pytest.raises(PlanError, match=r"should be a workflow in ComfyUI's API format"):
        check({"nodes": [], "links": []})
    with pytest.raises(PlanError, match=r"has a place \{cfg\} that nothing fills"):
        check(options={})
    with pytest.raises(PlanError, match="sampler has no effect"):
        check(options={"cfg": 1, "sampler": "euler"})
    with pytest.raises(PlanError, match="negative_prompt has no effect"):
        check(negative_prompt="blurry")
    without = {**WORKFLOW, "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a cat"}}}
    with pytest.raises(PlanError, match=r"has no \{prompt\}: write that where its prompt is"):
        check(without)


def test_a_port_where_something_else_listens(workflow: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        made = comfy_made(comfy_jobs(url, workflow, seconds=0.5, retries=0)[:1])
        assert "gave no whole answer within 0.5 s" in str(made[0].error)
