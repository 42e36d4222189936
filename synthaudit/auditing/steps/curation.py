"""Curation: the synthetic images worth keeping, and what they score by themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from synthaudit.auditing.context import Context
from synthaudit.auditing.step import Step, walk
from synthaudit.auditing.steps import detector, duplicates, scores
from synthaudit.auditing.steps.broken import BrokenSection
from synthaudit.auditing.steps.detector import DetectorSection
from synthaudit.auditing.steps.duplicates import DuplicateSection
from synthaudit.auditing.steps.faithfulness import FaithfulnessSection
from synthaudit.auditing.steps.labels import LabelSection
from synthaudit.auditing.steps.scores import ScoreSection
from synthaudit.measures.samples import Samples
from synthaudit.measures.scores import FourScores
from synthaudit.measures.selection import Selection, select
from synthaudit.result.section import Section

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class CurationSection(Section):
    """The selection, and what became of the scores.

    Attributes:
        selection: the verdict on each image.
        scores: the four scores of the images that are kept; None when none is.
    """

    selection: Selection = field(repr=False)
    scores: FourScores | None

    def to_dict(self) -> dict[str, Any]:
        """How many images are kept, why the others are not, and the scores of those kept."""
        kept, reason = self.selection.is_kept, self.selection.reason
        reasons, counts = np.unique(reason[reason != ""].astype(str), return_counts=True)
        return {
            "kept": {
                "synthetic": int(kept.sum()),
                "dropped": {str(r): int(n) for r, n in zip(reasons, counts, strict=True)},
                "scores": {} if self.scores is None else dict(vars(self.scores)),
            }
        }

    def tables(self, samples: Samples) -> Mapping[str, pd.DataFrame]:
        """A row a synthetic image: whether it is kept, or why not."""
        import pandas as pd

        rows = samples.synthetic
        table = pd.DataFrame(
            {
                "path": samples.paths[rows].astype(str),
                "is_kept": self.selection.is_kept[rows],
                "reason": self.selection.reason[rows].astype(str),
            }
        )
        return {"kept": table}


def curate(samples: Samples, context: Context, *, again: Sequence[Step]) -> CurationSection:
    """Select images, and score the selection anew.

    Args:
        samples: the images.
        context: of the audit.
        again: the steps that score the images that are left.
    """
    context.progress.start("choosing what to keep", 0)
    found = context.section(DuplicateSection).found
    labels, broken = context.find(LabelSection), context.find(BrokenSection)
    judged = context.find(FaithfulnessSection)
    selection = select(
        is_synthetic=samples.is_synthetic,
        is_unoriginal=found.is_unoriginal,
        is_wrong_label=np.zeros(len(samples), bool)
        if labels is None
        else labels.flags(len(samples)),
        is_unfaithful=None if judged is None else judged.flags(len(samples)),
        defect=np.full(len(samples), None, object)
        if broken is None
        else broken.defects(len(samples)),
        probability_synthetic=context.section(DetectorSection).detection.probability_synthetic,
        cluster=found.cluster,
        is_chosen=context.is_kept(samples),
        obvious=context.settings.obvious,
    )
    rescored = None
    if selection.is_kept.any():
        left = samples.take(~samples.is_synthetic | selection.is_kept)
        # What was found on all images says nothing of these.
        _, fresh = walk(again, left, replace(context, sections={}))
        rescored = fresh.section(ScoreSection).scores
    return CurationSection(selection=selection, scores=rescored)


STEP: Final = Step(
    name="curation",
    run=partial(
        curate,
        again=(duplicates.BY_RADIUS, detector.AXES, detector.ONCE, scores.BALANCED),
    ),
    needs=("duplicates", "detector"),
    is_wanted=lambda settings: settings.keep,
)
AS_STUDIO: Final = replace(
    STEP,
    run=partial(
        curate,
        again=(duplicates.AS_STUDIO, detector.AXES, detector.AS_STUDIO, scores.AS_STUDIO),
    ),
)
