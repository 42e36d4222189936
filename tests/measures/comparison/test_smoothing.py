"""Smoothed values: held against a Gaussian process of scikit-learn, and where truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, DotProduct

from synthaudit.measures.comparison.smoothing import smooth_values


def test_without_parts_of_their_own_it_is_the_posterior_of_a_gaussian_process() -> None:
    rng = np.random.default_rng(0)
    features = np.eye(5)[rng.integers(0, 5, 60)]
    truth = features @ rng.normal(0.0, 0.12, 5)
    variances = rng.uniform(0.001, 0.01, 60)
    values = 0.5 + truth + rng.normal(0.0, np.sqrt(variances))
    mean = np.average(values, weights=1.0 / variances)
    oracle = [
        GaussianProcessRegressor(
            ConstantKernel(main**2, "fixed") * DotProduct(0.0, "fixed"), alpha=variances
        ).fit(features, values - mean)
        for main in (0.01, 0.03, 0.06, 0.12)
    ]
    best = max(oracle, key=lambda own: own.log_marginal_likelihood_value_)
    expected = mean + best.predict(features)
    assert smooth_values(features, values, variances) == pytest.approx(expected, abs=0.005)


def test_it_is_nearer_to_the_truth_than_what_was_measured() -> None:
    rng = np.random.default_rng(1)
    raw, smoothed = [], []
    for _ in range(30):
        features = np.concatenate([np.eye(4)[rng.integers(0, 4, 40)] for _ in range(3)], axis=1)
        truth = 0.5 + features @ rng.normal(0.0, 0.06, 12) + rng.normal(0.0, 0.02, 40)
        values = truth + rng.normal(0.0, 0.08, 40)
        raw.append(np.square(values - truth).mean())
        found = smooth_values(features, values, np.full(40, 0.08**2))
        smoothed.append(np.square(found - truth).mean())
    assert np.mean(smoothed) < 0.5 * np.mean(raw)


def test_what_is_measured_surely_is_hardly_moved() -> None:
    values = np.array([0.1, 0.4, 0.7, 0.3])
    assert smooth_values(np.eye(4), values, np.full(4, 1e-9)) == pytest.approx(values, abs=2e-3)
