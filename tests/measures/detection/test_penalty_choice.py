"""The choice of a penalty: that of scikit-learn's losses on the whole grid, at less work."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from synthaudit.arrays import Floats
from synthaudit.measures.detection.assignment import INNER_FOLDS, Assignment, assign
from synthaudit.measures.detection.cross_validation import principal_axes
from synthaudit.measures.detection.design import ArrayDesign
from synthaudit.measures.detection.penalty_choice import INVERSE_PENALTIES, choose_penalties

_FOLDS = 3


def inner_losses(rows: Floats, assignment: Assignment, held: int) -> list[float]:
    """By penalty, the log-loss over the inner folds of an outer one, by scikit-learn."""
    is_synthetic, inner = assignment.is_synthetic, assignment.inner[:, held]
    losses = []
    for penalty in INVERSE_PENALTIES:
        total = 0.0
        for number in range(INNER_FOLDS):
            train, test = (inner >= 0) & (inner != number), inner == number
            model = LogisticRegression(C=penalty, class_weight="balanced", tol=1e-8, max_iter=5000)
            p = model.fit(rows[train], is_synthetic[train]).predict_proba(rows[test])[:, 1]
            right = np.where(is_synthetic[test], p, 1.0 - p)
            share = np.where(is_synthetic[test], is_synthetic[test].mean(), 0.0)
            share = np.where(is_synthetic[test], share, (~is_synthetic[test]).mean())
            total += float((-np.log(np.maximum(right, 1e-300)) / (2 * share)).sum())
        losses.append(total)
    return losses


@pytest.mark.parametrize(("count", "width", "gap"), [(200, 60, 0.0), (200, 60, 0.4), (300, 20, 2)])
def test_it_is_what_the_whole_grid_chooses(count: int, width: int, gap: float) -> None:
    rng = np.random.default_rng(count + width)
    vectors = rng.standard_normal((count, width))
    is_synthetic = np.arange(count) >= count // 2
    vectors[is_synthetic, :4] += gap
    rows = principal_axes(vectors)
    assignment = assign(is_synthetic, None, folds=_FOLDS, rng=rng)
    chosen = choose_penalties(ArrayDesign(rows), [assignment], balanced=True)
    for held in range(_FOLDS):
        losses = inner_losses(rows, assignment, held)
        own = INVERSE_PENALTIES.index(chosen.inverse_penalties[0, held])
        assert losses[own] <= min(losses) * 1.001
