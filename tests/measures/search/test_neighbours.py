"""Neighbours and pairs against brute force in float64."""

from __future__ import annotations

import numpy as np
import pytest

from synthaudit.measures.search import pairs
from synthaudit.measures.search.neighbours import Directions, nearest
from synthaudit.measures.search.pairs import pairs_within


def cosine_distances(vectors: np.ndarray) -> np.ndarray:
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return 1.0 - unit @ unit.T


def all_pairs(vectors: np.ndarray, radius: float) -> set[tuple[int, int]]:
    distances = cosine_distances(vectors)
    first, second = np.triu_indices(len(vectors), 1)
    near = distances[first, second] < radius
    return set(zip(first[near].tolist(), second[near].tolist(), strict=True))


def found_pairs(vectors: np.ndarray, radius: float) -> set[tuple[int, int]]:
    batches = list(pairs_within(Directions(vectors), radius))
    found = [
        pair
        for batch in batches
        for pair in zip(batch.first.tolist(), batch.second.tolist(), strict=True)
    ]
    assert len(found) == len(set(found))
    return set(found)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", [1, 3])
def test_nearest_agrees_with_brute_force(dtype: type, count: int) -> None:
    vectors = np.random.default_rng(0).standard_normal((300, 20)).astype(dtype)
    everyone = np.arange(300)
    candidates = everyone[100:]
    result = nearest(Directions(vectors), everyone, candidates, count=count)
    distances = cosine_distances(vectors.astype(np.float64))
    np.fill_diagonal(distances, np.inf)
    order = np.argsort(distances[:, 100:], axis=1)[:, :count]
    assert np.array_equal(result.index, candidates[order])
    assert np.allclose(result.distance, np.sort(distances[:, 100:], axis=1)[:, :count], atol=1e-12)


def test_exact_duplicates_are_neighbours_and_self_is_not() -> None:
    base = np.random.default_rng(1).standard_normal((10, 8))
    vectors = np.concatenate([base, np.tile(base[:1], (20, 1))])
    everyone = np.arange(30)
    result = nearest(Directions(vectors), everyone, everyone)
    assert (result.index[:, 0] != everyone).all()
    copies = [0, *range(10, 30)]
    assert (result.distance[copies, 0] == 0.0).all()
    assert (result.distance[1:10, 0] > 0.01).all()


def test_too_few_candidates_leave_holes() -> None:
    vectors = np.eye(3)
    result = nearest(Directions(vectors), np.arange(3), np.array([0]), count=2)
    assert result.index.tolist() == [[-1, -1], [0, -1], [0, -1]]
    assert np.isinf(result.distance[0]).all()
    assert result.distance[1, 0] == pytest.approx(1.0)


@pytest.mark.parametrize("dimension", [16, 200])
def test_pairs_agree_with_brute_force(dimension: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "_PROJECT_FROM", 100)
    rng = np.random.default_rng(2)
    vectors = rng.standard_normal((600, dimension))
    vectors[300:400] = vectors[:100] + 0.2 * rng.standard_normal((100, dimension))
    for radius in (0.01, 0.02, 0.5):
        assert found_pairs(vectors, radius) == all_pairs(vectors, radius)


def test_crowded_batches_decide_as_sparse_ones_do(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    vectors = rng.standard_normal((1, 160)) + 0.1 * rng.standard_normal((400, 160))
    monkeypatch.setattr(pairs, "_PROJECT_FROM", 100)
    distances = cosine_distances(vectors)
    radius = float(np.median(distances[distances > 1e-9]))
    expected = all_pairs(vectors, radius)
    assert found_pairs(vectors, radius) == expected
    # The projection finds too many, the full width few: the second count must not be projected on.
    for many in (10, len(expected) + 200):
        monkeypatch.setattr(pairs, "_MANY", many)
        monkeypatch.setattr(pairs, "_FEW", 0)
        assert found_pairs(vectors, radius) == expected


@pytest.mark.parametrize("few", [0, 2000])
def test_pairs_of_kinds_in_many_tiles(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "_PROJECT_FROM", 100)
    monkeypatch.setattr(pairs, "_ROWS", 90)
    monkeypatch.setattr(pairs, "_TILE", 40)
    monkeypatch.setattr(pairs, "_FEW", few)
    rng = np.random.default_rng(4)
    centres = rng.standard_normal((12, 150))
    vectors = centres[rng.integers(0, 12, 700)] + 0.6 * rng.standard_normal((700, 150))
    vectors[650:] = vectors[:50] + 0.1 * rng.standard_normal((50, 150))
    for radius in (0.02, 0.15, 0.4):
        expected = all_pairs(vectors, radius)
        assert len(expected) > 40
        assert found_pairs(vectors, radius) == expected


def test_a_pair_at_exactly_the_radius_is_out_and_identical_rows_are_always_in() -> None:
    vectors = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    assert found_pairs(vectors, 1.0) == {(0, 2)}
    assert found_pairs(vectors, 0.0) == {(0, 2)}
    assert found_pairs(vectors, 1.0001) == {(0, 1), (0, 2), (1, 2)}


def test_tiny_distances_keep_their_digits() -> None:
    angle = 1e-9
    vectors = np.array([[1.0, 0.0], [np.cos(angle), np.sin(angle)]])
    distance = Directions(vectors).distance(np.array([0]), np.array([1]))
    assert distance[0] == pytest.approx(angle**2 / 2, rel=1e-6)
