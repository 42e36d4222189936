"""The radius: its rate of false alarms, its exponent, and real sets that teach it nothing."""

from __future__ import annotations

import numpy as np
import pytest

from synthaudit.measures.copies.radius import DuplicateRadius, duplicate_radius, intrinsic_dimension
from synthaudit.measures.search.neighbours import Directions, nearest


def learn(real: np.ndarray, *, synthetic_count: int = 100, **options: float) -> DuplicateRadius:
    directions, rows = Directions(real), np.arange(len(real))
    near = nearest(directions, rows, rows)
    return duplicate_radius(
        directions,
        rows,
        near,
        synthetic_count=synthetic_count,
        **options,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("count", [40, 200, 1000])
@pytest.mark.parametrize("dimension", [8, 64])
def test_fresh_images_are_flagged_at_the_budget(count: int, dimension: int) -> None:
    rng = np.random.default_rng(0)
    rates = []
    for _ in range(max(12_000 // count, 20)):
        real = rng.standard_normal((count, dimension))
        fresh = rng.standard_normal((1000, dimension))
        directions = Directions(np.concatenate([real, fresh]))
        distance = nearest(directions, np.arange(count, count + 1000), np.arange(count)).distance
        rates.append((distance < learn(real, false_alarms=0.02).real).mean())
    assert 0.01 < np.mean(rates) < 0.03


@pytest.mark.parametrize("dimension", [2, 5, 10])
def test_intrinsic_dimension_of_known_power_laws(dimension: int) -> None:
    # Lengths with P(length < t) = t^D, in cosine distance.
    uniform = np.random.default_rng(1).uniform(size=20_000)
    distances = np.sort(uniform ** (2.0 / dimension) / 2.0)
    assert intrinsic_dimension(distances) == pytest.approx(dimension, rel=0.03)


def test_the_radius_shrinks_by_the_power_law() -> None:
    real = np.random.default_rng(2).standard_normal((500, 16))
    radius = learn(real, synthetic_count=2000)
    assert radius.intrinsic_dimension is not None
    expected = radius.real * (500 / 2000) ** (2 / radius.intrinsic_dimension)
    assert radius.synthetic == pytest.approx(expected)
    assert learn(real, synthetic_count=300).synthetic == radius.real


def test_duplicates_among_the_real_images_do_not_shrink_it() -> None:
    rng = np.random.default_rng(3)
    clean = rng.standard_normal((400, 32))
    near = clean[:80] + 0.01 * rng.standard_normal((80, 32))
    dirty = np.concatenate([clean, near, clean[80:120], clean[80:120]])
    assert learn(dirty).real == pytest.approx(learn(clean).real, rel=1e-6)
    assert learn(dirty).real_count == 400


def test_an_absolute_distance_overrides_it() -> None:
    radius = learn(np.eye(5), distance=0.3)
    assert (radius.real, radius.synthetic, radius.is_absolute) == (0.3, 0.3, True)


@pytest.mark.parametrize("real", [np.ones((1, 4)), np.ones((10, 4))])
def test_without_two_distinct_images_only_identical_ones_count(real: np.ndarray) -> None:
    radius = learn(real)
    assert (radius.real, radius.synthetic) == (0.0, 0.0)
    assert radius.real_count == 1


def test_two_distinct_images_give_some_radius() -> None:
    radius = learn(np.eye(2))
    assert 0.0 < radius.real <= 1.0


@pytest.mark.parametrize("copies", [2, 3, 5])
@pytest.mark.parametrize("dimension", [32, 512])
def test_copies_of_every_real_image_do_not_shrink_it(copies: int, dimension: int) -> None:
    rng = np.random.default_rng(4)
    sources = rng.standard_normal((200, dimension))
    repeated = np.repeat(sources, copies, axis=0)
    repeated += 0.02 * rng.standard_normal(repeated.shape)
    radius = learn(repeated)
    assert radius.real_count == 200
    assert radius.real == pytest.approx(learn(sources).real, rel=0.05)
