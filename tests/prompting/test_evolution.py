"""Templates by a language model: shown what earlier ones scored, frozen, and better in the end."""

from __future__ import annotations

import json
import subprocess
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synthaudit.errors import GeneratorError
from synthaudit.prompting.evolution import EvolutionRequest, TriedTemplate, write_templates
from synthaudit.prompting.language_model import LanguageModelOptions
from synthaudit.sweeping.evolving import TemplateProposer, starting_plan
from synthaudit.sweeping.plan import Plan
from synthaudit.sweeping.search_space import Point, SearchSpace
from synthaudit.sweeping.searching import images_allowed, search
from tests.generation.loopback import KEY, State, serving
from tests.pictures import encoded, picture
from tests.prompting.chat_server import ChatServer
from tests.sweeping.planted_surface import NOISE

Run = Callable[..., subprocess.CompletedProcess[str]]

WORDS = ("rain", "snow", "fog", "sunlight", "dusk", "dawn", "shade", "storm")
LIKED = "fog"


class TemplateServer(ChatServer):
    """Writes templates; once it has been shown that one with fog is best, more of those."""

    def answer(self, body: Any, number: int) -> None:
        if self.state.refuses:
            return super().answer(body, number)
        asked = str(body["messages"][1]["content"])
        shown = asked.split("The best so far, less is better:\n")
        best = shown[1].split("\n")[0] if len(shown) > 1 else ""
        words = [LIKED] * 8 if LIKED in best else list(WORDS)
        texts = [
            f"A photo of {{a}} {{subject}} in the {word}, view {number} of place {place}"
            for place, word in enumerate(words)
        ]
        texts += ["A photo of {subject} with {colour}", "A photo of nothing", "{subject"]
        message = {"role": "assistant", "content": json.dumps({"prompts": texts}), "refusal": None}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return self.send(200, {"object": "chat.completion", "choices": [choice]})


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, State]]:
    monkeypatch.setenv("CHAT_KEY", KEY)
    with serving(TemplateServer) as (url, state):
        yield f"{url}/v1", state


def contents(folder: Path, url: str, **changed: Any) -> dict[str, Any]:
    asked = {"model": "tiny", "base_url": url, "key": "CHAT_KEY", "retries": 0}
    return {
        "real": str(folder / "real"),
        "embedder": "builtin",
        "images_per_arm": 32,
        "generator": {"name": "gaussian"},
        "prompt": {"llm": asked | changed},
        "design": "evolve",
        "arms": 16,
    }


def plan_of(folder: Path, url: str, **changed: Any) -> Plan:
    return Plan.model_validate(contents(folder, url, **changed), context={"folder": folder})


def measure(space: SearchSpace, points: Any, images: int) -> Any:
    """Pictures by templates with fog look more real."""
    from synthaudit.measures.comparison.evidence import ArmEvidence

    texts = [str(space.plan.values_of("prompt")[int(own["prompt"])]) for own in points]
    rows = [
        (0.4 if LIKED in text else 0.7)
        + NOISE * np.random.default_rng(zlib.crc32(text.encode())).normal(size=64)[:images]
        for text in texts
    ]
    return ArmEvidence(
        fakeness=np.array(rows),
        is_copy=np.zeros((len(rows), images), bool),
        covers=[np.ones((images, 1), bool)] * len(rows),
        vectors=[np.eye(images)] * len(rows),
        repeat_radius=0.0,
        patterns=None,
        pattern_radius=0.0,
    )


def evolved(plan: Plan) -> list[str]:
    """The template that wins, and all that were tried."""
    space = SearchSpace(plan=starting_plan(plan, has_subjects=True))
    told: list[Point] = []

    def findings(point: Point) -> list[str]:
        told.append(point)
        return ["12 of 32 pictures repeat another one."]

    found = search(
        space,
        measure,
        TemplateProposer(plan, has_subjects=True, findings=findings),
        goal="unrealistic",
        images=plan.images_per_arm,
        allowed=images_allowed(space),
        seed=0,
    )
    assert told
    texts = [str(text) for text in found.space.plan.values_of("prompt")]
    return [texts[int(found.trials[n].point["prompt"])] for n in (found.finalists[0],)] + texts


