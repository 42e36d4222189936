"""Cleanlab's definition agrees with cleanlab and Cleanlab Studio."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import synthaudit
from synthaudit.measures.copies.studio import find_studio_duplicates
from synthaudit.measures.samples import Samples

Oracle = Callable[[list[dict[str, Any]]], list[dict[str, Any]]]


def random(rng: np.random.Generator, count: int) -> np.ndarray:
    return rng.standard_normal((count, 32))


def clustered(rng: np.random.Generator, count: int) -> np.ndarray:
    centres = rng.standard_normal((8, 32))
    return centres[rng.integers(0, 8, count)] + 0.3 * random(rng, count)


def duplicate_laden(rng: np.random.Generator, count: int) -> np.ndarray:
    vectors = random(rng, count)
    exact = rng.integers(0, count, count // 3)
    vectors[exact] = vectors[rng.integers(0, 6, len(exact))]
    near = rng.integers(0, count, count // 6)
    noise = 0.01 * rng.standard_normal((len(near), 32))
    vectors[near] = vectors[rng.integers(0, count, len(near))] + noise
    return vectors


def flat(rng: np.random.Generator, count: int) -> np.ndarray:
    return random(rng, count)[:, :3]


RATIOS = ((120, 120), (40, 400), (400, 40))
KINDS = (random, clustered, duplicate_laden, flat)
Case = tuple[Callable[..., np.ndarray], int, int]


@pytest.fixture(scope="module")
def answers(cleanlab_oracle: Oracle) -> dict[Case, tuple[np.ndarray, Any, dict[str, Any]]]:
    """Vectors, our audit and the oracles' answer for every case, asked all at once."""
    cases: dict[Case, tuple[np.ndarray, Any]] = {}
    for kind in KINDS:
        for real, synthetic in RATIOS:
            vectors = kind(np.random.default_rng(0), real + synthetic)
            audit = synthaudit.score_embeddings(
                vectors[:real], vectors[real:], definition="cleanlab", seed=3, quick=True
            )
            cases[kind, real, synthetic] = vectors, audit
    said = cleanlab_oracle(
        [
            {
                "vectors": vectors,
                "is_synthetic": np.arange(real + synthetic) >= real,
                "probability_synthetic": audit.images["probability_synthetic"].to_numpy(),
            }
            for (_, real, synthetic), (vectors, audit) in cases.items()
        ]
    )
    return {case: (*cases[case], answer) for case, answer in zip(cases, said, strict=True)}


@pytest.mark.parametrize(("real", "synthetic"), RATIOS)
@pytest.mark.parametrize("kind", KINDS)
def test_scores_pairs_and_thresholds(
    answers: dict[Case, tuple[np.ndarray, Any, dict[str, Any]]],
    kind: Callable[..., np.ndarray],
    real: int,
    synthetic: int,
) -> None:
    vectors, audit, answer = answers[kind, real, synthetic]
    for name, expected in answer["scores"].items():
        assert getattr(audit, name).value == pytest.approx(expected, abs=1e-9), name
    unrepresentative, unrealistic = answer["confident_thresholds"]
    assert audit.unrealistic.value == pytest.approx(unrealistic, abs=1e-9)
    assert audit.unrepresentative.value == pytest.approx(unrepresentative, abs=1e-9)
    found = find_studio_duplicates(Samples.of(vectors, np.arange(real + synthetic) >= real))
    assert np.flatnonzero(found.cluster >= 0).tolist() == answer["flagged"]
    clusters = [np.flatnonzero(found.cluster == n).tolist() for n in range(found.cluster.max() + 1)]
    assert sorted(clusters) == sorted(members for members in answer["clusters"] if len(members) > 1)
    if kind is not duplicate_laden:  # there, which of many identical rows is listed is arbitrary
        pairs = zip(found.pairs.first.tolist(), found.pairs.second.tolist(), strict=True)
        assert sorted(map(list, pairs)) == answer["pairs"]


def test_the_faults_that_made_us_leave_it() -> None:
    """Beyond half, collapse goes unseen: the pooled median falls with it."""
    rng = np.random.default_rng(1)
    real = rng.standard_normal((200, 64))
    modes = rng.standard_normal((10, 64))
    noise = 0.02 * rng.standard_normal((1440, 64))
    collapsed = modes[rng.integers(0, 10, 1440)] + noise
    synthetic = np.concatenate([collapsed, rng.standard_normal((360, 64))])
    theirs = synthaudit.score_embeddings(real, synthetic, definition="cleanlab", quick=True)
    ours = synthaudit.score_embeddings(real, synthetic, quick=True)
    assert theirs.unvaried.value == 0.0
    assert ours.unvaried.value == pytest.approx(0.8, abs=0.03)
    assert theirs.unrealistic.chance == pytest.approx(0.9)
