"""Cross-validating many real-vs-synthetic classifiers on the same rows in one go.

Repeats over fold seeds, permutations of the sides and bootstrap resamples are all columns of one
batched fit, which is what makes error bars affordable.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from synthaudit.arrays import Flags, Floats, Integers, Vectors
from synthaudit.measures.blocks import Allocate, blocks
from synthaudit.measures.detection.design import ArrayDesign, Design
from synthaudit.measures.detection.folds import grouped_folds, plain_folds
from synthaudit.measures.detection.logistic import Coefficients, fit, sigmoid

INVERSE_PENALTIES: Final = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
_INNER_FOLDS: Final = 3
# The best penalty of 8,000 rows is the best of a million within a step of the grid above.
_CHOICE_ROWS: Final = 8000
_COLUMNS_AT_ONCE: Final = 240
_BLOCK: Final = 16_384

SINGLE_FROM: Final = 200_000
"""Rows from which the detector computes in float32: half the memory, and twice as fast."""


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """One way to cross-validate n images.

    Attributes:
        is_synthetic: (n,) the side of each image, true or permuted.
        fold: (n,) its fold in [0, folds).
        inner: (n, folds) its inner fold while that fold is held out, -1 for those held out.
        counts: (n,) how often each image counts, equal within groups; None for once.
    """

    is_synthetic: Flags
    fold: Integers
    inner: Integers
    counts: Floats | None = None

    @property
    def training(self) -> Flags:
        """(n, folds) who trains while each fold is held out."""
        return self.inner >= 0

    def take(self, rows: Integers) -> Assignment:
        """The same folds for some of the images."""
        return Assignment(
            is_synthetic=self.is_synthetic[rows],
            fold=self.fold[rows],
            inner=self.inner[rows],
            counts=None if self.counts is None else self.counts[rows],
        )

    def weigh(self, chosen: Flags) -> Floats:
        """(n, K) the counts of those that are chosen, 0 of the others."""
        weights = chosen.astype(np.float64)
        return weights if self.counts is None else weights * self.counts[:, None]


@dataclass(frozen=True, kw_only=True)
class OutOfFold:
    """What one cross-validation says.

    Attributes:
        probability: (n,) out-of-fold probability of being synthetic.
        undetermined: (n,) images whose training folds held one side only; they get 0.5.
        inverse_penalties: (folds,) the C chosen for each fold.
    """

    probability: Floats
    undetermined: Flags
    inverse_penalties: Floats


class CrossValidate(Protocol):
    """``cross_validate``, or whoever does the same elsewhere."""

    def __call__(
        self,
        rows: Vectors,
        assignments: Sequence[Assignment],
        *,
        balanced: bool = True,
        penalties: Sequence[float] = INVERSE_PENALTIES,
        tolerance: float = 1e-6,
    ) -> list[OutOfFold]:
        """Outcomes of the assignments, in their order."""


def principal_axes(vectors: Vectors, allocate: Allocate = np.empty) -> Floats:
    """Standardised columns, turned to their principal axes: (n, d) to (n, rank).

    A rotation changes no penalised fit, but it makes the Hessian nearly diagonal, and axes along
    which nothing varies drop out. Beyond 200,000 rows the result is float32, made block by block:
    probabilities then agree to 1e-4. ``allocate`` says where that result lies.
    """
    if len(vectors) > SINGLE_FROM:
        return _principal_axes_of_many(vectors, allocate)
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


def _principal_axes_of_many(vectors: Vectors, allocate: Allocate) -> Floats:
    count, width = vectors.shape
    parts = list(blocks(count, _BLOCK))
    mean = sum(vectors[block].sum(axis=0, dtype=np.float64) for block in parts) / count
    moments = np.zeros((width, width))
    for block in parts:
        rows = vectors[block].astype(np.float64) - mean
        moments += rows.T @ rows
    deviation = np.sqrt(np.diag(moments) / count)
    varies = deviation > 1e-9 * max(float(np.abs(mean).max() + deviation.max()), 1e-300)
    scale = deviation[varies]
    values, axes = np.linalg.eigh(moments[np.ix_(varies, varies)] / np.outer(scale, scale))
    axes = axes[:, values > 1e-10 * values[-1]] / scale[:, None] if len(values) else axes
    result = allocate((count, axes.shape[1]), np.float32)
    for block in parts:
        result[block] = (vectors[block][:, varies] - mean[varies]) @ axes
    return result


def assign(
    is_synthetic: Flags, groups: Integers | None, *, folds: int, rng: np.random.Generator
) -> Assignment:
    """Deal outer and inner folds; ``groups`` (n,) are never cut, None deals without regard."""
    fold = _deal(is_synthetic, groups, folds, rng)
    inner = np.full((len(fold), folds), -1, np.int64)
    for held in range(folds):
        inside = fold != held
        own = None if groups is None else groups[inside]
        inner[inside, held] = _deal(is_synthetic[inside], own, _INNER_FOLDS, rng)
    return Assignment(is_synthetic=is_synthetic, fold=fold, inner=inner)


def cross_validate(
    rows: Vectors | Design,
    assignments: Sequence[Assignment],
    *,
    balanced: bool = True,
    penalties: Sequence[float] = INVERSE_PENALTIES,
    tolerance: float = 1e-6,
) -> list[OutOfFold]:
    """Cross-validate each assignment, the penalty of each fold chosen inside its training rows.

    Args:
        rows: (n, d) from ``principal_axes``, or the design matrix that is made of them.
        assignments: T ways to cross-validate.
        balanced: whether both sides weigh the same.
        penalties: the values of C to choose from, ascending.
        tolerance: of the final fits.

    Returns:
        T outcomes.
    """
    outcomes: list[OutOfFold] = []
    design = ArrayDesign(rows) if isinstance(rows, np.ndarray) else rows
    for batch in in_batches(assignments):
        chosen = _choose_penalties(design, batch, balanced=balanced, penalties=penalties)
        outcomes.extend(_predict(design, batch, chosen, balanced=balanced, tolerance=tolerance))
    return outcomes


def in_batches(assignments: Sequence[Assignment]) -> Iterator[Sequence[Assignment]]:
    """As many assignments at a time as are fitted side by side; batches know nothing of others."""
    folds = assignments[0].inner.shape[1]
    at_once = max(_COLUMNS_AT_ONCE // (folds * _INNER_FOLDS), 1)
    return (assignments[block] for block in blocks(len(assignments), at_once))


def side_weights(counts: Floats, is_synthetic: Flags) -> Floats:
    """(n, K) weights that give both sides half of each model's rows, as scikit-learn does."""
    totals = np.stack([counts[~is_synthetic].sum(axis=0), counts[is_synthetic].sum(axis=0)])
    share = totals.sum(axis=0) / (2.0 * np.maximum(totals, 1e-12))
    weights: Floats = share[is_synthetic.astype(np.int64)]
    return weights


