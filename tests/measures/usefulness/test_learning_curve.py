"""Learning curves against closed forms, and against sets of a known worth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from synthaudit.measures.samples import Samples
from synthaudit.measures.usefulness.few_images import counts_of_images, probes
from synthaudit.measures.usefulness.learning_curve import (
    CurveDraws,
    Worth,
    fit_power_law,
    monotone,
    training_variance,
    worth_in_images,
)
from synthaudit.measures.usefulness.train_synthetic_test_real import (
    TrainSyntheticTestReal,
    train_synthetic_test_real,
)

IMAGES = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0])


@pytest.mark.parametrize(
    ("ceiling", "drop", "rate"), [(0.9, 0.5, 0.5), (0.75, 0.2, 1.0), (1.0, 0.6, 0.3)]
)
def test_a_power_law_is_found_again(ceiling: float, drop: float, rate: float) -> None:
    fit = fit_power_law(IMAGES, ceiling - drop * IMAGES**-rate)
    assert fit is not None
    assert (fit.ceiling, fit.drop, fit.rate) == pytest.approx((ceiling, drop, rate), abs=1e-6)
    assert fit.accuracy(1000.0) == pytest.approx(ceiling - drop * 1000.0**-rate)


def test_no_fit_goes_beyond_certainty_or_downwards() -> None:
    steep = fit_power_law(IMAGES, np.linspace(0.4, 1.0, 7))
    falling = fit_power_law(IMAGES, np.linspace(0.9, 0.5, 7))
    assert steep is not None
    assert steep.ceiling <= 1.0
    assert falling is not None
    assert falling.drop == 0.0
    assert fit_power_law(IMAGES[:3], np.array([0.1, 0.2, 0.3])) is None


def curve(accuracy: np.ndarray, *, variance: float = 0.0) -> CurveDraws:
    return CurveDraws(
        images=IMAGES,
        accuracy=accuracy,
        resampled=np.tile(accuracy, (50, 1)),
        draws=np.full(7, 10.0),
        training_variance=np.full(7, variance),
        freedom=15.0,
        pool=64.0,
    )


def worth(reached: float, *, variance: float = 0.0) -> Worth:
    law = 0.9 - 0.5 * IMAGES**-0.5
    return worth_in_images(
        curve(law, variance=variance),
        reached,
        np.full(50, reached),
        confidence=0.95,
        rng=np.random.default_rng(0),
    )


def test_what_an_accuracy_is_worth() -> None:
    # On a point of the curve exactly, between points nearly, beyond the last by its power law.
    assert worth(0.9 - 0.5 / 4).value == pytest.approx(16.0)
    assert worth(0.9 - 0.5 * 24**-0.5).value == pytest.approx(24.0, rel=0.03)
    assert worth(0.9 - 0.5 * 200**-0.5).value == pytest.approx(200.0, rel=0.01)
    assert worth(0.91) == Worth(value=None, low=64.0 * 64.0, high=None)
    below = worth(0.3)
    assert below.value is not None
    assert below.value < 1.0
    exact = worth(0.8)
    assert exact.low == exact.value == exact.high
    unsure = worth(0.8, variance=0.02**2)
    assert unsure.high is not None
    assert unsure.low < 20.0 < 30.0 < unsure.high


def test_curves_are_made_monotone() -> None:
    assert monotone(np.array([0.2, 0.5, 0.3, 0.6])).tolist() == pytest.approx([0.2, 0.4, 0.4, 0.6])


def test_variance_between_sets_of_one_pool_is_that_of_sets_of_their_own() -> None:
    """Sets drawn from a pool share images; an accuracy that is a mean of them has a known one."""
    rng, pool, images = np.random.default_rng(0), 100, np.array([5.0, 20.0, 50.0])
    halves = []
    for size in images.astype(int):
        squares = []
        for _ in range(4000):
            values = rng.standard_normal(pool)
            first, second = (rng.choice(values, size, replace=False).mean() for _ in range(2))
            squares.append((first - second) ** 2 / 2.0)
        halves.append(np.mean(squares))
    found = training_variance(np.array(halves), np.full(3, 5.0), images, float(pool))
    assert found == pytest.approx(1.0 / images, rel=0.1)


def test_counts_double_to_what_there_is() -> None:
    assert counts_of_images((1, 2, 4, 8, 16), 160) == [1, 2, 4, 8, 16, 32, 64, 128]
    assert counts_of_images((1, 2, 4, 8, 16), 10) == [1, 2, 4, 8]
    assert counts_of_images((), 100) == []


def blobs(count: int, rng: np.random.Generator, apart: float) -> tuple[np.ndarray, np.ndarray]:
    """Two Gaussian classes in 4 dimensions, ``apart`` deviations from one another."""
    target = np.arange(count) % 2
    rows = rng.standard_normal((count, 4))
    rows[:, 0] += apart * (target - 0.5)
    return rows, target


def value_of(
    real: tuple[np.ndarray, np.ndarray], synthetic: tuple[np.ndarray, np.ndarray], seed: int = 0
) -> TrainSyntheticTestReal:
    rows = np.concatenate([real[0], synthetic[0]])
    names = np.array([f"class {n}" for n in [*real[1], *synthetic[1]]], dtype=object)
    samples = Samples.of(rows, np.arange(len(rows)) >= len(real[0]), classes=names)
    told = []
    found = train_synthetic_test_real(
        samples, np.full(len(rows), -1), lambda: rows, seed=seed, advance=told.append
    )
    assert found is not None
    assert sum(told) == probes((1, 2, 4, 8, 16), samples)
    return found


def test_curves_of_gaussian_classes_rise_to_bayes() -> None:
    """Bayes' rule errs with probability Phi(-apart / 2) on two Gaussian classes."""
    rng = np.random.default_rng(1)
    found = value_of(blobs(1200, rng, 2.0), blobs(1200, rng, 2.0))
    bayes = norm.cdf(1.0)
    assert found.curve is not None
    for points in (found.curve.real, found.curve.synthetic, found.curve.both):
        last = points[-1].accuracy
        assert last.low - 0.01 <= bayes <= last.high + 0.02
        assert points[0].accuracy.value <= last.value + 0.01
    assert found.curve.real[0].accuracy.value < bayes - 0.05
    assert found.curve.twice is not None
    assert found.curve.twice <= bayes + 0.03
    assert [own.images for own in found.curve.real[:-1]] == [2.0**k for k in range(9)]


def test_worth_covers_what_sets_of_the_same_distribution_are_worth() -> None:
    """Synthetic images of the real distribution are worth as many real ones."""
    hits = 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        found = value_of(blobs(200, rng, 2.5), blobs(40, rng, 2.5), seed).worth_real_images
        assert found is not None
        hits += found.low <= 40 <= (np.inf if found.high is None else found.high)
    assert hits >= 6  # of 8 at 95 %; benchmarks/usefulness.py has 200


def test_noise_is_worth_hardly_anything() -> None:
    rng = np.random.default_rng(3)
    rows = rng.standard_normal((400, 4))
    found = value_of(blobs(400, rng, 3.0), (rows, np.arange(400) % 2)).worth_real_images
    assert found is not None
    assert found.value is not None
    assert found.value < 8.0
