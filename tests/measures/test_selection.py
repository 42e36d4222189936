"""What is kept, what is not, and for which reason; wrong labels with planted truth."""

from __future__ import annotations

import numpy as np
import pytest

import synthaudit
from synthaudit.measures.samples import Samples
from synthaudit.measures.selection import select
from synthaudit.measures.usefulness.label_fidelity import label_fidelity


def test_reasons_in_their_order_and_one_of_each_cluster() -> None:
    chosen = select(
        is_synthetic=np.array([False, True, True, True, True, True, True]),
        is_unoriginal=np.array([False, True, False, False, False, False, False]),
        is_wrong_label=np.array([False, True, True, False, False, False, False]),
        probability_synthetic=np.array([0.9, 0.99, 0.2, 0.97, 0.6, 0.4, 0.4]),
        cluster=np.array([0, 0, -1, 1, 1, 1, 1]),
    )
    assert chosen.reason.tolist() == [
        "",
        "it copies a real image",
        "it does not show its class",
        "it is an obvious fake",
        "it repeats another image, which is kept",
        "",
        "it repeats another image, which is kept",
    ]
    assert np.flatnonzero(chosen.is_kept).tolist() == [5]


def classes_of(count: int) -> np.ndarray:
    return np.array(["cat", "dog", "owl"], dtype=object)[np.arange(count) % 3]


def blobs(count: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((count, 12))
    vectors[np.arange(count), np.arange(count) % 3] += 6.0
    return vectors


def test_planted_wrong_labels_are_found() -> None:
    rows = np.concatenate([blobs(300, 0), blobs(300, 1)])
    is_synthetic = np.arange(600) >= 300
    names = np.concatenate([classes_of(300), classes_of(300)])
    wrong = np.arange(300, 330)
    names[wrong] = np.where(names[wrong] == "cat", "dog", "cat")
    found = label_fidelity(Samples.of(rows, is_synthetic, classes=names))
    assert found is not None
    assert found.is_wrong[wrong].mean() > 0.95
    assert found.is_wrong[330:].mean() < 0.03
    assert not found.is_wrong[:300].any()
    assert found.real_accuracy > 0.98
    assert found.agreement == pytest.approx(0.9, abs=0.02)


def test_without_a_signal_nothing_is_called_wrong_beyond_chance() -> None:
    rows = np.random.default_rng(2).standard_normal((600, 12))
    names = np.concatenate([classes_of(300), classes_of(300)])
    found = label_fidelity(Samples.of(rows, np.arange(600) >= 300, classes=names))
    assert found is not None
    assert found.is_wrong[300:].mean() < 0.05
    assert found.real_accuracy < 0.45


def test_no_classes_no_verdict() -> None:
    rows = np.zeros((20, 2))
    nobody = np.full(20, None, dtype=object)
    assert label_fidelity(Samples.of(rows, np.arange(20) >= 10, classes=nobody)) is None


def test_keeping_mends_the_scores_of_repeats_and_copies() -> None:
    rng = np.random.default_rng(3)
    real, synthetic = rng.standard_normal((2, 200, 16))
    synthetic[:40] = synthetic[40:80] + 0.01 * rng.standard_normal((40, 16))
    synthetic[80:100] = real[:20]
    audit = synthaudit.score_embeddings(real, synthetic, keep=True, quick=True)
    assert audit.kept is not None
    reasons = audit.kept["reason"]
    assert (reasons == "it copies a real image").sum() >= 20
    assert (reasons == "it repeats another image, which is kept").sum() >= 40
    assert audit.kept_scores["unoriginal"] == 0.0
    assert audit.kept_scores["unvaried"] < 0.02
    kept = audit.to_dict()["kept"]
    assert kept["synthetic"] + sum(kept["dropped"].values()) == 200
