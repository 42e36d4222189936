"""Exchange tests: level, direction, and small cases that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from synthaudit.measures.comparison.evidence import MEASURES, ArmEvidence, gather_evidence
from synthaudit.measures.comparison.permutation import compare_arms, holm, pareto_front


def evidence_of(seed: int, shifts: list[float], slots: int = 60, width: int = 8) -> ArmEvidence:
    rng = np.random.default_rng(seed)
    real = rng.standard_normal((200, width))
    shared = 0.6 * rng.standard_normal((slots, width))
    arms = []
    for shift in shifts:
        arm = shared + 0.8 * rng.standard_normal((slots, width))
        arm[:, 0] += shift
        arms.append(arm)
    return gather_evidence(real, arms, repeats=1, seed=seed)


def test_alike_arms_are_rarely_different() -> None:
    rejected = 0
    for seed in range(60):
        found = compare_arms(evidence_of(seed, [0.5, 0.5]), [(0, 1)], exchanges=199, seed=seed)
        rejected += min(holm([found[name].p_value for name in MEASURES])) <= 0.05
    assert rejected <= 8  # 3 expected; more than 8 of 60 has probability 0.002


def test_an_arm_farther_from_the_real_images_is_found_worse() -> None:
    found = compare_arms(evidence_of(0, [2.0, 0.0]), [(0, 1)])
    worse = found["unrealistic"]
    assert worse.value > 0.1
    assert 0.0 < worse.low < worse.value < worse.high
    assert 0.0 < worse.p_value < 0.001
    turned = compare_arms(evidence_of(0, [2.0, 0.0]), [(1, 0)])["unrealistic"]
    assert turned.value == pytest.approx(-worse.value)


def test_exchanging_a_slot_leaves_the_common_detector_as_it_was() -> None:
    """What makes the test exact: the pool of images is the same after any exchange."""
    rng = np.random.default_rng(3)
    real, one, other = (rng.standard_normal((n, 8)) for n in (150, 40, 40))
    swapped = rng.integers(0, 2, 40).astype(bool)[:, None]
    plain = gather_evidence(real, [one, other], repeats=1)
    turned = gather_evidence(
        real, [np.where(swapped, other, one), np.where(swapped, one, other)], repeats=1
    )
    expected = np.where(swapped[:, 0], plain.fakeness[1], plain.fakeness[0])
    np.testing.assert_allclose(turned.fakeness[0], expected, atol=1e-4)


def test_measures_of_planted_arms() -> None:
    rng = np.random.default_rng(1)
    real = rng.standard_normal((150, 16))
    fresh = rng.standard_normal((40, 16))
    copies, repeats = fresh.copy(), fresh.copy()
    copies[:10] = real[:10] + 0.01
    repeats[:20] = repeats[20:] + 0.01
    found = gather_evidence(real, [fresh, copies, repeats], repeats=1)
    assert found.values(1)["unoriginal"] == pytest.approx(0.25, abs=0.03)
    assert found.values(2)["unvaried"] == pytest.approx(1.0, abs=0.03)
    assert found.values(0)["unvaried"] < 0.06
    difference = compare_arms(found, [(1, 0)])["unoriginal"]
    assert difference.value == pytest.approx(0.25, abs=0.03)
    assert difference.p_value < 0.01
    assert compare_arms(found, [(2, 0)])["unvaried"].p_value < 0.01


def test_differences_of_repeats_after_exchange_by_hand() -> None:
    """Two arms of two slots; images 0 and 1 of the first repeat each other."""
    vectors = [np.eye(4)[[0, 0]], np.eye(4)[[1, 2]]]
    evidence = ArmEvidence(
        fakeness=np.zeros((2, 2)),
        is_copy=np.zeros((2, 2), bool),
        covers=[np.zeros((2, 1), np.float32)] * 2,
        vectors=vectors,
        repeat_radius=0.1,
        patterns=None,
        pattern_radius=0.0,
    )
    found = compare_arms(evidence, [(0, 1)], exchanges=999)["unvaried"]
    assert found.value == 1.0
    # Of the four exchanges two keep the pair together, one on each side.
    assert found.p_value == pytest.approx(0.5, abs=0.06)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


def test_pareto_by_hand() -> None:
    assert pareto_front(np.array([[1, 1], [0, 2], [2, 0], [2, 2], [1, 1]])) == [0, 1, 2, 4]
