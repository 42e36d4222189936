"""Plans that are bent, or grow without end once their aliases are followed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from synthaudit.errors import PlanError
from synthaudit.sweeping.plan import read_plan
from synthaudit.sweeping.yaml_text import read_yaml

PLAN = "real: real\nimages_per_arm: 16\ngenerator: {name: augment}\n"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PLAN + BOMB, "line 9: more than 100,000 values once aliases are followed"),
        ("a: &a [*a]\n" + PLAN, "line 1: what is named here holds itself"),
        ("real: r\ngenerator: &g {name: augment, x: *g}\n", "line 2: what is named here holds"),
        (PLAN + "seed: " + "9" * 5000, "has a value that cannot be read: Exceeds the limit"),
        (PLAN + "seed: 2023-99-99", "has a value that cannot be read: month must be in 1..12"),
        (PLAN + "axes: " + "[" * 50_000, "is nested deeper than a plan can be"),
        (PLAN + "axes: " + "[" * 900 + "]" * 900, "is nested deeper than a plan can be"),
        (PLAN + PLAN, "line 1: there are several keys 'real': keep one"),
        (PLAN + "---\n" + PLAN, "is not YAML: line 4"),
        ("!!python/object/apply:os.system ['true']", "is not YAML: line 1: could not determine"),
        ("x" * 2_000_000, "is larger than a plan can be"),
        ("real: \0x", "is not YAML: it has the character U+0000"),
        ("", "should hold keys such as real"),
    ],
)
def test_plans_that_are_refused(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(text)
    with pytest.raises(PlanError) as caught:
        read_plan(tmp_path / "plan.yaml")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_aliases_are_followed_where_they_end() -> None:
    text = "one: &one [a, b]\ntwo: {three: *one, four: *one}\n"
    contents, lines = read_yaml(text, "plan")
    assert contents == {"one": ["a", "b"], "two": {"three": ["a", "b"], "four": ["a", "b"]}}
    assert lines[("two", "three")] == 2
    assert lines[("one", 1)] == 1


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.integers(0, 70), st.text("&*{}[]:-!|>'\"#%@,ab01.\n\t ", max_size=4))))
def test_plans_bent_at_random(tmp_path: Path, changes: list[tuple[int, str]]) -> None:
    text = PLAN
    for at, more in changes:
        text = text[:at] + more + text[at + 1 :]
    (tmp_path / "plan.yaml").write_text(text)
    try:
        read_plan(tmp_path / "plan.yaml")
    except PlanError as error:
        said = str(error)
    else:
        said = ""
    assert "\n" not in said
