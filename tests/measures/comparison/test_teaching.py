"""What arms teach: planted arms are told apart, equal ones are not, sums are those of a fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from synthaudit.measures.comparison.evidence import ArmEvidence, gather_evidence
from synthaudit.measures.comparison.permutation import compare_arms, deal
from synthaudit.measures.comparison.teaching import USELESS
from synthaudit.sweeping.comparison import excluded_by_race, rank_arms

CLASSES, WIDTH, SLOTS = 4, 12, 80


def images(target: np.ndarray, rng: np.random.Generator, apart: float = 2.0) -> np.ndarray:
    return rng.standard_normal((len(target), WIDTH)) + apart * np.eye(WIDTH)[target]


def evidence_of(seed: int, wrong: tuple[float, ...], **how: Any) -> ArmEvidence:
    """Arms of which a share of the images shows another class than their slot's."""
    rng = np.random.default_rng(seed)
    real_target, slot_target = np.arange(200) % CLASSES, np.arange(SLOTS) % CLASSES
    arms = []
    for share in wrong:
        shown = slot_target.copy()
        rows = rng.permutation(SLOTS)[: round(share * SLOTS)]
        shown[rows] = (shown[rows] + rng.integers(1, CLASSES, len(rows))) % CLASSES
        arms.append(images(shown, rng))
    return gather_evidence(
        images(real_target, rng),
        arms,
        classes=(real_target, slot_target),
        repeats=1,
        seed=seed,
        **how,
    )


def best_and_beaten(seed: int, wrong: tuple[float, ...]) -> tuple[int, list[int]]:
    found = rank_arms(evidence_of(seed, wrong), goal=USELESS, confidence=0.95, seed=seed)
    return found.arms[0], found.better_than


def test_the_best_of_planted_arms_wins_and_equal_ones_are_not_called_better() -> None:
    planted = [best_and_beaten(seed, (0.5, 0.0, 0.7, 0.6, 0.8))[0] for seed in range(6)]
    assert planted.count(1) == 6
    equal = [best_and_beaten(seed, (0.0,) * 5)[1] for seed in range(6)]
    assert sum(bool(better) for better in equal) <= 1  # benchmarks/usefulness.py has 200
    _, beaten = best_and_beaten(0, (0.0, 0.9, 0.9))
    assert beaten == [1, 2] or beaten == [2, 1]


def test_errors_are_those_of_a_ridge_regression() -> None:
    teaching = evidence_of(3, (0.2, 0.4)).teaching
    assert teaching is not None
    fold = teaching.folds[0]
    # The same sums, as rows: a square root of the gram is as good as the images.
    values, vectors = np.linalg.eigh(fold.gram)
    root = (vectors * np.sqrt(np.maximum(values, 1e-12))) @ vectors.T
    outputs = np.linalg.solve(root, fold.outputs)
    own = np.sqrt(teaching.weight[0])[:, None]
    rows = np.concatenate([root, teaching.rows[0] * own])
    indicator = np.concatenate([outputs, np.eye(CLASSES)[teaching.target] * own])
    gram = rows.T @ rows
    size = teaching.penalty * np.trace(gram) / len(gram)
    fit = Ridge(alpha=size, fit_intercept=False).fit(rows, indicator)
    guess = fit.predict(fold.asked).argmax(axis=1)
    wrong = np.mean([(guess != fold.target)[fold.target == k].mean() for k in range(CLASSES)])
    from synthaudit.measures.comparison import teaching as module

    sums = teaching._sums(teaching.rows[0], teaching.weight[0], teaching.target)
    assert module._wrong(teaching, fold, *sums) == pytest.approx(wrong)


def test_exchanges_give_the_errors_of_the_arms_so_exchanged() -> None:
    evidence = evidence_of(4, (0.0, 0.6))
    teaching = evidence.teaching
    assert teaching is not None
    place = deal(evidence, 3, 0)
    found = teaching.differences(0, 1, place)
    assert found[0] == pytest.approx(teaching.error(0) - teaching.error(1))
    for number in (1, 2, 3):
        swapped = place[number, :SLOTS] == 1.0
        rows = teaching.rows.copy()
        rows[0, swapped], rows[1, swapped] = teaching.rows[1, swapped], teaching.rows[0, swapped]
        from dataclasses import replace

        exchanged = replace(teaching, rows=rows)
        assert found[number] == pytest.approx(exchanged.error(0) - exchanged.error(1))


def test_copies_of_real_images_teach_nothing() -> None:
    rng = np.random.default_rng(5)
    real_target, slot_target = np.arange(200) % CLASSES, np.arange(SLOTS) % CLASSES
    real = images(real_target, rng)
    noise = rng.standard_normal((SLOTS, WIDTH))
    copies = np.stack([real[np.flatnonzero(real_target == own)[0]] for own in slot_target])
    evidence = gather_evidence(
        real, [copies + 1e-6 * noise, noise], classes=(real_target, slot_target), repeats=1
    )
    assert evidence.is_copy[0].all()
    assert evidence.teaching is not None
    assert not evidence.teaching.weight[0].any()
    assert evidence.values(0)[USELESS] < 1.0 - 1.0 / CLASSES


def test_the_race_and_differences_know_the_goal() -> None:
    evidence = evidence_of(6, (0.0, 0.9, 0.9, 0.0))
    assert set(excluded_by_race(evidence, goal=USELESS, comparisons=3, seed=0)) == {1, 2}
    found = compare_arms(evidence, [(0, 1)])[USELESS]
    assert found.high < 0.0
    assert found.p_value < 0.01
    assert evidence.first(40).teaching is not None
    assert evidence.measures[-1] == USELESS
