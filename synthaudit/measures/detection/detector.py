"""The detector: how well can a classifier tell real from synthetic on the embeddings?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synthaudit.arrays import Flags, Floats
from synthaudit.measures.detection.assignment import Assignment, assign
from synthaudit.measures.detection.cross_validation import CrossValidate, OutOfFold, cross_validate
from synthaudit.measures.randomness import stream
from synthaudit.measures.samples import Samples
from synthaudit.threads import Advance, ignore


@dataclass(frozen=True, kw_only=True)
class Detection:
    """What the cross-validated detector says of n images.

    Attributes:
        probability_synthetic: (n,) out-of-fold probability in [0, 1] of being synthetic, averaged
            over the repeats.
        label_quality: (n,) the same for the side that the image is on.
        auc: area under the ROC curve of the out-of-fold probabilities, averaged over the repeats;
            0.5 is chance, 1 says that the sides are told apart without error. Also 0.5 when
            nothing could be judged.
        accuracy: mean of both sides' shares on the right side of 0.5, likewise; 0.5 is chance.
        undetermined: (n,) images whose training folds held one side only; they get 0.5.
        assignments: the folds of each repeat; none when a side has a single image.
        outcomes: what each repeat said.
    """

    probability_synthetic: Floats
    label_quality: Floats
    auc: float
    accuracy: float
    undetermined: Flags
    assignments: Sequence[Assignment]
    outcomes: Sequence[OutOfFold]


def detect(
    samples: Samples,
    *,
    folds: int = 5,
    repeats: int = 1,
    balanced: bool = True,
    seed: int = 0,
    validate: CrossValidate = cross_validate,
    advance: Advance = ignore,
) -> Detection:
    """Cross-validate a logistic regression on standardised embeddings.

    Columns are standardised over all images, which no label enters. The penalty of each fold is
    chosen inside its training images by log-loss over three inner folds.

    Args:
        samples: the images, by what ``principal_axes`` makes of their embeddings.
        folds: how many folds; fewer when a side has fewer images.
        repeats: how many times, each with other folds.
        balanced: give both sides the same weight, so that 0.5 is chance at any ratio of sizes.
        seed: decides the folds.
        validate: does the work.
        advance: told of repeats that are done.

    Returns:
        ``Detection``.
    """
    is_synthetic = samples.is_synthetic
    folds = min(folds, int(is_synthetic.sum()), int((~is_synthetic).sum()))
    if folds < 2:
        return _nothing_learnt(is_synthetic)
    rng = stream(seed, "folds")
    assignments = [
        assign(is_synthetic, samples.groups, folds=folds, rng=rng) for _ in range(repeats)
    ]
    outcomes = validate(samples.vectors, assignments, balanced=balanced, advance=advance)
    return _summarise(outcomes, is_synthetic, assignments)


def area_under_curve(score: Floats, is_positive: Flags) -> float:
    """AUC as the Mann-Whitney share of pairs in the right order; ties count half."""
    positives = int(is_positive.sum())
    negatives = len(score) - positives
    if positives == 0 or negatives == 0:
        return 0.5
    negative = np.sort(score[~is_positive])
    # Negatives below each positive, and half of those that are level with it.
    below = np.searchsorted(negative, score[is_positive], side="left").sum()
    below_or_level = np.searchsorted(negative, score[is_positive], side="right").sum()
    return float(below + below_or_level) / (2.0 * positives * negatives)


def balanced_accuracy(probability: Floats, is_synthetic: Flags) -> float:
    """Mean of both sides' shares on the right side of 0.5; exactly 0.5 counts half."""
    right = np.where(is_synthetic, probability > 0.5, probability < 0.5) + 0.5 * (
        probability == 0.5
    )
    return float(np.mean([right[is_synthetic].mean(), right[~is_synthetic].mean()]))


def label_quality(probability: Floats, is_synthetic: Flags) -> Floats:
    """Probability of the side that each image is on."""
    quality: Floats = np.where(is_synthetic, probability, 1.0 - probability)
    return quality


def _summarise(
    outcomes: Sequence[OutOfFold], is_synthetic: Flags, assignments: Sequence[Assignment]
) -> Detection:
    each = [outcome.probability for outcome in outcomes]
    probability = np.mean(each, axis=0)
    return Detection(
        probability_synthetic=probability,
        label_quality=label_quality(probability, is_synthetic),
        auc=float(np.mean([area_under_curve(p, is_synthetic) for p in each])),
        accuracy=float(np.mean([balanced_accuracy(p, is_synthetic) for p in each])),
        undetermined=np.any([outcome.undetermined for outcome in outcomes], axis=0),
        assignments=assignments,
        outcomes=outcomes,
    )


def _nothing_learnt(is_synthetic: Flags) -> Detection:
    count = len(is_synthetic)
    blank = OutOfFold(
        probability=np.full(count, 0.5),
        undetermined=np.ones(count, bool),
        inverse_penalties=np.empty(0),
    )
    return _summarise([blank], is_synthetic, [])
