"""The plane of a report: neighbours stay neighbours, copies lie on their originals."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.manifold import trustworthiness

from synthaudit.measures.projection import Plane, project
from synthaudit.measures.samples import Samples


def kinds(count: int = 60, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Five kinds of image, of which the synthetic side lacks the last."""
    rng = np.random.default_rng(seed)
    centres = 3.0 * rng.standard_normal((5, 32))
    kind = np.repeat(np.arange(5), count)
    vectors = centres[kind] + rng.standard_normal((len(kind), 32))
    is_synthetic = (np.arange(len(kind)) % 2 == 1) & (kind < 4)
    return vectors, is_synthetic, kind


def test_kinds_stay_together() -> None:
    vectors, is_synthetic, kind = kinds()
    plane = project(Samples.of(vectors, is_synthetic))
    assert plane.method == "t-SNE"
    assert trustworthiness(vectors, plane.place, metric="cosine") > 0.9
    nearest = ((plane.place[:, None] - plane.place[None]) ** 2).sum(-1)
    np.fill_diagonal(nearest, np.inf)
    assert (kind[nearest.argmin(axis=1)] == kind).mean() > 0.98


def test_copies_lie_on_their_originals_also_beyond_the_landmarks() -> None:
    rng = np.random.default_rng(1)
    real = rng.standard_normal((1500, 24))
    synthetic = np.concatenate([real[:300], rng.standard_normal((1200, 24))])
    is_synthetic = np.arange(3000) >= 1500
    place = project(Samples.of(np.concatenate([real, synthetic]), is_synthetic)).place
    gap = np.linalg.norm(place[:300] - place[1500:1800], axis=1)
    # A copy of a landmark that is itself a landmark may lie beside it.
    assert np.median(gap) < 0.01
    assert np.median(np.linalg.norm(place[300:600] - place[1800:2100], axis=1)) > 0.05


def test_places_fill_the_unit_square_and_depend_on_the_seed_alone() -> None:
    vectors, is_synthetic, _ = kinds()
    for method in ("t-SNE", "principal axes"):
        first: Plane = project(Samples.of(vectors, is_synthetic), method=method, seed=3)
        again = project(
            Samples.of(vectors.astype(np.float64).copy(), is_synthetic), method=method, seed=3
        )
        assert np.array_equal(first.place, again.place)
        assert first.place.min() == 0.0
        assert first.place.max() == pytest.approx(1.0)


def test_large_sides_are_sampled() -> None:
    rng = np.random.default_rng(2)
    vectors = rng.standard_normal((12_050, 4)).astype(np.float32)
    is_synthetic = np.arange(len(vectors)) >= 12_000
    place = project(Samples.of(vectors, is_synthetic), method="principal axes").place
    shown = np.isfinite(place).all(axis=1)
    assert shown[:12_000].sum() == 10_000
    assert shown[12_000:].all()


def test_few_or_identical_images_get_principal_axes() -> None:
    sides = np.arange(30) >= 15
    assert project(Samples.of(np.ones((30, 8)), sides)).method == "principal axes"
    assert np.isfinite(project(Samples.of(np.ones((30, 8)), sides)).place).all()
    few = np.random.default_rng(0).standard_normal((6, 8))
    assert project(Samples.of(few, np.arange(6) >= 3)).method == "principal axes"
    line = np.outer(np.arange(1, 31), [1.0, 0.0]) + np.array([0.0, 1.0])
    assert np.isfinite(project(Samples.of(line, sides)).place).all()
