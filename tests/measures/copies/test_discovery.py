"""Copies planted among fresh images: found, no more innocents than allowed, closed forms kept."""

from __future__ import annotations

import numpy as np
import pytest

from synthaudit.measures.copies.authenticity import authenticity
from synthaudit.measures.copies.discovery import (
    Channel,
    Discoveries,
    discover,
    make_channel,
    nearness_p_values,
    without_duplicates,
)
from synthaudit.measures.search.neighbours import Directions, Neighbours, nearest


def judge(real: np.ndarray, synthetic: np.ndarray, **how: float):  # type: ignore[no-untyped-def]
    directions = Directions(np.concatenate([real, synthetic]))
    rows = np.arange(len(real))
    asked = len(real) + np.arange(len(synthetic))
    near, usual = nearest(directions, asked, rows), nearest(directions, rows, rows)
    channel = make_channel(
        "embedding",
        near.index[:, 0],
        near.distance[:, 0],
        without_duplicates(usual.distance[:, 0]),
    )
    return discover([channel], len(synthetic), **how)


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
        assert (found.channels[0].partner[:copies] == source).mean() > 0.95
        recalls.append(found.is_found[:copies].mean())
        shares.append(found.is_found[copies:].sum() / max(found.is_found.sum(), 1))
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
    assert found.is_found.all()
    assert (found.p_value > 0.0).all()
    assert (found.channels[0].partner == np.arange(300)).all()
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
    channel = make_channel("embedding", np.zeros(3, int), np.zeros(3), np.array([0.1, 0.2]))
    assert channel is None
    found = discover([channel], 3)
    assert found.any_p_value is None
    assert not found.is_found.any()
    assert (found.p_value == 1.0).all()


def test_equal_held_out_distances() -> None:
    p_values = nearness_p_values(np.array([0.05, 0.1, 0.2]), np.full(50, 0.1))
    assert 0.0 < p_values[0] < 1e-9
    assert (p_values[1:] == 1.0).all()


def test_no_synthetic_images() -> None:
    held_out = np.linspace(0.1, 1.0, 50)
    found = discover([make_channel("embedding", np.empty(0, int), np.empty(0), held_out)], 0)
    assert len(found.is_found) == 0


def channel(p_values: list[float]) -> Channel:
    count = len(p_values)
    return Channel(
        name="any",
        partner=np.arange(count),
        distance=np.zeros(count),
        p_value=np.array(p_values),
    )


def test_several_channels_share_one_rate_of_false_discoveries() -> None:
    """By hand: p doubled for two channels, then Benjamini and Hochberg at 5 %."""
    first, second = channel([1e-6, 0.5, 0.02, 0.9]), channel([0.3, 1e-5, 0.011, 0.8])
    found: Discoveries = discover([first, None, second], 4)
    np.testing.assert_allclose(found.p_value, [2e-6, 2e-5, 0.022, 1.0])
    assert found.is_found.tolist() == [True, True, True, False]
    assert found.limit == pytest.approx(0.022)
    assert found.found_by(first).tolist() == [True, False, False, False]
    assert found.found_by(second).tolist() == [False, True, True, False]
    assert found.any_p_value == pytest.approx(8e-6)


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_the_rate_holds_for_any_number_of_channels(channels: int) -> None:
    shares = []
    for seed in range(60):
        rng = np.random.default_rng([seed, channels])
        p_values = rng.uniform(size=(channels, 300))
        p_values[rng.integers(channels), :60] *= 1e-6
        found = discover([channel(list(own)) for own in p_values], 300)
        assert found.is_found[:60].all()
        shares.append(found.is_found[60:].sum() / found.is_found.sum())
    assert np.mean(shares) < 0.05
