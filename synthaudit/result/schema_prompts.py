"""The parts of ``scores.json`` that speak of prompts."""

from __future__ import annotations

from pydantic import Field

from synthaudit.result.schema_part import Part, Share


class EstimateOfChance(Part):
    """A share with its interval, and what chance gives."""

    value: Share
    low: Share
    high: Share
    chance: Share


class FaithfulnessPart(Part):
    """Whether pictures show their prompts: how often one of another class fits better."""

    model: str
    images: int = Field(ge=0)
    unfaithful: EstimateOfChance
    p_value: Share
    named: int = Field(ge=0)
    estimated_share: Share | None
    discovery_p_value: Share | None
    references: int = Field(ge=0)


class WordPart(Part):
    """A word that goes with a fault: the difference with and without it."""

    word: str
    alternatives: list[str]
    fault: str
    difference: float
    low: float
    high: float
    p_value: Share
    pictures: int
    others: int


class WordsPart(Part):
    """The words to blame, family-wise over all words and faults."""

    tested: int
    pictures: int
    left_out: int
    effects: list[WordPart]


class AttributePart(Part):
    """An attribute that one kind of picture shows more than the other, in standard deviations."""

    attribute: str
    difference: float
    share: Share
    other_share: Share
    p_value: Share
    examples: list[str]
    is_asked_for: bool | None


class AttributesPart(Part):
    """What real pictures, synthetic ones and missed real ones show; what prompts lack."""

    model: str
    tested: int
    real: list[AttributePart]
    synthetic: list[AttributePart]
    missed: list[AttributePart] = Field(default_factory=list)
    suggestions: list[str]


class ShareOfVariety(Part):
    """A share with its interval."""

    value: Share
    low: Share
    high: Share


class ConditionalVarietyPart(Part):
    """Effective numbers of different pictures, and the share of variety that prompts decide."""

    modes: float
    modes_of_a_prompt: float
    from_prompts: ShareOfVariety
    by_chance: Share
    prompts: int


class VarietyPart(ConditionalVarietyPart):
    """The same of the set and of its classes."""

    within_classes: ShareOfVariety | None = None
    classes: dict[str, ConditionalVarietyPart] = Field(default_factory=dict)
