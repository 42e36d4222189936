"""Probes on planted classes: what helps, what hurts, what must never be learnt from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from synthaudit.measures.samples import Samples
from synthaudit.measures.usefulness.learners import make_learner
from synthaudit.measures.usefulness.linear_probe import fit_probe
from synthaudit.measures.usefulness.train_synthetic_test_real import (
    TrainSyntheticTestReal,
    train_synthetic_test_real,
)
from synthaudit.measures.usefulness.zero_shot import zero_shot

CLASSES = 4


def blobs(
    count: int, rng: np.random.Generator, *, apart: float = 1.5, width: int = 16
) -> tuple[np.ndarray, np.ndarray]:
    target = np.arange(count) % CLASSES
    rows = rng.standard_normal((count, width))
    rows[np.arange(count), target] += apart
    return rows, target


def value_of(
    real: tuple[np.ndarray, np.ndarray],
    synthetic: tuple[np.ndarray, np.ndarray],
    clusters: np.ndarray | None = None,
    **how: Any,
) -> TrainSyntheticTestReal:
    rows = np.concatenate([real[0], synthetic[0]])
    names = np.array([f"class {n}" for n in [*real[1], *synthetic[1]]], dtype=object)
    is_synthetic = np.arange(len(rows)) >= len(real[0])
    alone = np.full(len(rows), -1)
    samples = Samples.of(rows, is_synthetic, classes=names)
    found = train_synthetic_test_real(
        samples, alone if clusters is None else clusters, lambda: rows, **how
    )
    assert found is not None
    return found


def test_perfect_synthetic_images_help_where_real_ones_are_few() -> None:
    rng = np.random.default_rng(0)
    found = value_of(blobs(200, rng), blobs(4000, rng))
    assert found.gain.value > 0.0
    assert found.few_shot[0].gain.low > 0.0
    assert found.synthetic.value > found.real.value
    gains = {few.images: few.gain.value for few in found.few_shot}
    assert list(gains) == [1, 2, 4, 8, 16]
    assert gains[1] > gains[4] > gains[16] > 0.0
    assert found.chance == 0.25
    assert found.real.low < found.real.value < found.real.high


def test_mislabelled_synthetic_images_hurt() -> None:
    rng = np.random.default_rng(1)
    rows, target = blobs(1000, rng)
    found = value_of(blobs(400, rng), (rows, (target + 1) % CLASSES))
    assert found.gain.high < 0.0
    assert found.synthetic.value < 0.25
    assert all(scores["gain"] < 0.0 for scores in found.classes.values())


def test_a_class_that_is_left_out_is_missed() -> None:
    rng = np.random.default_rng(7)
    real, synthetic = blobs(400, rng, apart=4.0), blobs(400, rng, apart=4.0)
    whole = value_of(real, synthetic, shots=())
    kept = synthetic[1] != 3
    partial = value_of(real, (synthetic[0][kept], synthetic[1][kept]), shots=())
    assert partial.chance == whole.chance == 0.25
    assert partial.classes["class 3"]["synthetic"] == 0.0
    assert partial.synthetic.value < whole.synthetic.value - 0.2
    assert partial.both.value > 0.9  # the real images still teach it


def test_noise_teaches_nothing() -> None:
    rng = np.random.default_rng(2)
    noise = rng.standard_normal((400, 16)), np.arange(400) % CLASSES
    found = value_of(noise, blobs(400, rng))
    assert found.real.value == pytest.approx(0.25, abs=0.07)
    assert found.synthetic.value == pytest.approx(0.25, abs=0.07)


def test_copies_of_test_images_never_enter_training() -> None:
    """The class is noise that only a copy could know."""
    rng = np.random.default_rng(3)
    rows, target = rng.standard_normal((200, 300)), np.arange(200) % CLASSES
    copies = rows + 0.01 * rng.standard_normal(rows.shape)
    clusters = np.concatenate([np.arange(200), np.arange(200)])
    leaking = value_of((rows, target), (copies, target))
    assert leaking.synthetic.value > 0.8
    assert leaking.excluded == 0
    kept_out = value_of((rows, target), (copies, target), clusters)
    assert kept_out.synthetic.value == pytest.approx(0.25, abs=0.1)
    assert kept_out.excluded == 200


def test_intervals_cover_the_accuracy_of_fresh_images() -> None:
    covered = 0
    probe_rows, probe_target = blobs(4000, np.random.default_rng(99), apart=1.0)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        fakes = blobs(600, rng, apart=1.0)
        found = value_of(blobs(300, rng, apart=1.0), fakes, seed=seed, shots=())
        together = np.concatenate([fakes[0], probe_rows])
        target = np.concatenate([fakes[1], probe_target])
        learner = make_learner(together, lambda: probe_rows, target, classes=CLASSES)
        asked = np.arange(len(fakes[1]), len(target))
        scores = learner.scores(np.arange(len(fakes[1])), asked)
        truth = (scores.argmax(axis=1) == probe_target).mean()
        covered += found.synthetic.low <= truth <= found.synthetic.high
    assert covered >= 17


def test_sets_without_classes_have_no_value() -> None:
    rows = np.zeros((20, 2))
    samples = Samples.of(rows, np.arange(20) >= 10)
    assert train_synthetic_test_real(samples, np.full(20, -1), lambda: rows) is None


@pytest.mark.parametrize("shape", [(200, 10), (30, 80)])
def test_the_probe_is_a_ridge_regression(shape: tuple[int, int]) -> None:
    """At the penalty that it chose, weights and offsets are scikit-learn's."""
    rng = np.random.default_rng(5)
    rows = rng.standard_normal(shape) + 3.0
    target = rng.integers(0, 3, shape[0])
    probe = fit_probe(rows, target, classes=3)
    weight = shape[0] / (3 * np.bincount(target)[target])
    inputs = (rows - np.average(rows, axis=0, weights=weight)) * np.sqrt(weight)[:, None]
    scale = float((inputs**2).sum()) / min(shape)
    fits = [
        Ridge(alpha=penalty * scale).fit(rows, np.eye(3)[target], sample_weight=weight)
        for penalty in np.logspace(-2, 4, 13)
    ]
    distances = [np.abs(fit.coef_.T - probe.weights).max() for fit in fits]
    best = fits[int(np.argmin(distances))]
    np.testing.assert_allclose(probe.weights, best.coef_.T, atol=1e-9)
    np.testing.assert_allclose(probe.offsets, best.intercept_, atol=1e-9)


def test_a_class_without_images_is_never_chosen() -> None:
    rows, target = blobs(60, np.random.default_rng(6))
    probe = fit_probe(rows[target != 2], target[target != 2], classes=CLASSES)
    assert 2 not in probe.scores(rows).argmax(axis=1)


def test_zero_shot_takes_the_nearest_name() -> None:
    texts = np.eye(3)[None].repeat(2, axis=0)
    texts[0] = texts[0][[1, 0, 2]]  # the first prompt confuses two classes
    found = zero_shot(np.eye(3), texts, np.arange(3))
    assert found.single == pytest.approx(1 / 3)
    assert zero_shot(np.eye(3), texts[1:], np.arange(3)).ensemble == 1.0
