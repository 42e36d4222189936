"""Plans: what they expand to, and every way in which they are refused before anything is made."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

import synthaudit
from synthaudit.errors import GeneratorError, PlanError, SynthauditError
from synthaudit.generation.jobs import seed_of
from synthaudit.settings import Settings
from synthaudit.sweeping.arms import Arm, expand
from synthaudit.sweeping.plan import Plan, read_plan
from synthaudit.sweeping.preparation import prepare
from synthaudit.sweeping.templates import compose

OPTIONS = ("model", "steps", "guidance_scale")
SNACKS = Path(synthaudit.__file__).parent / "sweeping" / "snacks.yaml"


def plan_of(**changes: Any) -> Plan:
    contents: dict[str, Any] = {
        "real": "real",
        "images_per_arm": 12,
        "generator": {"name": "diffusers", "model": "m"},
        "prompt": "{template} {context}",
        "axes": {"template": ["A {subject}", "Some {subject}"], "context": ["", "in a bowl"]},
    }
    return Plan.model_validate({**contents, **changes})


def arms_of(**changes: Any) -> list[Arm]:
    return expand(plan_of(**changes), ("apple", "juice"), OPTIONS)


def test_a_grid_has_every_combination_and_every_arm_the_same_seeds() -> None:
    arms = arms_of(axes={"template": ["A {subject}", "Some {subject}"], "context": ["", "x", "y"]})
    assert len(arms) == 6
    assert len({arm.name for arm in arms}) == 6
    for arm in arms:
        assert [job.seed for job in arm.jobs] == [job.seed for job in arms[0].jobs]
        assert Counter(job.subject for job in arm.jobs) == {"apple": 6, "juice": 6}
    assert len({job.seed for job in arms[0].jobs}) == 12
    assert arms[0].jobs[3].seed == seed_of(0, "juice", 1)


def test_designs() -> None:
    axes = {"template": ["A {subject}", "B {subject}"], "context": list("abcd"), "steps": [1, 2, 3]}
    assert len(arms_of(axes=axes)) == 24
    single = arms_of(axes=axes, design="one-factor")
    assert len(single) == 1 + 1 + 3 + 2
    part = arms_of(axes=axes, design="fractional", arms=12)
    assert len(part) == 12
    for axis, values in axes.items():
        counts = Counter(arm.values[axis] for arm in part)
        assert len(counts) == len(values)
        assert max(counts.values()) - min(counts.values()) <= 1


@pytest.mark.parametrize(
    ("template", "words", "prompt"),
    [
        ("{a} {subject}", {"subject": "apple"}, "an apple"),
        ("{a} {subject}", {"subject": "hourglass"}, "an hourglass"),
        ("{a} {subject}", {"subject": "unicorn"}, "a unicorn"),
        ("A photo of {a} {subject}.", {"subject": "pants"}, "A photo of pants."),
        ("A photo of {a} {subject}", {"subject": "bus"}, "A photo of a bus"),
        (
            "{t}  {c} .",
            {"t": "A photo of {a} {subject}", "c": "", "subject": "egg"},
            "A photo of an egg.",
        ),
        ("{t}", {"t": "{t} again"}, "{t} again again again again again"),
        ("{subject.__class__}", {"subject": "x"}, "{subject.__class__}"),
    ],
)
def test_prompts(template: str, words: dict[str, str], prompt: str) -> None:
    assert compose(template, words) == prompt


def test_rules_drop_arms_and_give_subjects_another_value() -> None:
    arms = arms_of(**{"not": [{"template": "A {subject}", "context": "in a bowl"}]})
    assert len(arms) == 3
    arms = arms_of(**{"not": {"subject": "juice", "context": "in a bowl"}})
    bowl = arms[1].jobs
    assert {job.prompt for job in bowl if job.subject == "juice"} == {"A juice"}
    assert {job.prompt for job in bowl if job.subject == "apple"} == {"A apple in a bowl"}


def test_values_of_one_subject() -> None:
    carton = {"value": "in a carton", "subject": "juice", "otherwise": "in a bowl"}
    arms = arms_of(axes={"template": ["A {subject}"], "context": ["", carton]})
    assert {job.prompt for job in arms[1].jobs} == {"A juice in a carton", "A apple in a bowl"}
    assert arms[1].labels["context"] == "in a carton"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"axes": {"guidance": [1, 2]}, "prompt": "x"}, "did you mean 'guidance_scale'"),
        ({"prompt": "{template} {contxt}"}, "{contxt}.*did you mean 'context'"),
        ({"prompt": "x", "subjects": ["juice"], "axes": {"steps": [1]}}, "no template uses"),
        ({"axes": {"template": ["a", "a "], "context": [""]}}, "arms .* are the same"),
        (
            {
                "axes": {"template": ["a"], "context": [{"subject": "juice"}]},
                "not": [{"context": "x"}],
            },
            "for some subjects needs value and subject",
        ),
        ({"not": [{"sbject": "juice"}]}, "names 'sbject'; did you mean 'subject'"),
        ({"not": [{"context": "in a bow"}]}, "did you mean 'in a bowl'"),
        ({"not": [{"subject": "jucie", "context": ""}]}, "did you mean 'juice'"),
        ({"not": [{"context": ["", "in a bowl"]}]}, "exclude every arm"),
        ({"not": [{"subject": "juice", "context": ["", "in a bowl"]}]}, "no value of context"),
        ({"axes": {"template": [{"value": "x"}], "context": [""]}}, "needs value and subject"),
        ({"axes": {"template": [{"value": "x", "subject": "bread"}], "context": [""]}}, "'bread'"),
    ],
)  # fmt: skip
def test_plans_that_make_no_sense(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        arms_of(**changes)


def test_too_many_arms() -> None:
    axes = {"steps": list(range(1, 60)), "template": [f"{n} {{subject}}" for n in range(60)]}
    with pytest.raises(PlanError, match="3,540 arms"):
        arms_of(axes=axes, prompt="{template}")


GOOD = """real: real
images_per_arm: 12
generator:
  name: augment
