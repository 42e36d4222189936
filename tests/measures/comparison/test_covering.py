"""Which images to keep of too many: held against all choices there are."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from synthaudit.measures.comparison.covering import choose_covering, covers, neighbourhood_radius
from synthaudit.measures.search.neighbours import Directions


@pytest.mark.parametrize("seed", range(20))
def test_the_choice_covers_at_least_what_is_proven(seed: int) -> None:
    rng = np.random.default_rng(seed)
    covering = rng.random((9, 14)) < 0.25
    chosen = choose_covering(covering, rng.random(9), 3)
    assert len(chosen) == 3
    best = max(
        covering[list(rows)].any(axis=0).sum() for rows in itertools.combinations(range(9), 3)
    )
    assert covering[chosen].any(axis=0).sum() >= (1.0 - 1.0 / np.e) * best


def test_what_adds_nothing_is_taken_by_its_cost() -> None:
    covering = np.array([[1, 1], [1, 0], [0, 0], [0, 0]], bool)
    chosen = choose_covering(covering, np.array([0.9, 0.8, 0.3, 0.2]), 3)
    assert chosen.tolist() == [0, 2, 3]
    assert choose_covering(covering, np.zeros(4), 9).tolist() == [0, 1, 2, 3]


def test_neighbourhoods_reach_to_the_fifth_neighbour_and_copies_cover_nothing() -> None:
    vectors = np.random.default_rng(0).normal(size=(40, 6))
    directions = Directions(vectors)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    distance = 1.0 - unit @ unit.T
    radius = neighbourhood_radius(directions, np.arange(30))
    expected = np.sort(distance[:30, :30], axis=1)[:, 5]
    assert radius == pytest.approx(expected, abs=1e-9)
    is_copy = np.arange(10) == 4
    found = covers(directions, 30, radius, is_copy)
    assert (found == ((distance[30:, :30] <= expected) & ~is_copy[:, None])).all()