def _deal(
    is_synthetic: Flags, groups: Integers | None, folds: int, rng: np.random.Generator
) -> Integers:
    if groups is None:
        return plain_folds(is_synthetic, folds=folds, rng=rng)
    return grouped_folds(is_synthetic, groups, folds=folds, rng=rng)


def _fit(
    rows: Design,
    labels: Floats,
    weights: Floats,
    penalty: float,
    *,
    tolerance: float,
    start: Coefficients | None = None,
) -> Coefficients:
    columns = labels if labels.ndim == 2 else np.broadcast_to(labels[:, None], weights.shape)
    return fit(
        rows,
        columns,
        weights.astype(rows.dtype, copy=False),
        inverse_penalty=penalty,
        tolerance=tolerance,
        start=start,
    )


def _both_sides(training: Flags, is_synthetic: Flags) -> Flags:
    """(K,) columns whose rows hold both sides."""
    return np.asarray(training[is_synthetic].any(axis=0) & training[~is_synthetic].any(axis=0))


def _choose_penalties(
    rows: Design,
    assignments: Sequence[Assignment],
    *,
    balanced: bool,
    penalties: Sequence[float],
) -> Floats:
    """(T, folds) C by the least inner log-loss along the grid, from strong to weak."""
    subset = _sample(assignments[0])
    rows = rows.take(subset)
    labels, fitting, held = (
        np.concatenate(parts, axis=1)
        for parts in zip(*(_inner_columns(a, subset, balanced) for a in assignments), strict=True)
    )
    labels = labels.astype(rows.dtype)
    owners = len(assignments) * assignments[0].inner.shape[1]
    losses = np.full((len(penalties), owners), np.inf)
    open_owners = np.arange(owners)
    model: Coefficients | None = None
    for step, penalty in enumerate(penalties):
        columns = (open_owners[:, None] * _INNER_FOLDS + np.arange(_INNER_FOLDS)).ravel()
        # Neighbours on the grid differ far more than a rough fit from an exact one.
        model = _fit(
            rows, labels[:, columns], fitting[:, columns], penalty, tolerance=1e-3, start=model
        )
        odds = model.log_odds(rows)
        loss = np.logaddexp(0.0, odds) - labels[:, columns] * odds
        total = np.einsum("ij,ij->j", held[:, columns], loss)
        losses[step, open_owners] = total.reshape(-1, _INNER_FOLDS).sum(axis=1)
        # The loss falls, then rises; the weakest penalties are the slowest to fit.
        rising = np.zeros(len(open_owners), bool)
        if step >= 2:
            last = losses[step - 2 : step + 1, open_owners]
            rising = (last[2] > last[1]) & (last[1] > last[0])
        if rising.all():
            break
        kept = np.repeat(~rising, _INNER_FOLDS)
        model = Coefficients(slope=model.slope[:, kept], intercept=model.intercept[kept])
        open_owners = open_owners[~rising]
    best: Floats = np.asarray(penalties)[np.argmin(losses, axis=0)]
    return best.reshape(len(assignments), -1)


