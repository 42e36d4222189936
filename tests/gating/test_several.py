"""A gate on scores by several embedders: all of them, or any."""

from __future__ import annotations

from typing import Any

import pytest

from synthaudit.errors import PolicyError
from synthaudit.gating.judging import judge
from synthaudit.gating.policy import Limit, Policy


def scores(*unrealistic: float) -> dict[str, Any]:
    """What gates look at, by as many embedders, the first one's on top."""
    own = [{"embedder": f"stub {number}", "unrealistic": v} for number, v in enumerate(unrealistic)]
    return {**own[0], "classes": {}, "counts": {"real": 9, "synthetic": 9}, "embedders": own}


@pytest.mark.parametrize(
    ("asks", "values", "state", "by"),
    [
        ("all", (0.5, 0.9), "fail", "stub 1"),
        ("all", (0.5, 0.6), "pass", "stub 0"),
        ("any", (0.9, 0.5), "pass", "stub 1"),
        ("any", (0.9, 0.8), "fail", "stub 0"),
        (None, (0.5, 0.9), "pass", None),
    ],
)
def test_all_or_any(asks: Any, values: tuple[float, ...], state: str, by: str | None) -> None:
    policy = Policy(embedders=asks, limits={"unrealistic": Limit(max=0.7)})
    verdict = judge(scores(*values), policy)
    assert verdict.state == state
    (check,) = verdict.checks
    assert (f"(by {by})" in check.why) is (by is not None)
    assert ("(by" in check.why) is (by is not None)


def test_one_embedder_is_not_several() -> None:
    policy = Policy(embedders="all", limits={"unrealistic": Limit(max=0.7)})
    with pytest.raises(PolicyError, match="run score with --embedder A,B"):
        judge({**scores(0.5), "embedders": []}, policy)
