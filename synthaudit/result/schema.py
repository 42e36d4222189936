"""The schema of ``scores.json``: its keys, in the order in which they are written."""

from __future__ import annotations

from typing import Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel, Field, StrictBool

from synthaudit.result.schema_build import BuildPart
from synthaudit.result.schema_part import Part, Share
from synthaudit.result.schema_prompts import (
    AttributesPart,
    FaithfulnessPart,
    VarietyPart,
    WordsPart,
)
from synthaudit.result.schema_usefulness import UsefulnessPart

SCORES_SCHEMA: Final = "synthaudit/scores/1"


class ByScore(Part):
    """A number for each of the four scores; null where there is none."""

    unrealistic: float | None
    unrepresentative: float | None
    unvaried: float | None
    unoriginal: float | None


class Intervals(Part):
    """Both ends of the interval of each score."""

    unrealistic: tuple[Share, Share]
    unrepresentative: tuple[Share, Share]
    unvaried: tuple[Share, Share]
    unoriginal: tuple[Share, Share]


class Counts(Part):
    """How many images and classes there are."""

    real: int = Field(ge=0)
    synthetic: int = Field(ge=0)
    unreadable: int = Field(ge=0)
    classes: int = Field(ge=0)
    missing_classes: int | None = None
    wrong_labels: int | None = None
    broken: int | None = None


class DetectorPart(Part):
    """The classifier that tells the sides apart; 0.5 is chance, 1 perfect."""

    auc: Share
    accuracy: Share
    p_value: float | None = None
    undetermined_real: int
    undetermined_synthetic: int


class DuplicatePart(Part):
    """The duplicate radius, how it came about, and what lies within it."""

    radius: float
    metric: str | None = None
    synthetic_radius: float | None = None
    intrinsic_dimension: float | None = None
    distinct_real: int | None = None
    pairs: int
    pairs_listed: int
    clusters: int
    search_recall: float | None = None
    repeats_p_value: Share | None = None


class SupportingPart(Part):
    """A measure beside the four scores: range, direction, value by chance, source."""

    value: float
    better: Literal["higher", "lower"]
    least: float | None
    most: float | None
    chance: float | None
    paper: str
    low: float | None
    high: float | None


class MissedPart(Part):
    """A kind of real image that nothing synthetic resembles."""

    size: int
    examples: list[str]
    classes: dict[str, int]


class MemorisationPart(Part):
    """Copies by calibrated distances, and how often an image is nearer to a real one than usual."""

    copies: int
    share: Share
    p_value: Share | None = None
    false_discoveries: Share
    by_both: int | None = None
    by_embedding_only: int | None = None
    by_pattern_only: int | None = None
    mirrored: int | None = None
    not_authentic: Share | None = None
    not_authentic_held_out: Share | None = None


class LabelPart(Part):
    """How many synthetic images show another class than the one that they were made for."""

    wrong: int
    estimated_share: Share
    p_value: Share
    agreement: Share
    accuracy: Share | None = None
    recall: Share | None = None
    false_rate: Share | None = None
    cannot_tell: list[str]


class BrokenPart(Part):
    """Pictures that are blank, dark, blurred or the like, as no real one is."""

    pictures: int
    share: Share
    p_value: Share | None
    false_discoveries: Share
    defects: dict[str, int]


class ShiftPart(Part):
    """How the synthetic pictures differ from the real ones in a figure, in standard deviations."""

    real: float
    synthetic: float
    shift: float
    low: float
    high: float


class HistogramPart(Part):
    """Shares of each side between the edges."""

    edges: list[float]
    real: list[Share]
    synthetic: list[Share]


class TraitPart(Part):
    """A trait of the files by itself: its AUC, and its median on each side."""

    name: str
    auc: Share
    real: float
    synthetic: float
    histogram: HistogramPart | None = None
    extremes: dict[str, list[str]] = Field(default_factory=dict)


class MarkPart(Part):
    """A provenance mark: the shares of the files of either side that have it."""

    name: str
    real: Share
    synthetic: Share


class ArtefactPart(Part):
    """How well traits of the files alone tell the sides apart; AUCs, 0.5 is chance."""

    container_auc: Share
    trace_auc: Share
    auc: Share
    control_auc: Share | None
    matched_auc: Share | None
    explains: bool
    best: list[TraitPart]
    marks: list[MarkPart] = Field(default_factory=list)
    marks_tell: bool = False
    files_tell: bool = False


class ExplanationPart(Part):
    """By block of the descriptor, the AUC of a detector that has it alone; pictures looked at."""

    blocks: dict[str, Share]
    pictures: int


class MeasurePart(Part):
    """A measure of single images: its median on each side, and how well it tells them apart."""

    description: str
    real: float | None
    synthetic: float | None
    auc: Share | None


