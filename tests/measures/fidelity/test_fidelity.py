"""Supporting measures against closed forms and the field's own packages."""

from __future__ import annotations

import numpy as np
import pytest

from synthaudit.measures.fidelity.frechet import frechet, frechet_distance
from synthaudit.measures.fidelity.kernel_distance import kernel_distance, squared_discrepancy
from synthaudit.measures.fidelity.prdc import coverage_chance, prdc
from synthaudit.measures.fidelity.vendi import vendi_of_similarity, vendi_score


def normal(seed: int, count: int, dimension: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, dimension))


@pytest.mark.parametrize("sizes", [(200, 200), (80, 300), (300, 80)])
@pytest.mark.parametrize("k", [3, 5])
def test_neighbourhoods_agree_with_prdc(sizes: tuple[int, int], k: int) -> None:
    from prdc import compute_prdc

    real, synthetic = normal(0, sizes[0], 16), normal(1, sizes[1], 16) * 1.2 + 0.2
    expected = compute_prdc(real_features=real, fake_features=synthetic, nearest_k=k)
    found = prdc(real, synthetic, k=k)
    for name in ("precision", "recall", "density", "coverage"):
        assert getattr(found, name) == pytest.approx(expected[name], abs=1e-12), name


def test_exact_duplicates_do_not_empty_neighbourhoods_as_they_do_in_prdc() -> None:
    from prdc import compute_prdc

    real = np.repeat(normal(2, 40, 8), 6, axis=0)
    theirs = compute_prdc(real_features=real, fake_features=real, nearest_k=5)
    ours = prdc(real, real, k=5)
    assert theirs["coverage"] < 0.5
    assert (ours.coverage, ours.precision, ours.recall) == (1.0, 1.0, 1.0)
    assert (ours.distance_ratio == 0.0).all()


def test_density_and_coverage_of_one_distribution() -> None:
    found = [prdc(normal(seed, 150, 4), normal(seed + 100, 250, 4)) for seed in range(40)]
    assert np.mean([f.density for f in found]) == pytest.approx(1.0, abs=0.02)
    chance = coverage_chance(150, 250, k=5)
    assert np.mean([f.coverage for f in found]) == pytest.approx(chance, abs=0.01)
    assert found[0].coverage_chance == chance


def test_missed_modes_are_uncovered() -> None:
    real = normal(3, 200, 8)
    real[:50, 0] += 30
    found = prdc(real, normal(4, 200, 8))
    assert (found.distance_ratio[:50] > 3).all()
    assert np.argsort(-found.distance_ratio)[:50].max() < 50
    assert found.coverage < 0.76


def test_frechet_closed_form_and_limit() -> None:
    # Diagonal Gaussians: |m|^2 + sum (s1 - s2)^2.
    scales = np.linspace(0.5, 2.0, 8)
    real, synthetic = normal(5, 40_000, 8), normal(6, 40_000, 8) * scales + 0.3
    expected = 8 * 0.09 + float(((scales - 1) ** 2).sum())
    assert frechet_distance(real, synthetic) == pytest.approx(expected, rel=0.03)
    one = frechet(normal(7, 600, 64), normal(8, 600, 64))
    assert one.value > 1
    assert one.limit is not None
    assert abs(one.limit) < 0.15 * one.value


@pytest.mark.parametrize("count", [300, 20])
def test_frechet_agrees_with_torchmetrics(count: int) -> None:
    import torch
    from torchmetrics.image.fid import _compute_fid

    real, synthetic = normal(9, count, 32), normal(10, count, 32) + 0.2
    parts = [
        torch.tensor(part)
        for side in (real, synthetic)
        for part in (side.mean(axis=0), np.cov(side, rowvar=False))
    ]
    expected = float(_compute_fid(*parts))
    assert frechet_distance(real, synthetic) == pytest.approx(expected, rel=1e-6, abs=1e-5)


def test_kernel_distances_agree_with_torchmetrics_and_closed_forms() -> None:
    import torch
    from torchmetrics.image.kid import poly_kernel, poly_mmd

    real, synthetic = normal(11, 200, 16), normal(12, 200, 16) + 0.3
    tensors = [torch.tensor(side) for side in (real, synthetic)]
    kernels = [
        poly_kernel(a, b, 3, None, 1.0)
        for a, b in ((tensors[0], tensors[0]), (tensors[0], tensors[1]), (tensors[1], tensors[1]))
    ]
    from torchmetrics.image.kid import maximum_mean_discrepancy

    expected = float(maximum_mean_discrepancy(*kernels))
    assert float(poly_mmd(*tensors)) == pytest.approx(expected)
    assert squared_discrepancy(real, synthetic) == pytest.approx(expected, rel=1e-9)
    # Gaussians N(0, I) and N(m, I) under a Gaussian kernel of bandwidth s.
    s, d, m = 2.0, 4, 0.8
    a, b = normal(13, 6000, d), normal(14, 6000, d)
    b[:, 0] += m
    scale = (s**2 / (s**2 + 2)) ** (d / 2)
    closed = 2 * scale * (1 - np.exp(-(m**2) / (2 * (s**2 + 2))))
    assert squared_discrepancy(a, b, kernel="gaussian", bandwidth=s) == pytest.approx(
        closed, rel=0.1
    )


def test_the_interval_of_the_kernel_distance_holds_zero_for_one_distribution() -> None:
    held = 0
    for seed in range(20):
        found = kernel_distance(normal(seed, 300, 8), normal(seed + 50, 300, 8), seed=seed)
        held += found.low <= 0.0 <= found.high
    assert held >= 15


def test_vendi_of_orthogonal_groups_and_of_its_readme() -> None:
    groups = np.repeat(np.eye(12)[:7], 5, axis=0)
    assert vendi_score(groups) == pytest.approx(7.0)
    assert vendi_score(groups @ np.linalg.qr(normal(15, 12, 12))[0]) == pytest.approx(7.0)
    values = np.array([0.0, 0.0, 10.0, 10.0, 20.0, 20.0])
    similarity = np.exp(-np.abs(values[:, None] - values))
    assert vendi_of_similarity(similarity / 6) == pytest.approx(2.9999, abs=1.1e-4)
    matrix = np.array([[1.0, 0.9, 0.0], [0.9, 1.0, 0.0], [0.0, 0.0, 1.0]])
    assert vendi_of_similarity(matrix / 3) == pytest.approx(2.1573, abs=5e-5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_vendi_agrees_with_its_package() -> None:
    from vendi_score import vendi

    rows = normal(16, 60, 10)
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    assert vendi_score(unit) == pytest.approx(vendi.score_X(unit), rel=1e-6)
    assert vendi_score(unit[:8]) == pytest.approx(vendi.score_K(unit[:8] @ unit[:8].T), rel=1e-6)
