"""Cross-validating many real-vs-synthetic classifiers on the same rows in one go.

Repeats over fold seeds, permutations of the sides and bootstrap resamples are all columns of one
batched fit, which is what makes error bars affordable.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from synthaudit.arrays import Flags, Floats, Vectors
from synthaudit.measures.blocks import Allocate, blocks
from synthaudit.measures.detection.assignment import (
    INNER_FOLDS,
    Assignment,
    both_sides,
    side_weights,
)
from synthaudit.measures.detection.design import ArrayDesign, Design
from synthaudit.measures.detection.logistic import fit, sigmoid
from synthaudit.measures.detection.penalty_choice import (
    INVERSE_PENALTIES,
    PenaltyChoice,
    choose_penalties,
)
from synthaudit.threads import Advance, ignore, in_threads

_COLUMNS_AT_ONCE: Final = 150
_BLOCK: Final = 16_384

SINGLE_FROM: Final = 200_000
"""Rows from which the detector computes in float32: half the memory, and twice as fast."""


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
        tolerance: float = 1e-7,
        advance: Advance = ignore,
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


def cross_validate(
    rows: Vectors | Design,
    assignments: Sequence[Assignment],
    *,
    balanced: bool = True,
    penalties: Sequence[float] = INVERSE_PENALTIES,
    tolerance: float = 1e-7,
    advance: Advance = ignore,
) -> list[OutOfFold]:
    """Cross-validate each assignment, the penalty of each fold chosen inside its training rows.

    Args:
        rows: (n, d) from ``principal_axes``, or the design matrix that is made of them.
        assignments: T ways to cross-validate.
        balanced: whether both sides weigh the same.
        penalties: the values of C to choose from, ascending.
        tolerance: of the final fits.
        advance: told of assignments that are done, by whatever thread, one at a time.

    Returns:
        T outcomes.
    """
    design = ArrayDesign(rows) if isinstance(rows, np.ndarray) else rows

    def validate(batch: Sequence[Assignment]) -> list[OutOfFold]:
        choice = choose_penalties(design, batch, balanced=balanced, penalties=penalties)
        return _predict(design, batch, choice, balanced=balanced, tolerance=tolerance)

    found = in_threads(validate, list(in_batches(assignments)), advance, steps=len)
    return [outcome for outcomes in found for outcome in outcomes]


def in_batches(assignments: Sequence[Assignment]) -> Iterator[Sequence[Assignment]]:
    """As many assignments at a time as are fitted side by side; batches know nothing of others."""
    folds = assignments[0].inner.shape[1]
    at_once = max(_COLUMNS_AT_ONCE // (folds * INNER_FOLDS), 1)
    return (assignments[block] for block in blocks(len(assignments), at_once))


def _predict(
    rows: Design,
    assignments: Sequence[Assignment],
    choice: PenaltyChoice,
    *,
    balanced: bool,
    tolerance: float,
) -> list[OutOfFold]:
    folds = assignments[0].inner.shape[1]
    labels = np.stack([a.is_synthetic for a in assignments], axis=1).astype(rows.dtype)
    labels = np.repeat(labels, folds, axis=1)
    learnable = np.concatenate([both_sides(a.training, a.is_synthetic) for a in assignments])
    each = [a.weigh(a.training) for a in assignments]
    if balanced:
        each = [w * side_weights(w, a.is_synthetic) for w, a in zip(each, assignments, strict=True)]
    weights = np.concatenate(each, axis=1)
    probability = np.full((rows.shape[0], len(assignments)), 0.5)
    chosen = choice.inverse_penalties.ravel()
    for penalty in np.unique(chosen[learnable]):
        columns = np.flatnonzero((chosen == penalty) & learnable)
        model = fit(
            rows,
            labels[:, columns],
            weights[:, columns].astype(rows.dtype, copy=False),
            inverse_penalty=float(penalty),
            tolerance=tolerance,
            start=choice.start.take(columns),
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
            inverse_penalties=choice.inverse_penalties[task],
        )
        for task, assignment in enumerate(assignments)
    ]
