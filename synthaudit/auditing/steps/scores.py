"""The four scores, of the whole set and of each class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from synthaudit.auditing.context import Context
from synthaudit.auditing.step import Step
from synthaudit.auditing.steps.detector import DetectorSection
from synthaudit.auditing.steps.duplicates import DuplicateSection
from synthaudit.measures.samples import Samples
from synthaudit.measures.scores import Evidence, FourScores, four_scores, scores_by_class
from synthaudit.result.scores import ClassScores
from synthaudit.result.section import Section


@dataclass(frozen=True, kw_only=True)
class ScoreSection(Section):
    """The scores.

    Attributes:
        scores: of the whole set.
        chance: by score, what a set drawn from the real distribution would have; None unknown.
        classes: by class that both sides have.
    """

    scores: FourScores
    chance: Mapping[str, float | None]
    classes: Mapping[str, ClassScores]

    def to_dict(self) -> dict[str, Any]:
        """The scores, what chance gives, and the classes."""
        return {
            **vars(self.scores),
            "chance": dict(self.chance),
            "classes": {name: vars(scores) for name, scores in self.classes.items()},
        }


def score_balanced(samples: Samples, context: Context) -> ScoreSection:
    """The four scores where both sides weigh the same."""
    return _score(samples, context, synthetic_share=0.5)


def score_as_studio(samples: Samples, context: Context) -> ScoreSection:
    """The four scores where every image weighs the same: chance is the share of the side."""
    return _score(samples, context, synthetic_share=float(samples.is_synthetic.mean()))


def _score(samples: Samples, context: Context, *, synthetic_share: float) -> ScoreSection:
    duplicates = context.section(DuplicateSection)
    evidence = Evidence(
        label_quality=context.section(DetectorSection).detection.label_quality,
        is_synthetic=samples.is_synthetic,
        is_unvaried=duplicates.found.is_unvaried,
        is_unoriginal=duplicates.found.is_unoriginal,
    )
    sides = samples.classes[samples.real], samples.classes[samples.synthetic]
    return ScoreSection(
        scores=four_scores(evidence),
        chance={
            "unrealistic": synthetic_share,
            "unrepresentative": 1.0 - synthetic_share,
            "unvaried": duplicates.chance,
            "unoriginal": duplicates.chance,
        },
        classes={
            name: ClassScores(
                **vars(scores),
                real=int((sides[0] == name).sum()),
                synthetic=int((sides[1] == name).sum()),
            )
            for name, scores in scores_by_class(samples.classes, evidence).items()
        },
    )


_NEEDS: Final = ("duplicates", "detector")
BALANCED: Final = Step(name="scores", run=score_balanced, needs=_NEEDS)
AS_STUDIO: Final = Step(name="scores", run=score_as_studio, needs=_NEEDS)
