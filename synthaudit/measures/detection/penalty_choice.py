"""Choosing a penalty: inner cross-validation along a grid, from strong penalties to weak ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from synthaudit.arrays import Floats, Integers
from synthaudit.measures.detection.assignment import (
    INNER_FOLDS,
    Assignment,
    both_sides,
    side_weights,
)
from synthaudit.measures.detection.design import Design
from synthaudit.measures.detection.logistic import Coefficients, fit, log_loss

INVERSE_PENALTIES: Final = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""The values of C to choose from."""

# The best penalty of 8,000 rows is the best of a million within a step of the grid above.
_ROWS: Final = 8000
_ROUGH: Final = 3e-2
_FINE: Final = 1e-3
# Losses of rough fits are right to well within this: where they are closer, fine fits decide.
_CLOSE: Final = 0.02
# Strong penalties are fitted well in hardly more steps than roughly.
_STRONG: Final = 1e-4


@dataclass(frozen=True, kw_only=True)
class PenaltyChoice:
    """What was chosen for T ways to cross-validate.

    Attributes:
        inverse_penalties: (T, folds) C of each fold.
        start: T x folds models to start its fit from: the means over the inner folds.
    """

    inverse_penalties: Floats
    start: Coefficients


def choose_penalties(
    rows: Design,
    assignments: Sequence[Assignment],
    *,
    balanced: bool,
    penalties: Sequence[float] = INVERSE_PENALTIES,
) -> PenaltyChoice:
    """Choose the C of each fold by the least inner log-loss.

    The loss falls along the grid, then rises, and weaker penalties take ever longer to fit: the
    search ends where it rises.

    Args:
        rows: (n, d) features.
        assignments: T ways to cross-validate.
        balanced: whether both sides weigh the same.
        penalties: the values of C, ascending.
    """
    subset = _sample(assignments[0])
    grid = _Grid(rows.take(subset), [a.take(subset) for a in assignments], penalties, balanced)
    owners = np.arange(len(assignments) * assignments[0].inner.shape[1])
    for step in range(len(penalties)):
        grid.fit(step, owners, _FINE if penalties[step] <= _STRONG else _ROUGH)
        if step == 0:
            continue
        least = grid.losses[:step, owners].min(axis=0)
        near = np.abs(grid.losses[step, owners] - least) <= _CLOSE * least
        grid.refine(step, owners[near])
        least = grid.losses[:step, owners].min(axis=0)
        owners = owners[grid.losses[step, owners] <= least]
        if len(owners) == 0:
            break
    best = np.argmin(grid.losses, axis=0)
    return PenaltyChoice(
        inverse_penalties=np.asarray(penalties)[best].reshape(len(assignments), -1),
        start=grid.means(best),
    )


class _Grid:
    """Losses of the owners (the outer folds of all assignments) at each penalty.

    In float32: half the time of float64, and the losses differ far more than its rounding.
    """

    def __init__(
        self,
        rows: Design,
        assignments: Sequence[Assignment],
        penalties: Sequence[float],
        balanced: bool,  # noqa: FBT001
    ) -> None:
        self.rows, self.penalties = rows.single(), penalties
        self.labels, self.fitting, self.held = (
            np.concatenate(parts, axis=1).astype(self.rows.dtype)
            for parts in zip(*(_inner_columns(a, balanced) for a in assignments), strict=True)
        )
        owners = len(assignments) * assignments[0].inner.shape[1]
        self.losses = np.full((len(penalties), owners), np.inf)
        self.is_fine = np.zeros((len(penalties), owners), bool)
        # The intercepts are the last row.
        shape = (rows.shape[1] + 1, owners * INNER_FOLDS)
        self.models: list[Floats] = [np.zeros(shape, self.rows.dtype) for _ in penalties]

    def fit(self, step: int, owners: Integers, tolerance: float) -> None:
        """Fit the models of some owners, from their own state or that of the penalty before."""
        columns = (owners[:, None] * INNER_FOLDS + np.arange(INNER_FOLDS)).ravel()
        is_new = bool(np.isinf(self.losses[step, owners]).any())
        before = self.models[max(step - 1, 0) if is_new else step][:, columns]
        is_first = is_new and step == 0
        labels = self.labels[:, columns]
        model = fit(
            self.rows,
            labels,
            self.fitting[:, columns],
            inverse_penalty=self.penalties[step],
            tolerance=tolerance,
            start=None if is_first else Coefficients(slope=before[:-1], intercept=before[-1]),
        )
        self.models[step][:-1, columns] = model.slope
        self.models[step][-1, columns] = model.intercept
        loss = log_loss(model.log_odds(self.rows), labels)
        total = np.einsum("ij,ij->j", self.held[:, columns], loss, dtype=np.float64)
        self.losses[step, owners] = total.reshape(-1, INNER_FOLDS).sum(axis=1)
        self.is_fine[step, owners] = tolerance == _FINE

    def means(self, steps: Integers) -> Coefficients:
        """The mean of each owner's models at a penalty of its own."""
        parted = [model.reshape(len(model), -1, INNER_FOLDS) for model in self.models]
        chosen = [parted[step][:, owner].mean(axis=1) for owner, step in enumerate(steps)]
        found = np.stack(chosen, axis=1)
        return Coefficients(slope=found[:-1], intercept=found[-1])

    def refine(self, step: int, owners: Integers) -> None:
        """Fit well what is to be compared: this penalty, and the best of those before it."""
        if len(owners) == 0:
            return
        best = np.argmin(self.losses[:step, owners], axis=0)
        for number in (*range(step), step):
            wanted = owners if number == step else owners[best == number]
            wanted = wanted[~self.is_fine[number, wanted]]
            if len(wanted):
                self.fit(number, wanted, _FINE)


def _inner_columns(
    assignment: Assignment,
    balanced: bool,  # noqa: FBT001
) -> tuple[Floats, Floats, Floats]:
    """Labels and the weights to fit and to judge with, a column an inner fold of an outer one."""
    inner, is_synthetic = assignment.inner, assignment.is_synthetic
    numbers = np.arange(INNER_FOLDS)
    judged = (inner[:, :, None] == numbers).reshape(len(inner), -1)
    seen = ((inner >= 0)[:, :, None] & (inner[:, :, None] != numbers)).reshape(len(inner), -1)
    seen &= both_sides(seen, is_synthetic)
    labels = np.repeat(is_synthetic[:, None].astype(np.float64), judged.shape[1], axis=1)
    fitting, judging = assignment.weigh(seen), assignment.weigh(judged)
    if balanced:
        fitting = fitting * side_weights(fitting, is_synthetic)
        judging = judging * side_weights(judging, is_synthetic)
    return labels, fitting, judging


def _sample(assignment: Assignment) -> Integers:
    """At most ``_ROWS`` rows, the sides in equal shares as far as they go."""
    is_synthetic = assignment.is_synthetic
    if len(is_synthetic) <= _ROWS:
        return np.arange(len(is_synthetic))
    rng = np.random.default_rng(len(is_synthetic))
    sides = [np.flatnonzero(~is_synthetic), np.flatnonzero(is_synthetic)]
    fewer = min(*(len(side) for side in sides), _ROWS // 2)
    sizes = [min(len(side), max(_ROWS - fewer, _ROWS // 2)) for side in sides]
    drawn = [rng.choice(side, size, replace=False) for side, size in zip(sides, sizes, strict=True)]
    return np.sort(np.concatenate(drawn))
