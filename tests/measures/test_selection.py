"""What is kept, what is not, and for which reason; wrong labels with planted truth."""

from __future__ import annotations

import numpy as np

import synthaudit
from synthaudit.measures.selection import select


def test_reasons_in_their_order_and_one_of_each_cluster() -> None:
    chosen = select(
        is_synthetic=np.array([False, True, True, True, True, True, True]),
        is_unoriginal=np.array([False, True, False, False, False, False, False]),
        is_wrong_label=np.array([False, True, True, False, False, False, False]),
        defect=np.full(7, None, object),
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
