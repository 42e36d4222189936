"""Near-duplicates with planted truth: who is flagged, clustered and listed."""

from __future__ import annotations

import numpy as np
import pytest

from synthaudit.measures.copies import joining
from synthaudit.measures.copies.duplicates import Duplicates, find_duplicates
from synthaudit.measures.search.neighbours import Directions


def search(real: np.ndarray, synthetic: np.ndarray, **options: float) -> Duplicates:
    vectors = np.concatenate([real, synthetic])
    is_synthetic = np.arange(len(vectors)) >= len(real)
    return find_duplicates(Directions(vectors), is_synthetic, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.6, 0.8, 0.95])
@pytest.mark.parametrize("dimension", [64, 512])
def test_collapse_is_seen_at_every_share(share: float, dimension: int) -> None:
    rng = np.random.default_rng(0)
    real = rng.standard_normal((200, dimension))
    modes = rng.standard_normal((10, dimension))
    collapsed = round(1800 * share)
    synthetic = rng.standard_normal((1800, dimension))
    jitter = 0.02 * synthetic[:collapsed]
    synthetic[:collapsed] = modes[rng.integers(0, 10, collapsed)] + jitter
    assert search(real, synthetic).is_unvaried[200:].mean() == pytest.approx(share, abs=0.03)


def test_copies_of_a_few_real_images_are_unoriginal() -> None:
    rng = np.random.default_rng(1)
    real = rng.standard_normal((200, 64))
    noise = 0.02 * rng.standard_normal((1500, 64))
    copies = real[rng.integers(0, 5, 1500)] + noise
    found = search(real, copies)
    assert found.is_unoriginal[200:].mean() > 0.99
    sizes = np.sort(np.bincount(found.cluster[found.cluster >= 0]))[::-1]
    assert sizes[:5].sum() >= 1505
    assert sizes[5:].sum() <= 4  # chance pairs among the real images


def test_flags_pairs_and_clusters_of_planted_truth() -> None:
    rng = np.random.default_rng(2)
    real, synthetic = rng.standard_normal((2, 60, 32))
    synthetic[0] = real[7] * 3.0
    synthetic[2] = synthetic[1] + 0.01
    synthetic[3] = synthetic[1] - 0.01
    found = search(real, synthetic, distance=0.01)
    assert np.flatnonzero(found.is_unoriginal).tolist() == [60]
    assert np.flatnonzero(found.is_unvaried).tolist() == [61, 62, 63]
    assert found.cluster[[7, 60]].tolist() == [0, 0]
    assert found.cluster[[61, 62, 63]].tolist() == [1, 1, 1]
    assert (found.cluster >= 0).sum() == 5
    pairs = set(zip(found.pairs.first.tolist(), found.pairs.second.tolist(), strict=True))
    assert pairs == {(7, 60), (61, 62), (61, 63), (62, 63)}
    assert found.pair_count == 4
    assert (np.diff(found.pairs.distance) >= 0).all()
    assert found.nearest_real.index[60, 0] == 7
    assert found.nearest_synthetic.index[62, 0] == 61


def test_identical_rows_cost_no_quadratic_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining, "MAX_LISTED_PAIRS", 100)
    rng = np.random.default_rng(3)
    real = rng.standard_normal((50, 16))
    synthetic = np.tile(rng.standard_normal((1, 16)), (3000, 1))
    found = search(real, synthetic)
    assert found.pair_count == 3000 * 2999 // 2
    assert len(found.pairs) == 100
    assert found.is_unvaried[50:].all()
    assert found.cluster.max() == 0


def test_repeated_and_near_rows_are_counted_together() -> None:
    rng = np.random.default_rng(4)
    real = rng.standard_normal((50, 16))
    base = rng.standard_normal(16)
    synthetic = np.stack([base, base, base, base + 0.001, rng.standard_normal(16)])
    found = search(real, synthetic)
    assert found.pair_count == 6
    assert found.is_unvaried[50:].tolist() == [True] * 4 + [False]
    assert len({*found.cluster[50:54].tolist()}) == 1


def test_denser_synthetic_sets_use_a_smaller_radius() -> None:
    rng = np.random.default_rng(5)
    for dimension in (16, 512):
        rates = [
            search(
                rng.standard_normal((200, dimension)),
                rng.standard_normal((1800, dimension)),
            )
            for _ in range(8)
        ]
        assert all(found.radius.synthetic < found.radius.real for found in rates)
        # The budget is 0.5 %; one radius from 200 images is uncertain by about its own size.
        assert np.mean([found.is_unvaried[200:].mean() for found in rates]) < 0.015
        assert np.mean([found.is_unoriginal[200:].mean() for found in rates]) < 0.015


def test_rotation_scale_and_order_change_nothing() -> None:
    rng = np.random.default_rng(6)
    real, synthetic = rng.standard_normal((2, 80, 24))
    synthetic[:10] = real[:10] + 0.02 * rng.standard_normal((10, 24))
    base = search(real, synthetic)
    turn = np.linalg.qr(rng.standard_normal((24, 24)))[0]
    order = rng.permutation(80)
    lengths = rng.uniform(0.5, 2.0, (80, 1))
    turned = search(real @ turn, (synthetic * lengths)[order] @ turn)
    assert turned.radius.real == pytest.approx(base.radius.real, rel=1e-9)
    assert np.array_equal(turned.is_unoriginal[80:], base.is_unoriginal[80:][order])
    assert turned.pair_count == base.pair_count
