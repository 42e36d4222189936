"""Models solved side by side equal scikit-learn's, one by one."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from synthaudit.measures.detection.design import ArrayDesign
from synthaudit.measures.detection.logistic import fit, sigmoid


def problem(count: int, width: int, gap: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = (np.arange(count) % 3 == 0).astype(float)
    rows = rng.standard_normal((count, width)) + gap * labels[:, None]
    return rows, labels


@pytest.mark.parametrize("inverse_penalty", [1e-4, 1e-2, 1.0, 10.0])
@pytest.mark.parametrize(("count", "width", "gap"), [(300, 5, 0.5), (60, 100, 0.2), (200, 20, 3.0)])
def test_it_agrees_with_scikit_learn(
    count: int, width: int, gap: float, inverse_penalty: float
) -> None:
    rows, labels = problem(count, width, gap)
    rng = np.random.default_rng(1)
    weights = np.stack(
        [np.ones(count), rng.integers(0, 2, count), rng.uniform(0, 3, count)], axis=1
    )
    models = fit(
        ArrayDesign(rows),
        np.repeat(labels[:, None], 3, axis=1),
        weights,
        inverse_penalty=inverse_penalty,
    )
    for column in range(3):
        oracle = LogisticRegression(C=inverse_penalty, tol=1e-10, max_iter=20_000)
        oracle.fit(rows, labels, sample_weight=weights[:, column])
        expected = oracle.predict_proba(rows)[:, 1]
        assert (
            np.abs(sigmoid(models.log_odds(ArrayDesign(rows)))[:, column] - expected).max() < 2e-5
        )


def test_models_do_not_disturb_one_another() -> None:
    rows, labels = problem(200, 10, 1.0)
    weights = np.random.default_rng(2).uniform(0, 2, (200, 4))
    columns = np.stack([labels, 1 - labels, labels, np.roll(labels, 1)], axis=1)
    together = fit(ArrayDesign(rows), columns, weights, inverse_penalty=0.1, tolerance=1e-10)
    for column in range(4):
        part = slice(column, column + 1)
        alone = fit(
            ArrayDesign(rows),
            columns[:, part],
            weights[:, part],
            inverse_penalty=0.1,
            tolerance=1e-10,
        )
        assert np.allclose(together.slope[:, part], alone.slope, atol=1e-8)


def test_separable_and_one_sided_data_stay_finite() -> None:
    rows, labels = problem(50, 60, 50.0)
    for column in (labels, np.ones(50)):
        model = fit(ArrayDesign(rows), column[:, None], np.ones((50, 1)), inverse_penalty=10.0)
        assert np.isfinite(model.slope).all()
        assert np.isfinite(model.intercept).all()


def test_a_start_changes_the_way_and_not_the_end() -> None:
    rows, labels = problem(200, 10, 1.0)
    ones = np.ones((200, 1))
    cold = fit(ArrayDesign(rows), labels[:, None], ones, inverse_penalty=1.0, tolerance=1e-10)
    start = fit(ArrayDesign(rows), labels[:, None], ones, inverse_penalty=0.01)
    warm = fit(
        ArrayDesign(rows), labels[:, None], ones, inverse_penalty=1.0, tolerance=1e-10, start=start
    )
    assert np.allclose(cold.slope, warm.slope, atol=1e-7)
