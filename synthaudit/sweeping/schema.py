"""The schema of ``sweep.json``."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from synthaudit.sweeping.comparison import Effect
from synthaudit.sweeping.result import ArmResult, Recommendation


class SweepFile(BaseModel):
    """``sweep.json``: the arms, the best by the goal first, what axes change, and what to use."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)

    schema_: Literal["synthaudit/sweep/1"] = Field(alias="schema")
    goal: str
    recommended: Recommendation
    pareto: list[str]
    best_by_subject: dict[str, str]
    counts: dict[str, int]
    is_complete: bool
    arms: list[ArmResult]
    effects: list[Effect]
    interactions: list[Effect]
    notes: list[str]
    provenance: dict[str, Any]
