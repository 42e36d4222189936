"""The part of ``scores.json`` that says how a built set was made, and ``build.json``."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from synthaudit.result.schema_part import Part, Share


class OutcomePart(Part):
    """How a build ended, and why, in sentences."""

    state: Literal["passes", "rejected", "incomplete", "spent"]
    why: list[str]
    exit_code: int


class RoundPart(Part):
    """A round: images made, kept in all, dropped by reason, and what they were made for."""

    round: int = Field(ge=0)
    made: int = Field(ge=0)
    kept: int = Field(ge=0)
    dropped: dict[str, int]
    aimed_at: list[str]
    scores: dict[str, Share]
    seconds: float = Field(ge=0)
    money: float = Field(ge=0)
    quota: dict[str, list[int]]
    uncovered: Share | None
    excess: float | None
    by_class: dict[str, dict[str, int]]


class BuildPart(Part):
    """A built set: quotas by class, rounds, and by which half of the real images it is judged."""

    verdict: OutcomePart
    checks: list[dict[str, Any]]
    quota: dict[str, list[int]]
    counts: dict[str, int]
    dropped: dict[str, int]
    spent: dict[str, float]
    steering_scores: dict[str, Share]
    judged_on: str
    judgements: int = Field(ge=1)
    sweep: str | None
    leaks: list[str]
    rounds: list[RoundPart]


class BuildFile(BuildPart):
    """``build.json``: how a set was made, and what came of it."""

    schema_: Literal["synthaudit/build/1"] = Field(alias="schema")
    scores: dict[str, dict[str, float | None]]
    provenance: dict[str, Any]
