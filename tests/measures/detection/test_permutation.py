"""The null: exact size, its level with few clusters, p-values that are never 0."""

from __future__ import annotations

import numpy as np
import pytest

from synthaudit.measures.detection.permutation import detector_null, sample_units, unit_numbers
from synthaudit.measures.samples import Samples


def sides(real: int, synthetic: int) -> np.ndarray:
    return np.arange(real + synthetic) >= real


def alone(count: int) -> np.ndarray:
    return np.full(count, -1)


def test_a_real_difference_gets_the_smallest_p_value_there_is() -> None:
    vectors = np.random.default_rng(0).standard_normal((200, 10))
    vectors[100:] += 1.0
    null = detector_null(Samples.of(vectors, sides(100, 100), groups=alone(200)), permutations=39)
    assert null is not None
    assert set(null.p_values.values()) == {1 / 40}
    assert null.levels["auc"] == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("copies", [1, 3])
def test_it_rejects_at_its_level(copies: int) -> None:
    """30 p-values uniform on 20 values: the mean is 0.525, its standard error 0.053."""
    p_values = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        sources = rng.standard_normal((60 // copies, 16))
        noise = 0.01 * rng.standard_normal((60, 16))
        vectors = np.repeat(sources, copies, axis=0) + noise
        groups = np.repeat(np.arange(60 // copies), copies) if copies > 1 else alone(60)
        null = detector_null(
            Samples.of(vectors, sides(30, 30), groups=groups), permutations=19, seed=seed
        )
        assert null is not None
        p_values.append(null.p_values["auc"])
    assert 0.525 - 4 * 0.053 < np.mean(p_values) < 0.525 + 4 * 0.053
    assert np.mean(np.array(p_values) <= 0.05) < 0.25


def test_units_are_the_parts_of_clusters_on_either_side() -> None:
    is_synthetic = np.array([False, False, True, True, True])
    units = unit_numbers(is_synthetic, np.array([0, 0, 0, 0, -1]))
    assert units[0] == units[1]
    assert units[2] == units[3]
    assert len(set(units.tolist())) == 3


def test_sampling_keeps_units_whole_and_sides_even() -> None:
    rng = np.random.default_rng(1)
    is_synthetic = sides(1000, 3000)
    units = np.arange(4000) // 4
    rows = sample_units(is_synthetic, units, 800, rng)
    assert 780 <= len(rows) <= 820
    assert abs(is_synthetic[rows].mean() - 0.5) < 0.02
    _, counts = np.unique(units[rows], return_counts=True)
    assert (counts == 4).all()
    assert len(sample_units(is_synthetic, units, 5000, rng)) == 4000


def test_one_unit_on_a_side_has_no_null() -> None:
    vectors = np.random.default_rng(2).standard_normal((30, 4))
    groups = np.where(sides(20, 10), 0, -1)
    assert detector_null(Samples.of(vectors, sides(20, 10), groups=groups), permutations=19) is None
