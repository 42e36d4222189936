"""Prompts by a language model: asked for, sifted, frozen, replayed without any server."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synthaudit.generation.jobs import recipe_digest, recipe_of
from synthaudit.prompting.filters import Sieve
from synthaudit.settings import Settings
from synthaudit.sweeping.plan import read_plan
from synthaudit.sweeping.preparation import prepare
from tests.generation.loopback import KEY, State, serving
from tests.pictures import encoded, picture
from tests.prompting.chat_server import ChatServer

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, State]]:
    monkeypatch.setenv("CHAT_KEY", KEY)
    with serving(ChatServer) as (url, state):
        yield f"{url}/v1", state


@pytest.fixture
def plan(chat: tuple[str, State], tmp_path: Path) -> Path:
    for number in range(40):
        file = tmp_path / "real" / ("frog", "cat")[number % 2] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encoded(picture(number)))
        file.with_suffix(".txt").write_text(f"caption {number % 3} of the picture")
    return write_plan(tmp_path, chat[0])


def write_plan(folder: Path, url: str, **changed: Any) -> Path:
    asked = {"model": "tiny", "base_url": url, "key": "CHAT_KEY", "per_subject": 8, "retries": 1}
    contents = {
        "real": str(folder / "real"),
        "embedder": "builtin",
        "images_per_arm": 20,
        "generator": {"name": "gaussian"},
        "axes": {"prompt": ["A photo of {a} {subject}", {"llm": asked | changed}]},
    }
    file = folder / "plan.yaml"
    file.write_text(json.dumps(contents))
    return file


def digests(plan: Path) -> list[str]:
    """Of every recipe of the plan."""
    prepared = prepare(read_plan(plan), Settings())
    return [
        recipe_digest(recipe_of(job, prepared.generator, {}))
        for arm in prepared.arms
        for job in arm.jobs
    ]


def test_prompts_are_written_frozen_and_replayed(
    synthaudit: Run, plan: Path, chat: tuple[str, State]
) -> None:
    counted = synthaudit("prompts", str(plan), "--dry-run")
    assert "16 prompts would be asked of tiny" in counted.stdout
    assert not chat[1].asked
    result = synthaudit("prompts", str(plan))
    assert result.returncode == 0, result.stderr
    assert "16 prompts written in 2 requests" in result.stdout
    assert KEY not in result.stdout + result.stderr
    text = (plan.parent / "prompts.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert len(lines) == 16
    assert lines[0].keys() == {"text", "class", "source", "model", "request", "seed", "time"}
    assert {line["class"] for line in lines} == {"frog", "cat"}
    assert all(line["class"] in line["text"] for line in lines)
    sent = chat[1].asked[0]
    assert sent["response_format"]["json_schema"]["strict"] is True
    assert "caption 1 of the picture" in sent["messages"][1]["content"]
    before = digests(plan)
    chat[1].always = 500  # from here on nobody answers, and nobody is asked
    asked = len(chat[1].asked)
    assert digests(plan) == before
    again = synthaudit("prompts", str(plan))
    assert again.returncode == 0
    assert "0 prompts written in 0 requests" in again.stdout
    assert len(chat[1].asked) == asked
    told = synthaudit("prompts", str(plan), "--format", "json").stdout.splitlines()
    assert {json.loads(line)["prompt"] for line in told} >= {line["text"] for line in lines}


def test_a_changed_plan_is_told(synthaudit: Run, plan: Path, chat: tuple[str, State]) -> None:
    missing = synthaudit("sweep", str(plan), "--quick")
    assert missing.returncode == 2
    assert "there are none; run synthaudit prompts" in missing.stderr
    assert synthaudit("prompts", str(plan)).returncode == 0
    write_plan(plan.parent, chat[0], describe="Photos of small animals.")
    changed = synthaudit("sweep", str(plan), "--quick")
    assert changed.returncode == 2
    assert "written for another plan" in changed.stderr
    write_plan(plan.parent, "http://localhost:1/v1", per_subject=8)  # served elsewhere: the same
    assert len(digests(plan)) == 40


@pytest.mark.parametrize(
    ("manner", "code", "said"),
    [
        ("garbage", 2, "without the JSON that was asked for"),
        ("other JSON", 2, "bound to a JSON schema"),
        ("no completion", 2, "no chat completion"),
        ("refusal", 3, "lacks 8 of 8"),
        ("too few", 0, "16 prompts written in 16 requests"),
        ("fenced", 0, "16 prompts written"),
    ],
)
def test_what_the_model_answers_instead(
    synthaudit: Run, plan: Path, chat: tuple[str, State], manner: str, code: int, said: str
) -> None:
    chat[1].refuses = manner
    result = synthaudit("prompts", str(plan))
    out = " ".join((result.stdout + result.stderr).split())
    assert result.returncode == code
    assert said in out
    assert "Traceback" not in out


def test_too_few_are_kept_and_the_same_command_goes_on(
    synthaudit: Run, plan: Path, chat: tuple[str, State]
) -> None:
    chat[1].refuses = "runs dry"
    first = synthaudit("prompts", str(plan))
    assert first.returncode == 3
    assert "frog lacks 4 of 8: run it again" in first.stdout
    assert len((plan.parent / "prompts.jsonl").read_text().splitlines()) == 12
    chat[1].refuses = None
    second = synthaudit("prompts", str(plan))
    assert second.returncode == 0
    assert len((plan.parent / "prompts.jsonl").read_text().splitlines()) == 16


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (429, "asked too often"),
        (401, "is the key the right one"),
        (404, "is the model's name right"),
    ],
)
def test_servers_that_will_not_answer(
    synthaudit: Run, plan: Path, chat: tuple[str, State], status: int, said: str
) -> None:
    chat[1].always = status
    result = synthaudit("prompts", str(plan))
    assert result.returncode == 2
    assert said in " ".join(result.stderr.split())
    assert len(result.stderr.strip().splitlines()) <= 3
    assert KEY not in result.stderr


def test_a_429_that_passes_is_waited_for(
    synthaudit: Run, plan: Path, chat: tuple[str, State]
) -> None:
    chat[1].faults = [429]
    assert synthaudit("prompts", str(plan)).returncode == 0


def test_a_hang_ends_in_a_sentence(synthaudit: Run, plan: Path, chat: tuple[str, State]) -> None:
    chat[1].hangs = True
    write_plan(plan.parent, chat[0], seconds=0.3, retries=0)
    result = synthaudit("prompts", str(plan))
    assert result.returncode == 2
    assert "gave no whole answer within 0.3 s" in " ".join(result.stderr.split())


def test_nobody_is_there(synthaudit: Run, plan: Path) -> None:
    write_plan(plan.parent, "http://127.0.0.1:9/v1", retries=0)
    result = synthaudit("prompts", str(plan))
    assert result.returncode == 2
    assert "cannot be asked" in result.stderr


def test_keys_come_from_the_environment_alone(
    synthaudit: Run, plan: Path, chat: tuple[str, State], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CHAT_KEY")
    assert "holds no key" in synthaudit("prompts", str(plan)).stderr
    write_plan(plan.parent, chat[0], key=f"{KEY}!")
    refused = synthaudit("prompts", str(plan))
    assert refused.returncode == 2
    assert KEY not in refused.stderr


def test_every_reason_to_drop_a_prompt_is_counted(
    synthaudit: Run, plan: Path, chat: tuple[str, State]
) -> None:
    chat[1].refuses = "mixed"
    result = synthaudit("prompts", str(plan))
    assert result.returncode == 0, result.stderr
    for reason in (
        "the class is not named",
        "a refusal",
        "not in English",
        "longer than the model reads",
        "nearly the same words as another",
        "no sentence",
    ):
        assert f"dropped: {reason}" in result.stdout, reason


def test_what_means_the_same_is_dropped_where_something_reads_text() -> None:
    meaning = {"a frog on a leaf": 0, "one green frog upon some foliage": 0, "a frog in rain": 1}

    def vectors(texts: Sequence[str]) -> np.ndarray:
        return np.eye(3, dtype=np.float32)[[meaning[text] for text in texts]]

    sieve = Sieve(name="frog", count_cut=lambda _: 0, language=None, vectors=vectors)
    found = sieve.sift(list(meaning))
    assert list(found.kept) == ["a frog on a leaf", "a frog in rain"]
    assert found.dropped == {"nearly the same meaning as another": 1}


def test_an_audit_tells_what_to_ask_for(
    synthaudit: Run, plan: Path, chat: tuple[str, State], tmp_path: Path
) -> None:
    file = tmp_path / "scores.json"
    file.write_text(json.dumps({"attributes": {"suggestions": ["dim light", "person"]}}))
    write_plan(plan.parent, chat[0], audit=str(file), examples=["A frog at dusk"], language=None)
    assert synthaudit("prompts", str(plan)).returncode == 0
    sent = chat[1].asked[0]["messages"][1]["content"]
    assert "dim light, person" in sent
    assert "A frog at dusk" in sent
    write_plan(plan.parent, chat[0], audit=str(tmp_path / "none"))
    assert "cannot be read" in synthaudit("prompts", str(plan)).stderr


def test_files_of_prompts(synthaudit: Run, plan: Path, tmp_path: Path) -> None:
    rows = [{"text": "{a} {subject} in the rain"}, {"text": "a cat asleep", "class": "cat"}]
    file = tmp_path / "mine.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    contents = json.loads(plan.read_text())
    contents |= {"axes": {}, "prompt": {"file": str(file)}}
    plan.write_text(json.dumps(contents))
    prepared = prepare(read_plan(plan), Settings())
    told = {(job.subject, job.number): job.prompt for job in prepared.arms[0].jobs}
    assert told["frog", 0] == told["frog", 1] == "a frog in the rain"
    assert told["cat", 0] == "a cat in the rain"
    assert told["cat", 1] == "a cat asleep"
    file.write_text('{"text": "a cat asleep", "class": "cat"}\n')
    assert "no prompt for 'frog'" in synthaudit("prompts", str(plan)).stderr
    file.write_text("{not JSON\n")
    assert "line 1 should be an object" in synthaudit("prompts", str(plan)).stderr


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ({"grammer": "x"}, "with one of the keys"),
        ({"grammar": "x", "file": "y"}, "should be one of"),
        ({"llm": {"base_url": "http://localhost/v1"}}, "model"),
        (
            {"llm": {"model": "m", "base_url": "http://localhost/v1", "per_subjekt": 3}},
            "per_subject",
        ),
        ({"grammar": "{a|b"}, "not closed"),
    ],
)
def test_wrong_sources_are_said_in_a_sentence(
    synthaudit: Run, plan: Path, prompt: Any, said: str
) -> None:
    contents = json.loads(plan.read_text())
    plan.write_text(json.dumps(contents | {"axes": {}, "prompt": prompt}))
    result = synthaudit("prompts", str(plan))
    assert result.returncode == 2
    assert said in " ".join(result.stderr.split())
    assert len(result.stderr.strip().splitlines()) <= 3


@pytest.mark.parametrize("manner", ["cut", "midway", "thinking"])
def test_one_spoilt_answer_is_asked_for_again(
    synthaudit: Run, plan: Path, chat: tuple[str, State], manner: str
) -> None:
    chat[1].refuses = manner
    result = synthaudit("prompts", str(plan))
    assert result.returncode == 0, result.stderr
    assert "16 prompts written" in result.stdout


def test_refusals_are_counted_and_told_what_to_do(
    synthaudit: Run, plan: Path, chat: tuple[str, State]
) -> None:
    chat[1].refuses = "refusal"
    result = synthaudit("prompts", str(plan))
    assert "dropped: a refusal" in result.stdout
    assert "change the model, describe or language" in result.stdout


def test_a_dry_run_reads_everything_else(synthaudit: Run, plan: Path) -> None:
    contents = json.loads(plan.read_text())
    for prompt in ({"grammar": "{a|b"}, {"file": "none.txt"}, {"grammar": "__nothing__"}):
        plan.write_text(json.dumps(contents | {"axes": {}, "prompt": prompt}))
        assert synthaudit("prompts", str(plan), "--dry-run").returncode == 2


def test_a_source_may_be_for_some_subjects(synthaudit: Run, plan: Path) -> None:
    contents = json.loads(plan.read_text())
    style = [
        "photo",
        {"value": {"grammar": "{big|small} picture"}, "subject": "frog", "otherwise": "plain"},
    ]
    changed = {"prompt": "A {style} of {subject}", "axes": {"style": style}}
    plan.write_text(json.dumps(contents | changed))
    told = synthaudit("prompts", str(plan), "--show", "2")
    assert told.returncode == 0, told.stderr
    assert "A big picture of frog" in told.stdout
    assert "A plain of cat" in told.stdout


def test_no_sign_moves_the_terminal(synthaudit: Run, plan: Path, tmp_path: Path) -> None:
    file = tmp_path / "odd.txt"
    file.write_text("a \x1b[31mfrog\u202e back\x00wards \u0646\u200c\u0645\n")
    contents = json.loads(plan.read_text()) | {"axes": {}, "prompt": {"file": str(file)}}
    plan.write_text(json.dumps(contents))
    told = synthaudit("prompts", str(plan))
    assert not {"\x1b", "\u202e", "\x00"} & set(told.stdout)
    assert "frog backwards" in told.stdout
