"""The detector: how well can a classifier tell real from synthetic on the embeddings?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from synthaudit.measures.folds import grouped_folds, plain_folds
from synthaudit.measures.logistic import Coefficients, fit, sigmoid
from synthaudit.measures.neighbours import Flags, Floats, Integers

INVERSE_PENALTIES: Final = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
_INNER_FOLDS: Final = 3
# The best penalty of 8,000 rows is the best of a million within a step of the grid above.
_CHOICE_ROWS: Final = 8000


@dataclass(frozen=True, kw_only=True)
class Detection:
    """What the cross-validated detector says of every image.

    Attributes:
        probability_synthetic: (n,) out-of-fold probability in [0, 1] of being synthetic.
        label_quality: (n,) the same for the side that the image is on.
        auc: area under the ROC curve of the out-of-fold probabilities; 0.5 is chance, 1 says that
            the sides are told apart without error. Also 0.5 when nothing could be judged.
        accuracy: mean of both sides' shares on the right side of 0.5; 0.5 is chance.
        undetermined: (n,) images whose training folds held one side only; they get 0.5.
        fold: (n,) the fold of each image.
        inverse_penalties: the C chosen for each fold.
    """

    probability_synthetic: Floats
    label_quality: Floats
    auc: float
    accuracy: float
    undetermined: Flags
    fold: Integers
    inverse_penalties: tuple[float, ...]


def detect(
    vectors: npt.NDArray[np.floating[Any]],
    is_synthetic: Flags,
    cluster: Integers | None,
    *,
    folds: int = 5,
    balanced: bool = True,
    seed: int = 0,
) -> Detection:
    """Cross-validate a logistic regression on standardised embeddings.

    Columns are standardised over all images, which no label enters. The penalty of each fold is
    chosen inside its training images by log-loss over three inner folds.

    Args:
        vectors: (n, d) embeddings.
        is_synthetic: (n,) the side of each.
        cluster: (n,) near-duplicate clusters, which no fold cuts; None for plain folds.
        folds: how many folds; fewer when a side has fewer images.
        balanced: give both sides the same weight, so that 0.5 is chance at any ratio of sizes.
        seed: decides the folds.

    Returns:
        ``Detection``.
    """
    generator = np.random.default_rng(seed)
    smaller = int(min(is_synthetic.sum(), (~is_synthetic).sum()))
    folds = min(folds, smaller)
    labels = is_synthetic.astype(np.float64)
    if folds < 2:
        return _nothing_learnt(is_synthetic)
    fold = _deal(is_synthetic, cluster, folds, generator)
    rows = principal_axes(vectors)
    training = fold[:, None] != np.arange(folds)
    weights = training * _side_weights(training, is_synthetic, balanced=balanced)
    learnable = _both_sides(training, is_synthetic)
    chosen = _choose_penalties(
        rows, is_synthetic, cluster, training, balanced=balanced, generator=generator
    )
    probability = np.full(len(labels), 0.5)
    for penalty in sorted(set(chosen[learnable])):
        columns = np.flatnonzero((chosen == penalty) & learnable)
        model = _fit(rows, labels, weights[:, columns], penalty)
        for position, column in enumerate(columns):
            held = fold == column
            odds = rows[held] @ model.slope[:, position] + model.intercept[position]
            probability[held] = sigmoid(odds)
    return _summarise(probability, is_synthetic, fold, ~learnable[fold], chosen)


def area_under_curve(score: Floats, is_positive: Flags) -> float:
    """AUC as the Mann-Whitney share of pairs in the right order; ties count half."""
    positives = int(is_positive.sum())
    negatives = len(score) - positives
    if positives == 0 or negatives == 0:
        return 0.5
    ranks = float(rankdata(score)[is_positive].sum())
    return (ranks - positives * (positives + 1) / 2) / (positives * negatives)


def principal_axes(vectors: npt.NDArray[np.floating[Any]]) -> Floats:
    """Standardised columns, turned to their principal axes: (n, d) to (n, rank).

    A rotation changes no penalised fit, but it makes the Hessian nearly diagonal, and axes along
    which nothing varies drop out.
    """
    rows = vectors.astype(np.float64)
    rows -= rows.mean(axis=0)
    deviation = rows.std(axis=0)
    scale = float(np.abs(vectors).max(initial=0.0))
    varies = deviation > 1e-9 * max(scale, 1e-300)
    rows = rows[:, varies] / deviation[varies]
    count, width = rows.shape
    if width == 0:
        return np.zeros((count, 0))
    if count < width:
        values, axes = np.linalg.eigh(rows @ rows.T)
        kept = values > 1e-10 * values[-1]
        return np.asarray(axes[:, kept] * np.sqrt(values[kept]))
    values, axes = np.linalg.eigh(rows.T @ rows)
    return np.asarray(rows @ axes[:, values > 1e-10 * values[-1]])


def _deal(
    is_synthetic: Flags,
    cluster: Integers | None,
    folds: int,
    generator: np.random.Generator,
) -> Integers:
    if cluster is None:
        return plain_folds(is_synthetic, folds=folds, generator=generator)
    return grouped_folds(is_synthetic, cluster, folds=folds, generator=generator)


def _side_weights(training: Flags, is_synthetic: Flags, *, balanced: bool) -> Floats:
    """(n, K) weights that give both sides half of each model's rows, as scikit-learn does."""
    if not balanced:
        return np.ones(training.shape)
    counts = np.stack([training[~is_synthetic].sum(axis=0), training[is_synthetic].sum(axis=0)])
    share = counts.sum(axis=0) / (2.0 * np.maximum(counts, 1))
    weights: Floats = share[is_synthetic.astype(np.int64)]
    return weights