class ClassPart(Part):
    """The four scores of one class, and how many images it has on each side."""

    unrealistic: Share
    unrepresentative: Share
    unvaried: Share
    unoriginal: Share
    intervals: Intervals | None = None
    real: int
    synthetic: int


class FindingPart(Part):
    """Something that the audit found, the gravest first; ``images`` are paths of some at fault."""

    kind: str
    severity: Literal["none", "low", "high"]
    text: str
    value: float | None
    interval: tuple[float, float] | None
    p_value: float | None
    images: list[str]
    is_decided: bool = True


class VerdictPart(Part):
    """Whether the set is fit to train on; null where the numbers do not tell."""

    fit: StrictBool | None
    text: str


class KeptPart(Part):
    """How many synthetic images are worth keeping, why the others are not, and what they score."""

    synthetic: int
    dropped: dict[str, int]
    scores: ByScore | dict[str, float]


class DecisionsPart(Part):
    """What a person decided: how many images were dropped and kept, and the digest of the list."""

    dropped: int
    kept: int
    digest: str


class ProvenancePart(Part):
    """How to reproduce the numbers."""

    synthaudit: str
    embedder: str
    fingerprint: str
    definition: str
    seed: int
    settings: dict[str, Any]
    real_digest: str
    synthetic_digest: str
    versions: dict[str, str]
    device: str
    licence: str | None = None
    embedder_stands_in_for: str | None = None
    map: str | None = None
    harmonised_to: dict[str, Any] | None = None
    decisions: DecisionsPart | None = None


class EmbedderPart(Part):
    """What one of several embedders says for itself, the first one among them."""

    embedder: str
    fingerprint: str
    device: str
    licence: str | None = None
    unrealistic: Share
    unrepresentative: Share
    unvaried: Share
    unoriginal: Share
    chance: ByScore
    intervals: Intervals | None = None
    null: ByScore | None = None
    p_values: ByScore | None = None
    floor: ByScore | None = None
    detector: DetectorPart
    duplicates: DuplicatePart
    supporting: dict[str, SupportingPart] = Field(default_factory=dict)
    usefulness: UsefulnessPart | None = None
    findings: list[FindingPart]
    verdict: VerdictPart


class ScoresFile(Part):
    """``scores.json``: the four scores (0 to 1, higher is worse), and all that is known of them."""

    schema_: Literal["synthaudit/scores/1"] = Field(alias="schema")
    verdict: VerdictPart | None = None
    findings: list[FindingPart] = Field(default_factory=list)
    unrealistic: Share
    unrepresentative: Share
    unvaried: Share
    unoriginal: Share
    chance: ByScore
    intervals: Intervals | None = None
    null: ByScore | None = None
    p_values: ByScore | None = None
    floor: ByScore | None = None
    counts: Counts
    detector: DetectorPart
    duplicates: DuplicatePart
    supporting: dict[str, SupportingPart] = Field(default_factory=dict)
    missed: list[MissedPart] = Field(default_factory=list)
    memorisation: MemorisationPart | None = None
    labels: LabelPart | None = None
    faithfulness: FaithfulnessPart | None = None
    words: WordsPart | None = None
    attributes: AttributesPart | None = None
    variety: VarietyPart | None = None
    usefulness: UsefulnessPart | None = None
    broken: BrokenPart | None = None
    appearance: dict[str, ShiftPart] | None = None
    artefacts: ArtefactPart | None = None
    explanation: ExplanationPart | None = None
    measures: dict[str, MeasurePart] = Field(default_factory=dict)
    embedders: list[EmbedderPart] = Field(default_factory=list)
    classes: dict[str, ClassPart]
    kept: KeptPart | None = None
    build: BuildPart | None = None
    notes: list[str]
    provenance: ProvenancePart


def in_order(contents: Any, kind: Any) -> Any:
    """Contents with their keys in the order of a model, those that it does not know last.

    >>> from synthaudit.result.schema_part import EstimatePart
    >>> in_order({"high": 2, "more": 0, "value": 1}, EstimatePart)
    {'value': 1, 'high': 2, 'more': 0}
    """
    model = next((part for part in (kind, *get_args(kind)) if _is_model(part)), None)
    if isinstance(contents, dict) and model is not None and get_origin(kind) is not dict:
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        known = {
            key: in_order(contents[key], field.annotation)
            for key, field in fields.items()
            if key in contents
        }
        return {**known, **{key: contents[key] for key in contents if key not in known}}
    if isinstance(contents, dict) and get_origin(kind) is dict:
        return {key: in_order(value, get_args(kind)[1]) for key, value in contents.items()}
    if isinstance(contents, list) and get_origin(kind) is list:
        return [in_order(value, get_args(kind)[0]) for value in contents]
    return contents


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
