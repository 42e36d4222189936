"""Copies planted among fresh images: found, no more innocents than allowed, closed forms kept."""

from __future__ import annotations

import numpy as np
import pytest

from synthaudit.measures.copies.memorisation import (
    authenticity,
    judge_copies,
    nearness_p_values,
    without_duplicates,
)
from synthaudit.measures.search.neighbours import Directions, Neighbours, nearest


def judge(real: np.ndarray, synthetic: np.ndarray, **how: float):  # type: ignore[no-untyped-def]
    directions = Directions(np.concatenate([real, synthetic]))
    rows = np.arange(len(real))
    asked = len(real) + np.arange(len(synthetic))
    near, usual = nearest(directions, asked, rows), nearest(directions, rows, rows)
    return judge_copies(
        near.index[:, 0], near.distance[:, 0], without_duplicates(usual.distance[:, 0]), **how
    )


@pytest.mark.parametrize("dimension", [8, 64, 512])
@pytest.mark.parametrize("sizes", [(200, 200), (200, 1000), (1000, 200)])
def test_few_copies_are_found_and_false_discoveries_stay_few(
    dimension: int, sizes: tuple[int, int]
) -> None:
    shares, recalls = [], []
    for seed in range(12):
        rng = np.random.default_rng([seed, dimension, *sizes])
        real = rng.standard_normal((sizes[0], dimension))
        synthetic = rng.standard_normal((sizes[1], dimension))
        copies = sizes[1] // 20
        source = rng.integers(0, len(real), copies)
        noise = 0.1 * rng.standard_normal((copies, dimension))
        synthetic[:copies] = real[source] + noise
        found = judge(real, synthetic)
        assert (found.original[:copies] == source).mean() > 0.95
        recalls.append(found.is_copy[:copies].mean())
        shares.append(found.is_copy[copies:].sum() / max(found.is_copy.sum(), 1))
    assert np.mean(recalls) > 0.95
    # Twelve runs of a rate of 5 % vary: 10 % would be far beyond chance.
    assert np.mean(shares) < 0.1


def test_p_values_of_fresh_images_are_uniform_far_into_the_tail() -> None:
    p_values = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        real, fresh = (rng.standard_normal((500, 16)) for _ in range(2))
        p_values.append(judge(real, fresh).p_value)
    found = np.concatenate(p_values)
    for level, slack in ((0.5, 0.05), (0.1, 0.02), (0.01, 0.004), (0.002, 0.0012)):
        assert (found <= level).mean() == pytest.approx(level, abs=slack)


def nearest_real(real: np.ndarray, synthetic: np.ndarray) -> tuple[Neighbours, np.ndarray]:
    directions = Directions(np.concatenate([real, synthetic]))
    everyone = np.arange(len(directions))
    near = nearest(directions, everyone, everyone[: len(real)], count=2)
    return near, everyone >= len(real)


def test_copies_of_everything_are_all_copies() -> None:
    """Peers call 87 to 92 % of such a set authentic."""
    real = np.random.default_rng(0).standard_normal((300, 32))
    found = judge(real, real.copy())
    assert found.is_copy.all()
    assert (found.p_value > 0.0).all()
    assert (found.original == np.arange(300)).all()
    assert authenticity(*nearest_real(real, real)).share == 1.0


def test_copies_of_repeated_images_are_not_authentic_either() -> None:
    real = np.repeat(np.random.default_rng(1).standard_normal((100, 8)), 2, axis=0)
    assert authenticity(*nearest_real(real, real[:50])).share == 1.0


@pytest.mark.parametrize(("dimension", "share"), [(1, 2 / 3), (2, 0.6215), (3, 16 / 27)])
def test_not_authentic_share_on_the_torus(dimension: int, share: float) -> None:
    """The closed form for uniform points; a torus of circles has no edge and is locally flat."""
    shares, held_out = [], []
    for seed in range(6):
        angles = np.random.default_rng(seed).uniform(0, 2 * np.pi, (4000, dimension))
        points = np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
        found = authenticity(*nearest_real(points[:2000], points[2000:]))
        shares.append(found.share)
        held_out.append(found.held_out_share)
    assert np.mean(shares) == pytest.approx(share, abs=0.015)
    assert np.mean(held_out) == pytest.approx(share, abs=0.015)


def test_nothing_is_discovered_without_enough_held_out_images() -> None:
    found = judge_copies(np.zeros(3, int), np.zeros(3), np.array([0.1, 0.2]))
    assert not found.is_copy.any()
    assert (found.p_value == 1.0).all()


def test_equal_held_out_distances() -> None:
    p_values = nearness_p_values(np.array([0.05, 0.1, 0.2]), np.full(50, 0.1))
    assert 0.0 < p_values[0] < 1e-9
    assert (p_values[1:] == 1.0).all()


def test_no_synthetic_images() -> None:
    found = judge_copies(np.empty(0, int), np.empty(0), np.linspace(0.1, 1.0, 50))
    assert len(found.is_copy) == 0
