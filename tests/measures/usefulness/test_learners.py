"""Learners beside scikit-learn's kernel ridge regression and analysis of variance."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import f_oneway
from sklearn.kernel_ridge import KernelRidge
from sklearn.metrics.pairwise import rbf_kernel

from synthaudit.measures.usefulness import learners
from synthaudit.measures.usefulness.kernel_ridge import (
    Tuning,
    choose_tuning,
    class_outputs,
    class_weights,
    make_space,
    solve_ridge,
)
from synthaudit.measures.usefulness.learners import KernelLearner, LinearLearner, make_learner

CLASSES = 4


def planted(
    count: int, seed: int, *, telling: int = 4, noise: int = 8
) -> tuple[np.ndarray, np.ndarray]:
    """Classes that some features tell, of very different scales, among others that tell nothing."""
    rng = np.random.default_rng(seed)
    target = rng.permutation(np.arange(count) % CLASSES)
    rows = rng.standard_normal((count, telling + noise))
    rows[np.arange(count), target] += 3.0
    return rows * 10.0 ** (np.arange(telling + noise) % 9 - 3), target


def test_coefficients_are_those_of_scikit_learn() -> None:
    rows, target = planted(90, 0)
    target[target == 3] = np.where(np.arange((target == 3).sum()) < 5, 3, 0)
    space = make_space(rows, target, power=0.0)
    placed = space.place(rows)
    np.testing.assert_allclose(placed.std(axis=0), 1.0, rtol=1e-4)
    squared = np.square(placed[:, None] - placed[None]).sum(axis=2)
    median = np.median(squared[np.triu_indices(90, 1)])
    assert space.width == pytest.approx(median, rel=1e-4)
    kernel = space.kernel(placed, placed)
    np.testing.assert_allclose(kernel, rbf_kernel(placed, gamma=2.0 / median), atol=1e-5)
    outputs = class_outputs(target, CLASSES)
    weights = class_weights(target)
    assert weights.mean() == pytest.approx(1.0)
    assert np.bincount(target, weights).round(3).tolist() == [22.5] * CLASSES
    oracle = KernelRidge(alpha=0.3, kernel="precomputed").fit(kernel, outputs, weights)
    found = solve_ridge(kernel.copy(), target, outputs, 0.3)
    np.testing.assert_allclose(found, oracle.dual_coef_, atol=1e-4)


@pytest.mark.parametrize("power", [0.5, 1.0])
def test_features_are_scaled_by_what_they_tell(power: float) -> None:
    rows, target = planted(400, 1)
    plain, scaled = (make_space(rows, target, power=own) for own in (0.0, power))
    statistic = f_oneway(*(rows[target == number] for number in range(CLASSES))).statistic
    between = statistic * (CLASSES - 1)
    told = (between - (CLASSES - 1)) / (between + len(target) - CLASSES)
    np.testing.assert_allclose(
        scaled.factor / plain.factor, np.maximum(told, 0.01) ** power, rtol=1e-3
    )


def test_what_is_added_is_learnt_as_if_all_had_been_there_from_the_start() -> None:
    rows, target = planted(160, 2)
    learner = make_learner(rows, lambda: rows, target, classes=CLASSES)
    assert isinstance(learner, KernelLearner)
    first, rest = np.arange(80), np.arange(80, 160)
    lesson = learner.learn(first, rest)
    np.testing.assert_allclose(lesson.scores, learner.scores(first, rest), atol=1e-4)
    more, asked = np.arange(40), np.arange(40, 80)
    found = lesson.scores_with(more, asked)
    tuning = choose_tuning(
        rows[first], target[first], classes=CLASSES, rng=np.random.default_rng(0)
    )
    space = make_space(rows[first], target[first], power=tuning.power)
    placed = space.place(rows)
    weights = np.concatenate([class_weights(target[:80]), class_weights(target[80:120])])
    oracle = KernelRidge(alpha=tuning.penalty, kernel="precomputed").fit(
        space.kernel(placed[:120], placed[:120]), class_outputs(target[:120], CLASSES), weights
    )
    wanted = oracle.predict(space.kernel(placed[120:], placed[:120]))
    np.testing.assert_allclose(found, wanted, atol=1e-3)


def test_a_few_telling_features_are_found_among_many() -> None:
    rows, target = planted(400, 3, telling=4, noise=800)
    learner = KernelLearner(rows=rows, target=target, clusters=np.full(400, -1), classes=CLASSES)
    train, asked = np.arange(300), np.arange(300, 400)
    accuracy = (learner.scores(train, asked).argmax(axis=1) == target[asked]).mean()
    alone = KernelLearner(
        rows=rows[:, :4], target=target, clusters=np.full(400, -1), classes=CLASSES
    )
    best = (alone.scores(train, asked).argmax(axis=1) == target[asked]).mean()
    standard = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    linear = LinearLearner(rows=standard, target=target, clusters=np.full(400, -1), classes=CLASSES)
    plain = (linear.scores(train, asked).argmax(axis=1) == target[asked]).mean()
    assert best > 0.9
    assert accuracy > best - 0.05
    assert accuracy > plain + 0.05


def test_few_images_are_not_tuned_on() -> None:
    rows, target = planted(12, 4)
    few = choose_tuning(rows, target, classes=CLASSES, rng=np.random.default_rng(0))
    assert few == Tuning()


@pytest.mark.parametrize("kind", ["kernel", "linear"])
def test_a_class_that_was_not_learnt_is_never_chosen(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learners, "KERNEL_IMAGES", 60 if kind == "kernel" else 59)
    rows, target = planted(60, 5, noise=0)
    learner = make_learner(rows, lambda: rows[:, :4], target, classes=CLASSES)
    assert isinstance(learner, KernelLearner if kind == "kernel" else LinearLearner)
    train, asked = np.flatnonzero(target != 2), np.flatnonzero(target == 2)
    assert 2 not in learner.scores(train, asked).argmax(axis=1)
    lesson = learner.learn(train, np.arange(60))
    assert 2 not in lesson.scores.argmax(axis=1)
    assert (lesson.scores_with(asked, asked).argmax(axis=1) == 2).mean() > 0.8


@pytest.mark.parametrize("kind", [KernelLearner, LinearLearner])
def test_images_that_are_all_the_same_are_guessed(kind: type[KernelLearner]) -> None:
    rows, target = np.ones((40, 6)), np.arange(40) % CLASSES
    learner = kind(rows=rows, target=target, clusters=np.full(40, -1), classes=CLASSES)
    scores = learner.scores(np.arange(20), np.arange(20, 40))
    assert np.isfinite(scores).all()
    np.testing.assert_allclose(scores, scores[:1].repeat(20, axis=0), atol=1e-6)
