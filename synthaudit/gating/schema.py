"""The schema of ``verdict.json``."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class CheckPart(BaseModel):
    """A number, or its change against the baseline, against one bound."""

    model_config = ConfigDict(extra="allow")

    path: str
    bound: str
    limit: float
    value: float
    low: float | None
    high: float | None
    severity: Literal["error", "warn"]
    state: Literal["pass", "fail", "undecided"]
    why: str


class VerdictFile(BaseModel):
    """``verdict.json``: what passes, what fails, what cannot be decided."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)

    schema_: Literal["synthaudit/verdict/1"] = Field(alias="schema")
    state: Literal["pass", "fail", "undecided"]
    exit_code: Literal[0, 1, 3]
    checks: list[CheckPart]
