"""The schema of ``sweep.json``."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from synthaudit.measures.prompts.word_effects import WordEffect
from synthaudit.sweeping.comparison import Effect
from synthaudit.sweeping.result import ArmResult, Recommendation, SearchResult


class SweepCounts(BaseModel):
    """Numbers of images."""

    model_config = ConfigDict(extra="allow")

    real: int = Field(ge=0)
    images_per_arm: int = Field(ge=0)
    made: int = Field(ge=0)
    saved: int = Field(ge=0)
    refused: int = Field(ge=0)


class RealExample(BaseModel):
    """A real image that the page shows beside those of the arms."""

    model_config = ConfigDict(extra="allow")

    path: str
    subject: str | None


class SweepProvenance(BaseModel):
    """How to reproduce a sweep."""

    model_config = ConfigDict(extra="allow")

    plan: dict[str, Any]
    embedder: str
    settings: dict[str, Any]
    codec: dict[str, Any]


class SweepFile(BaseModel):
    """``sweep.json``: the arms, the best by the goal first, what axes change, and what to use."""

    model_config = ConfigDict(extra="allow", populate_by_name=True)

    schema_: Literal["synthaudit/sweep/1"] = Field(alias="schema")
    goal: str
    recommended: Recommendation
    pareto: list[str]
    best_by_subject: dict[str, str]
    counts: SweepCounts
    real_examples: list[RealExample] = Field(default_factory=list)
    is_complete: bool
    arms: list[ArmResult] = Field(min_length=1)
    effects: list[Effect]
    interactions: list[Effect]
    words: list[WordEffect] = Field(default_factory=list)
    search: SearchResult | None = None
    notes: list[str]
    provenance: SweepProvenance
