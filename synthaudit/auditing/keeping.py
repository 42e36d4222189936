"""What to do about it: the synthetic images worth keeping, and what they score by themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synthaudit.arrays import Flags, Names, Vectors
from synthaudit.auditing.engine import Engine
from synthaudit.auditing.measuring import Measurement, measure
from synthaudit.measures.scores import FourScores
from synthaudit.measures.selection import Selection, select
from synthaudit.measures.usefulness.label_fidelity import LabelFidelity
from synthaudit.progress import Progress
from synthaudit.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Keeping:
    """The selection, and what became of the scores.

    Attributes:
        selection: the verdict on each image.
        scores: the four scores of the images that are kept; None when too few are.
    """

    selection: Selection
    scores: FourScores | None


def keep_the_best(
    vectors: Vectors,
    is_synthetic: Flags,
    classes: Names,
    found: Measurement,
    labels: LabelFidelity | None,
    *,
    settings: Settings,
    progress: Progress,
    engine: Engine,
) -> Keeping:
    """Select images and audit the selection anew, without intervals.

    Args:
        vectors: (n, d) embeddings.
        is_synthetic: (n,) the side of each.
        classes: (n,) class names, None without.
        found: what was measured on all images.
        labels: what a probe says of the classes; None without classes on both sides.
        settings: of the audit.
        progress: told of the stages.
        engine: does the heavy work.
    """
    progress.start("choosing what to keep", 0)
    selection = select(
        is_synthetic=is_synthetic,
        is_unoriginal=found.is_unoriginal,
        is_wrong_label=np.zeros(len(vectors), bool) if labels is None else labels.is_wrong,
        probability_synthetic=found.detection.probability_synthetic,
        cluster=found.cluster,
        obvious=settings.obvious,
    )
    left = ~is_synthetic | selection.is_kept
    scores = None
    if selection.is_kept.any():
        quick = settings.model_copy(update={"quick": True})
        chosen = vectors[left], is_synthetic[left], classes[left]
        again = measure(*chosen, quick, progress, engine=engine)
        scores = again.scores
    return Keeping(selection=selection, scores=scores)
