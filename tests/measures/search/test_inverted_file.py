"""Search in cells: copies are found, also where nothing else has structure."""

from __future__ import annotations

import numpy as np
import pytest

from synthaudit.measures.detection import cross_validation
from synthaudit.measures.detection.cross_validation import principal_axes
from synthaudit.measures.detection.detector import detect
from synthaudit.measures.samples import Samples
from synthaudit.measures.search import neighbours
from synthaudit.measures.search.inverted_file import build_inverted_file, search_inverted_file
from synthaudit.measures.search.neighbours import Directions, nearest


def planted(kinds: int, jitter: float, *, width: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """6,000 vectors in some kinds, of which the last 500 are jittered copies of the first."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((max(kinds, 1), width)) * (kinds > 0)
    vectors = centres[rng.integers(0, max(kinds, 1), 6000)]
    vectors += rng.standard_normal((6000, width))
    vectors[5500:] = vectors[:500] + jitter * rng.standard_normal((500, width))
    return vectors.astype(np.float32), np.arange(500)


def test_every_row_is_in_one_cell() -> None:
    vectors, _ = planted(20, 0.1)
    unit = Directions(vectors).unit
    rows = np.arange(0, 6000, 2)
    index = build_inverted_file(unit, rows)
    assert sorted(index.members.tolist()) == rows.tolist()
    assert index.start[-1] == len(rows)
    centres = index.centres.astype(np.float64)
    for cell in (0, len(centres) // 2):
        own = unit[index.of(cell)].astype(np.float64)
        gap = np.linalg.norm(own[:, None] - centres[None], axis=2)
        assert (gap.argmin(axis=1) == cell).all()


@pytest.mark.parametrize(("kinds", "jitter"), [(20, 0.1), (20, 0.3), (0, 0.1), (0, 0.3)])
def test_copies_are_found(kinds: int, jitter: float, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, sources = planted(kinds, jitter)
    directions = Directions(vectors)
    queries, candidates = np.arange(5500, 6000), np.arange(5500)
    exact = nearest(directions, queries, candidates)
    monkeypatch.setattr(neighbours, "_EXACT_PRODUCT", 0)
    found = nearest(directions, queries, candidates)
    assert (exact.index[:, 0] == sources).mean() > 0.99
    assert (found.index[:, 0] == exact.index[:, 0]).mean() >= 0.99
    same = found.index[:, 0] == exact.index[:, 0]
    assert np.array_equal(found.distance[same], exact.distance[same])


def test_with_all_cells_the_search_is_exact() -> None:
    vectors, _ = planted(0, 0.1, width=16)
    directions = Directions(vectors)
    queries, candidates = np.arange(6000), np.arange(3000)
    exact = nearest(directions, queries, candidates, count=3).index
    index = build_inverted_file(directions.unit, candidates)
    found = np.full((6000, 8), -1)
    for block, rows in search_inverted_file(
        directions.unit, queries, index, width=8, probes=len(index.centres)
    ):
        found[block] = rows
    for row in range(0, 6000, 17):
        own = [name for name in found[row] if name != row][:7]
        assert set(exact[row]) <= set(own)


def test_fewer_candidates_than_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "_EXACT_PRODUCT", 0)
    vectors = np.random.default_rng(0).standard_normal((12, 4))
    found = nearest(Directions(vectors), np.arange(12), np.arange(3), count=5)
    assert (found.index[:3] >= 0).sum(axis=1).tolist() == [2, 2, 2]
    assert (found.index[3:] >= 0).sum(axis=1).tolist() == [3] * 9


def test_the_detector_of_very_many_agrees_with_the_exact_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((3000, 40)) * rng.uniform(0.1, 10, 40) + 3.0
    vectors[:, 7] = 2.0  # says nothing
    is_synthetic = np.arange(3000) >= 1500
    vectors[is_synthetic, :3] += 0.5 * vectors.std(axis=0)[:3]
    vectors = vectors.astype(np.float32)
    exact = detect(Samples.of(principal_axes(vectors), is_synthetic), seed=0)
    monkeypatch.setattr(cross_validation, "SINGLE_FROM", 0)
    axes = principal_axes(vectors)
    assert axes.dtype == np.float32
    assert axes.shape == (3000, 39)
    found = detect(Samples.of(axes, is_synthetic), seed=0)
    gap = np.abs(found.probability_synthetic - exact.probability_synthetic)
    assert gap.max() < 1e-4
    assert found.auc == pytest.approx(exact.auc, abs=1e-5)
