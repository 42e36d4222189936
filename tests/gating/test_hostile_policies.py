"""Policies that would pass everything, or are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from synthaudit.errors import PolicyError
from synthaudit.gating.policy import find_policy, read_policy


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[limits]\nunvaried = {max = true}\n",
            "limits.unvaried.max: should be a number, not true",
        ),
        ("[limits]\nunvaried = {max = nan}\n", "should be a finite number"),
        ("[limits]\nunvaried = {max = 2023-01-01}\n", "should be a valid number"),
        ("[limits]\nunvaried = {max = " + "9" * 5000 + "}\n", "is not TOML: Exceeds the limit"),
        ("x = " + "[" * 50_000, "is not TOML: maximum recursion depth"),
        ("x = " + "[" * 400 + "]" * 400, "there is no key 'x'"),
    ],
)
def test_policies_that_are_refused(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(text)
    with pytest.raises(PolicyError) as caught:
        read_policy(tmp_path / "policy.toml")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["[tool]\nsynthaudit = 3\n", "tool = [1]\n", "x = " + "9" * 5000, "x = " + "[" * 50_000]
)
def test_projects_that_have_no_policy(text: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    assert find_policy(tmp_path) is None