def _inner_columns(
    assignment: Assignment,
    subset: Integers,
    balanced: bool,  # noqa: FBT001
) -> tuple[Floats, Floats, Floats]:
    """Labels and the weights to fit and to judge with, a column an inner fold of an outer one."""
    assignment = assignment.take(subset)
    inner, is_synthetic = assignment.inner, assignment.is_synthetic
    numbers = np.arange(_INNER_FOLDS)
    judged = (inner[:, :, None] == numbers).reshape(len(inner), -1)
    seen = ((inner >= 0)[:, :, None] & (inner[:, :, None] != numbers)).reshape(len(inner), -1)
    seen &= _both_sides(seen, is_synthetic)
    labels = np.repeat(is_synthetic[:, None].astype(np.float64), judged.shape[1], axis=1)
    fitting, judging = assignment.weigh(seen), assignment.weigh(judged)
    if balanced:
        fitting = fitting * side_weights(fitting, is_synthetic)
        judging = judging * side_weights(judging, is_synthetic)
    return labels, fitting, judging


def _sample(assignment: Assignment) -> Integers:
    """At most ``_CHOICE_ROWS`` rows, the sides in equal shares as far as they go."""
    is_synthetic = assignment.is_synthetic
    if len(is_synthetic) <= _CHOICE_ROWS:
        return np.arange(len(is_synthetic))
    rng = np.random.default_rng(len(is_synthetic))
    sides = [np.flatnonzero(~is_synthetic), np.flatnonzero(is_synthetic)]
    fewer = min(*(len(side) for side in sides), _CHOICE_ROWS // 2)
    sizes = [min(len(side), max(_CHOICE_ROWS - fewer, _CHOICE_ROWS // 2)) for side in sides]
    drawn = [rng.choice(side, size, replace=False) for side, size in zip(sides, sizes, strict=True)]
    return np.sort(np.concatenate(drawn))


def _predict(
    rows: Design,
    assignments: Sequence[Assignment],
    chosen: Floats,
    *,
    balanced: bool,
    tolerance: float,
) -> list[OutOfFold]:
    folds = assignments[0].inner.shape[1]
    labels = np.stack([a.is_synthetic for a in assignments], axis=1).astype(rows.dtype)
    labels = np.repeat(labels, folds, axis=1)
    learnable = np.concatenate([_both_sides(a.training, a.is_synthetic) for a in assignments])
    each = [a.weigh(a.training) for a in assignments]
    if balanced:
        each = [w * side_weights(w, a.is_synthetic) for w, a in zip(each, assignments, strict=True)]
    weights = np.concatenate(each, axis=1)
    probability = np.full((rows.shape[0], len(assignments)), 0.5)
    for penalty in np.unique(chosen.ravel()[learnable]):
        columns = np.flatnonzero((chosen.ravel() == penalty) & learnable)
        model = _fit(
            rows, labels[:, columns], weights[:, columns], float(penalty), tolerance=tolerance
        )
        for position, column in enumerate(columns):
            task, held = divmod(int(column), folds)
            inside = assignments[task].fold == held
            odds = rows.take(inside).times(model.slope[:, [position]]) + model.intercept[position]
            probability[inside, task] = sigmoid(odds[:, 0])
    return [
        OutOfFold(
            probability=probability[:, task],
            undetermined=~learnable[task * folds + assignment.fold],
            inverse_penalties=chosen[task],
        )
        for task, assignment in enumerate(assignments)
    ]
