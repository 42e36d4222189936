"""The detector: chance at every ratio, closed-form AUC, no leak through copies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from synthaudit.measures.detection import penalty_choice
from synthaudit.measures.detection.cross_validation import principal_axes
from synthaudit.measures.detection.detector import Detection, area_under_curve
from synthaudit.measures.detection.detector import detect as detect_on_axes
from synthaudit.measures.samples import Samples


def detect(
    vectors: np.ndarray, is_synthetic: np.ndarray, groups: np.ndarray | None, **options: Any
) -> Detection:
    samples = Samples.of(principal_axes(vectors), is_synthetic, groups=groups)
    return detect_on_axes(samples, **options)


def sides(real: int, synthetic: int) -> np.ndarray:
    return np.arange(real + synthetic) >= real


def alone(count: int) -> np.ndarray:
    return np.full(count, -1)


def means(detection: Detection, is_synthetic: np.ndarray) -> tuple[float, float]:
    quality = detection.label_quality
    return float(quality[is_synthetic].mean()), float(quality[~is_synthetic].mean())


@pytest.mark.parametrize(("real", "synthetic"), [(300, 300), (150, 600), (600, 150), (100, 1000)])
@pytest.mark.parametrize("dimension", [16, 256])
def test_one_distribution_scores_chance_at_every_ratio(
    real: int, synthetic: int, dimension: int
) -> None:
    vectors = np.random.default_rng(0).standard_normal((real + synthetic, dimension))
    is_synthetic = sides(real, synthetic)
    unrealistic, unrepresentative = means(
        detect(vectors, is_synthetic, alone(len(vectors))), is_synthetic
    )
    assert 0.45 < unrealistic < 0.55
    assert 0.45 < unrepresentative < 0.55


def test_without_balance_the_ratio_decides() -> None:
    vectors = np.random.default_rng(0).standard_normal((1100, 16))
    is_synthetic = sides(100, 1000)
    unrealistic, unrepresentative = means(
        detect(vectors, is_synthetic, None, balanced=False), is_synthetic
    )
    assert unrealistic == pytest.approx(10 / 11, abs=0.02)
    assert unrepresentative == pytest.approx(1 / 11, abs=0.02)


@pytest.mark.parametrize("shift", [0.5, 1.0, 2.0])
def test_auc_of_shifted_gaussians(shift: float) -> None:
    count = 4000
    vectors = np.random.default_rng(1).standard_normal((2 * count, 3))
    is_synthetic = sides(count, count)
    vectors[is_synthetic, 0] += shift
    found = detect(vectors, is_synthetic, alone(2 * count))
    assert found.auc == pytest.approx(norm.cdf(shift / np.sqrt(2)), abs=0.012)
    assert found.accuracy == pytest.approx(norm.cdf(shift / 2), abs=0.015)


def test_probabilities_are_calibrated_for_shifted_gaussians() -> None:
    count, shift = 4000, 1.5
    vectors = np.random.default_rng(2).standard_normal((2 * count, 2))
    is_synthetic = sides(count, count)
    vectors[is_synthetic, 0] += shift
    found = detect(vectors, is_synthetic, alone(2 * count))
    truth = 1 / (1 + np.exp(-(shift * vectors[:, 0] - shift**2 / 2)))
    assert np.abs(found.probability_synthetic - truth).mean() < 0.02


def test_copies_in_one_cluster_do_not_leak() -> None:
    rng = np.random.default_rng(3)
    sources = rng.standard_normal((200, 512))
    vectors = np.repeat(sources, 3, axis=0) + 0.01 * rng.standard_normal((600, 512))
    cluster = np.repeat(np.arange(200), 3)
    is_synthetic = np.repeat(np.arange(200) >= 100, 3)
    assert detect(vectors, is_synthetic, None).auc > 0.9
    assert detect(vectors, is_synthetic, cluster).auc < 0.6


def test_probabilities_are_those_of_scikit_learn_on_the_same_folds() -> None:
    rng = np.random.default_rng(4)
    vectors = rng.standard_normal((300, 40))
    is_synthetic = sides(200, 100)
    vectors[is_synthetic] += 0.3
    found = detect(vectors, is_synthetic, alone(300))
    standardised = (vectors - vectors.mean(axis=0)) / vectors.std(axis=0)
    folds = found.assignments[0].fold
    for number, penalty in enumerate(found.outcomes[0].inverse_penalties):
        held = folds == number
        oracle = LogisticRegression(
            C=penalty, class_weight="balanced", tol=1e-10, max_iter=10_000
        ).fit(standardised[~held], is_synthetic[~held])
        expected = oracle.predict_proba(standardised[held])[:, 1]
        assert np.abs(found.probability_synthetic[held] - expected).max() < 1e-4


@pytest.mark.parametrize("count", [300, 30])
def test_rotation_and_order_change_nothing(count: int) -> None:
    rng = np.random.default_rng(5)
    vectors = rng.standard_normal((count, 64))
    axes = principal_axes(vectors)
    standardised = (vectors - vectors.mean(axis=0)) / vectors.std(axis=0)
    assert np.allclose(axes @ axes.T, standardised @ standardised.T, atol=1e-8)


def test_choosing_on_a_sample_chooses_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(6)
    vectors = rng.standard_normal((4000, 30))
    is_synthetic = sides(3000, 1000)
    vectors[is_synthetic] += 0.1
    full = detect(vectors, is_synthetic, alone(4000))
    monkeypatch.setattr(penalty_choice, "_ROWS", 2000)
    sampled = detect(vectors, is_synthetic, alone(4000))
    chosen = [found.outcomes[0].inverse_penalties for found in (full, sampled)]
    assert abs(np.log10(np.divide(*chosen))).max() <= 1.01
    assert sampled.auc == pytest.approx(full.auc, abs=0.01)


def test_area_under_curve_counts_ties_half() -> None:
    rng = np.random.default_rng(7)
    score = rng.integers(0, 5, 200).astype(float)
    positive = rng.uniform(size=200) < 0.3
    assert area_under_curve(score, positive) == pytest.approx(roc_auc_score(positive, score))
    assert area_under_curve(score, np.zeros(200, bool)) == 0.5


def test_fewer_images_than_folds() -> None:
    vectors = np.random.default_rng(8).standard_normal((13, 4))
    vectors[10:] += 8
    found = detect(vectors, sides(10, 3), alone(13))
    assert len(set(found.assignments[0].fold)) == 3
    assert found.auc == 1.0
    assert not found.undetermined.any()


@pytest.mark.parametrize(("real", "synthetic"), [(1, 1), (1, 20), (20, 1)])
def test_one_image_on_a_side_teaches_nothing(real: int, synthetic: int) -> None:
    vectors = np.random.default_rng(9).standard_normal((real + synthetic, 4))
    found = detect(vectors, sides(real, synthetic), alone(real + synthetic))
    assert (found.probability_synthetic == 0.5).all()
    assert found.undetermined.all()
    assert (found.auc, found.accuracy) == (0.5, 0.5)


def test_identical_images_cannot_be_told_apart() -> None:
    found = detect(np.ones((40, 8)), sides(20, 20), np.zeros(40, int))
    assert (found.probability_synthetic == 0.5).all()
    constant = detect(np.ones((40, 8)), sides(20, 20), alone(40))
    assert np.allclose(constant.probability_synthetic, 0.5)


def test_a_side_that_is_one_cluster_gets_half() -> None:
    rng = np.random.default_rng(10)
    vectors = rng.standard_normal((60, 8))
    is_synthetic = sides(40, 20)
    cluster = np.where(is_synthetic, 0, -1)
    vectors[is_synthetic] = vectors[-1] + 0.001 * rng.standard_normal((20, 8))
    found = detect(vectors, is_synthetic, cluster)
    assert found.undetermined[is_synthetic].all()
    assert (found.label_quality[is_synthetic] == 0.5).all()
    assert found.undetermined[~is_synthetic].sum() <= 8


def test_repeats_are_averaged_and_each_is_what_it_would_be_alone() -> None:
    rng = np.random.default_rng(11)
    vectors = rng.standard_normal((200, 10))
    is_synthetic = sides(100, 100)
    vectors[is_synthetic] += 0.3
    found = detect(vectors, is_synthetic, alone(200), repeats=3)
    each = [outcome.probability for outcome in found.outcomes]
    assert np.allclose(found.probability_synthetic, np.mean(each, axis=0))
    single = detect(vectors, is_synthetic, alone(200))
    assert np.allclose(single.probability_synthetic, each[0], atol=1e-4)
    assert not np.allclose(each[0], each[1], atol=1e-3)