def _both_sides(training: Flags, is_synthetic: Flags) -> Flags:
    return np.asarray(training[is_synthetic].any(axis=0) & training[~is_synthetic].any(axis=0))


def _fit(
    rows: Floats,
    labels: Floats,
    weights: Floats,
    penalty: float,
    *,
    tolerance: float = 1e-6,
    start: Coefficients | None = None,
) -> Coefficients:
    columns = np.broadcast_to(labels[:, None], weights.shape)
    return fit(rows, columns, weights, inverse_penalty=penalty, tolerance=tolerance, start=start)


def _choose_penalties(
    rows: Floats,
    is_synthetic: Flags,
    cluster: Integers | None,
    training: Flags,
    *,
    balanced: bool,
    generator: np.random.Generator,
) -> Floats:
    """C of each outer fold: the least inner log-loss along the grid, from strong to weak."""
    subset = _sample(is_synthetic, generator)
    rows, is_synthetic, training = rows[subset], is_synthetic[subset], training[subset]
    cluster = None if cluster is None else cluster[subset]
    folds = training.shape[1]
    fitting, held = [], []
    for outer in range(folds):
        inside = training[:, outer]
        inner = np.full(len(rows), -1)
        group = None if cluster is None else cluster[inside]
        inner[inside] = _deal(is_synthetic[inside], group, _INNER_FOLDS, generator)
        for number in range(_INNER_FOLDS):
            fitting.append(inside & (inner != number))
            held.append(inner == number)
    seen, unseen = np.stack(fitting, axis=1), np.stack(held, axis=1)
    seen &= _both_sides(seen, is_synthetic)
    labels = is_synthetic.astype(np.float64)
    train_weights = seen * _side_weights(seen, is_synthetic, balanced=balanced)
    test_weights = unseen * _side_weights(unseen, is_synthetic, balanced=balanced)
    losses: list[Floats] = []
    model: Coefficients | None = None
    for penalty in INVERSE_PENALTIES:
        # Neighbours on the grid differ far more than a rough fit from an exact one.
        model = _fit(rows, labels, train_weights, penalty, tolerance=1e-3, start=model)
        odds = model.log_odds(rows)
        loss = np.logaddexp(0.0, odds) - labels[:, None] * odds
        total = np.einsum("ij,ij->j", test_weights, loss).reshape(folds, _INNER_FOLDS).sum(axis=1)
        losses.append(total)
        # The loss falls, then rises, along the grid; the weakest penalties are the slowest to fit.
        if len(losses) > 2 and (losses[-1] > losses[-2]).all() and (losses[-2] > losses[-3]).all():
            break
    best: Floats = np.asarray(INVERSE_PENALTIES)[np.argmin(np.stack(losses), axis=0)]
    return best


def _sample(is_synthetic: Flags, generator: np.random.Generator) -> Integers:
    """At most ``_CHOICE_ROWS`` rows, the sides in equal shares as far as they go."""
    if len(is_synthetic) <= _CHOICE_ROWS:
        return np.arange(len(is_synthetic))
    sides = [np.flatnonzero(~is_synthetic), np.flatnonzero(is_synthetic)]
    fewer = min(*(len(side) for side in sides), _CHOICE_ROWS // 2)
    sizes = [min(len(side), max(_CHOICE_ROWS - fewer, _CHOICE_ROWS // 2)) for side in sides]
    drawn = [
        generator.choice(side, size, replace=False) for side, size in zip(sides, sizes, strict=True)
    ]
    return np.sort(np.concatenate(drawn))


def _summarise(
    probability: Floats,
    is_synthetic: Flags,
    fold: Integers,
    undetermined: Flags,
    chosen: Floats,
) -> Detection:
    right = np.where(is_synthetic, probability > 0.5, probability < 0.5) + 0.5 * (
        probability == 0.5
    )
    return Detection(
        probability_synthetic=probability,
        label_quality=np.where(is_synthetic, probability, 1.0 - probability),
        auc=area_under_curve(probability, is_synthetic),
        accuracy=float(np.mean([right[is_synthetic].mean(), right[~is_synthetic].mean()])),
        undetermined=undetermined,
        fold=fold,
        inverse_penalties=tuple(float(penalty) for penalty in chosen),
    )


def _nothing_learnt(is_synthetic: Flags) -> Detection:
    count = len(is_synthetic)
    return _summarise(
        np.full(count, 0.5),
        is_synthetic,
        np.zeros(count, np.int64),
        np.ones(count, bool),
        np.empty(0),
    )