axes:
  strength: [0.5, 1.0]
"""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD + "budgt: {images: 3}\n", "line 7: there is no key 'budgt'; did you mean 'budget'"),
        (GOOD + "budget: {image: 3}\n", "line 7: there is no key 'budget.image'; did you mean"),
        (GOOD.replace("[0.5, 1.0]", "[]"), "line 5: axis 'strength' has no values"),
        (GOOD.replace("[0.5, 1.0]", "[1, 1]"), "'1' twice"),
        (GOOD.replace("12", "many"), "line 2: images_per_arm should be a valid integer"),
        (GOOD.replace("augment", "dalle"), "line 4: generator.name"),
        (GOOD.replace("real: real\n", ""), "real is missing"),
        ("a: [", "is not YAML: line 1"),
        ("", "but is empty"),
        ("- 1\n", "should hold keys"),
    ],
)  # fmt: skip
def test_files_that_are_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(text)
    with pytest.raises(PlanError, match=message):
        read_plan(tmp_path / "plan.yaml")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="No such file"):
        read_plan(tmp_path / "none.yaml")
    (tmp_path / "plan.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PlanError, match="not UTF-8"):
        read_plan(tmp_path / "plan.yaml")


@pytest.mark.parametrize(
    ("generator", "kind", "message"),
    [
        ({"name": "augment", "strenght": 1}, PlanError, "did you mean 'strength'"),
        ({"name": "augment", "strength": 9}, PlanError, "less than or equal to 4"),
        ({"name": "folder", "pattern": "nowhere/*.jpg"}, GeneratorError, "has 0 images"),
        ({"name": "folder"}, PlanError, "pattern is missing"),
        ({"name": "command", "command": ["no-such-program"]}, GeneratorError, "no program"),
        ({"name": "diffusers", "model": "/nowhere"}, GeneratorError, "no model at /nowhere"),
        ({"name": "diffusers", "model": "a/b"}, GeneratorError, "not in the local cache"),
        ({"name": "diffusers"}, PlanError, "model is missing"),
    ],
)  # fmt: skip
def test_generators_that_cannot_work(
    generator: dict[str, Any],
    kind: type[SynthauditError],
    message: str,
    two_sides: tuple[Path, Path],
) -> None:
    plan = plan_of(real=str(two_sides[0]), generator=generator, axes={}, prompt="a {subject}")
    with pytest.raises(kind, match=message):
        prepare(plan, Settings(embedder="builtin"))


def test_a_real_set_that_is_not_there(tmp_path: Path) -> None:
    plan = plan_of(real=str(tmp_path / "none"))
    with pytest.raises(SynthauditError, match="none"):
        prepare(plan, Settings(embedder="builtin"))


def test_the_snacks_plan_has_eight_arms() -> None:
    plan = read_plan(SNACKS)
    assert plan.subjects is not None
    assert len(plan.subjects) == 20
    arms = expand(plan, plan.subjects, ("model", "steps", "guidance_scale", "size"))
    assert len(arms) == 8
    assert {job.prompt for job in arms[0].jobs} == {"A photo of a snack"}
    assert "A photo of an ice cream" in {job.prompt for job in arms[1].jobs}
    plates = next(arm for arm in arms if arm.labels["context"] == "on a plate")
    assert "A photo of a juice" in {job.prompt for job in plates.jobs}
    assert yaml.safe_load(SNACKS.read_text())["generator"]["steps"] == 30
