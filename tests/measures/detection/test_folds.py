"""Folds are even on both sides and keep clusters whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synthaudit.measures.detection.folds import fold_groups, grouped_folds, plain_folds
from synthaudit.measures.search.neighbours import Directions


@pytest.mark.parametrize(("real", "synthetic"), [(100, 100), (7, 1000), (1000, 13), (5, 5)])
def test_without_clusters_each_side_is_spread_evenly(real: int, synthetic: int) -> None:
    is_synthetic = np.arange(real + synthetic) >= real
    fold = plain_folds(is_synthetic, folds=5, rng=np.random.default_rng(0))
    for side, count in ((~is_synthetic, real), (is_synthetic, synthetic)):
        sizes = np.bincount(fold[side], minlength=5)
        assert sizes.sum() == count
        assert sizes.max() - sizes.min() <= 1


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    sides=st.lists(st.booleans(), min_size=4, max_size=80),
    clusters=st.integers(0, 12),
    folds=st.integers(2, 6),
    seed=st.integers(0, 99),
)
def test_clusters_stay_whole_and_everyone_has_a_fold(
    sides: list[bool], clusters: int, folds: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    cluster = rng.integers(-1, clusters, len(sides)) if clusters else np.full(len(sides), -1)
    _, numbers = np.unique(cluster, return_inverse=True)
    cluster = numbers - 1 if (cluster == -1).any() else numbers
    fold = grouped_folds(np.array(sides), cluster, folds=folds, rng=rng)
    assert ((fold >= 0) & (fold < folds)).all()
    for number in range(cluster.max() + 1):
        assert len(set(fold[cluster == number])) == 1


def test_clusters_and_singles_fill_the_folds_evenly() -> None:
    rng = np.random.default_rng(1)
    cluster = np.concatenate([np.repeat(np.arange(20), 10), np.full(800, -1)])
    is_synthetic = rng.permutation(np.arange(1000) < 500)
    fold = grouped_folds(is_synthetic, cluster, folds=5, rng=rng)
    for side in (is_synthetic, ~is_synthetic):
        assert np.ptp(np.bincount(fold[side])) <= 1


def test_the_seed_decides() -> None:
    is_synthetic = np.arange(100) >= 50
    first, again, other = (
        plain_folds(is_synthetic, folds=5, rng=np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_chain_that_holds_a_whole_side_is_cut_and_copies_stay_together() -> None:
    rng = np.random.default_rng(3)
    # A chain of 40 images, 0.01 apart from link to link, each with one exact copy; 40 others.
    angles = np.repeat(np.arange(40) * np.sqrt(2 * 0.01), 2)
    chain = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    vectors = np.zeros((120, 20))
    vectors[:80, :2] = chain
    vectors[80:, 2:] = rng.standard_normal((40, 18))
    cluster = np.where(np.arange(120) < 80, 0, -1)
    is_synthetic = np.arange(120) < 80
    groups = fold_groups(Directions(vectors), cluster, is_synthetic, radius=0.0105, folds=5)
    assert groups[:80].tolist() == np.repeat(np.arange(40), 2).tolist()
    assert (groups[80:] == -1).all()


def test_small_clusters_are_left_alone_and_copies_of_one_image_are_never_cut() -> None:
    rng = np.random.default_rng(4)
    vectors = rng.standard_normal((100, 16))
    vectors[:50] = vectors[0] + 1e-3 * rng.standard_normal((50, 16))
    vectors[51] = vectors[50] + 0.2 * rng.standard_normal(16)
    cluster = np.full(100, -1)
    cluster[:50], cluster[50:52] = 0, 1
    groups = fold_groups(Directions(vectors), cluster, np.arange(100) < 60, radius=0.3, folds=5)
    assert np.array_equal(groups, cluster)