def test_better_templates_are_written_by_what_earlier_ones_scored(
    chat: tuple[str, State], tmp_path: Path
) -> None:
    url, state = chat
    winner, *tried = evolved(plan_of(tmp_path, url))
    assert LIKED in winner
    assert tried[0] == "A photo of {a} {subject}"
    # The second request shows the scores of the first answer, and what the audit found.
    first, second = (str(own["messages"][1]["content"]) for own in state.asked[:2])
    assert "A photo of {a} {subject}" in first
    assert "- 0." in second
    assert "12 of 32 pictures repeat another one." in second
    assert sum(LIKED in text for text in tried) > len(tried) / 3
    # What has other braces, or names no class, is no template.
    assert all("colour" not in text and "{subject}" in text for text in tried)
    # The same again without the server: all of it lies beside the plan.
    asked = len(state.asked)
    assert evolved(plan_of(tmp_path, url)) == [winner, *tried]
    assert len(state.asked) == asked


def test_a_model_that_writes_nothing_ends_the_search_with_what_there_is(
    chat: tuple[str, State], tmp_path: Path
) -> None:
    chat[1].refuses = "refusal"
    winner, *tried = evolved(plan_of(tmp_path, chat[0]))
    assert tried == [winner] == ["A photo of {a} {subject}"]


def test_a_server_that_fails_is_told_in_a_sentence(chat: tuple[str, State], tmp_path: Path) -> None:
    chat[1].refuses = "garbage"
    request = EvolutionRequest(
        options=LanguageModelOptions(model="tiny", base_url=chat[0], key="CHAT_KEY", retries=0),
        tried=[TriedTemplate(text="A {subject}", value=0.5)],
        findings=[],
        has_subjects=True,
    )
    with pytest.raises(GeneratorError, match="without the JSON that was asked for"):
        write_templates(request, 4, folder=tmp_path, seed=0)
    assert not (tmp_path / "prompts.jsonl").exists()


def test_requests_differ_by_what_is_shown() -> None:
    options = LanguageModelOptions(model="tiny", base_url="http://127.0.0.1:1/v1")

    def digest(value: float, finding: str = "") -> str:
        return EvolutionRequest(
            options=options,
            tried=[TriedTemplate(text="A {subject}", value=value)],
            findings=[finding],
            has_subjects=True,
        ).digest

    assert digest(0.5) == digest(0.5001)
    assert len({digest(0.5), digest(0.6), digest(0.5, "it repeats itself")}) == 3


def test_an_evolution_from_end_to_end(
    chat: tuple[str, State], tmp_path: Path, synthaudit: Run
) -> None:
    for number in range(40):
        file = tmp_path / "real" / ("frog", "cat")[number % 2] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encoded(picture(number)))
    file = tmp_path / "plan.yaml"
    file.write_text(json.dumps({**contents(tmp_path, chat[0]), "images_per_arm": 8, "arms": 11}))
    result = synthaudit("sweep", file, "--quick", "--out", "out")
    assert result.returncode == 0, result.stderr
    told = json.loads((tmp_path / "out" / "sweep.json").read_text())
    assert told["search"]["tried"] > 1
    assert told["search"]["arms"][0]["axes"] == {"prompt": "A photo of {a} {subject}"}
    assert "A photo of a frog" in {own for arm in told["arms"] for own in arm["prompts"]}
    others = synthaudit("sweep", write_with_axis(tmp_path, chat[0]), "--quick")
    assert others.returncode == 2
    assert "varies the prompt alone" in others.stderr


def write_with_axis(folder: Path, url: str) -> Path:
    file = folder / "other.yaml"
    file.write_text(json.dumps({**contents(folder, url), "axes": {"spread": [0.5, 1.0]}}))
    return file
