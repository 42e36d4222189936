"""Wrong labels: planted ones are found at the rate that is stated, none where none is wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.optimize import check_grad
from scipy.special import softmax

import synthaudit
from synthaudit.measures.usefulness.label_fidelity import (
    FALSE_RATE,
    LEAST_ACCURACY,
    LabelFidelity,
    label_fidelity,
)
from synthaudit.measures.usefulness.label_noise import _loss, fit_label_noise
from synthaudit.measures.usefulness.learners import KernelLearner, LinearLearner

CLASSES = 5


@dataclass(frozen=True, kw_only=True)
class LabelledRows:
    rows: np.ndarray
    target: np.ndarray
    groups: np.ndarray


def judge(
    judged: LabelledRows,
    reference: LabelledRows | None,
    seed: int = 0,
    *,
    kind: type[KernelLearner | LinearLearner] = KernelLearner,
) -> LabelFidelity:
    sides = [judged] if reference is None else [judged, reference]
    rows, target, groups = (
        np.concatenate([getattr(own, name) for own in sides])
        for name in ("rows", "target", "groups")
    )
    learner = kind(rows=rows, target=target, clusters=groups, classes=CLASSES)
    everyone, count = np.arange(len(rows)), len(judged.target)
    return label_fidelity(learner, everyone[:count], everyone[count:], seed=seed)


def drawn(count: int, seed: int, *, apart: float = 1.6) -> LabelledRows:
    """Gaussians of unit width whose middles lie so far along axes of their own."""
    rng = np.random.default_rng(seed)
    target = np.arange(count) % CLASSES
    rows = rng.standard_normal((count, 12))
    rows[np.arange(count), target] += apart
    return LabelledRows(rows=rows, target=target, groups=np.full(count, -1))


def swapped(own: LabelledRows, share: float, seed: int) -> tuple[LabelledRows, np.ndarray]:
    rng = np.random.default_rng(seed)
    wrong = rng.permutation(len(own.target))[: round(share * len(own.target))]
    target = own.target.copy()
    target[wrong] = (target[wrong] + rng.integers(1, CLASSES, len(wrong))) % CLASSES
    is_wrong = np.zeros(len(target), bool)
    is_wrong[wrong] = True
    return LabelledRows(rows=own.rows, target=target, groups=own.groups), is_wrong


def test_probabilities_are_those_of_the_truth_where_the_judge_is_right() -> None:
    """Labels drawn from known distributions, a known share of them then changed."""
    rng = np.random.default_rng(0)
    scores = 2.0 * rng.standard_normal((20_000, CLASSES))
    truth = (softmax(scores, axis=1).cumsum(axis=1) > rng.uniform(size=(20_000, 1))).argmax(axis=1)
    is_wrong = rng.uniform(size=20_000) < 0.1
    given = np.where(is_wrong, (truth + rng.integers(1, CLASSES, 20_000)) % CLASSES, truth)
    found = fit_label_noise([scores], given)
    assert found.share == pytest.approx(0.1, abs=0.015)
    assert found.weights[0] == pytest.approx(2.0, rel=0.05)
    assert found.p_value < 1e-6
    for low in (0.1, 0.3, 0.6):
        some = (found.probability_wrong >= low) & (found.probability_wrong < low + 0.3)
        assert is_wrong[some].mean() == pytest.approx(
            found.probability_wrong[some].mean(), abs=0.05
        )
    sure = found.probability_wrong > 0.5
    assert (found.likelier(given)[sure & is_wrong] == truth[sure & is_wrong]).mean() > 0.6


def test_a_share_of_nought_is_found_where_no_label_is_wrong() -> None:
    p_values = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        scores = rng.standard_normal((300, CLASSES))
        order = softmax(scores, axis=1).cumsum(axis=1) > rng.uniform(size=(300, 1))
        p_values.append(fit_label_noise([scores], order.argmax(axis=1)).p_value)
    # Of sixty tests at five per cent, seven or more would be rare (p < 0.03).
    assert np.mean(np.array(p_values) <= 0.05) <= 6 / 60


@pytest.mark.parametrize(("count", "classes"), [(30, 2), (40, 4), (200, 2)])
def test_labels_that_say_nothing_are_not_called_wrong(count: int, classes: int) -> None:
    claims = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        judges, given = rng.standard_normal((3, count, classes)), rng.integers(0, classes, count)
        claims.append(fit_label_noise(judges, given).p_value <= 0.02)
    # Of sixty at two per cent five or more would be rare (p < 0.01).
    assert sum(claims) <= 4


def test_the_slope_of_the_likelihood() -> None:
    rng = np.random.default_rng(1)
    judges, given = rng.standard_normal((2, 50, CLASSES)), rng.integers(0, CLASSES, 50)
    for point in ([0.3, -0.5, -2.0], [-1.0, 1.0, -4.0]):
        error = check_grad(
            lambda at: _loss(at, judges, given)[0],
            lambda at: _loss(at, judges, given)[1],
            np.array(point),
        )
        assert error < 1e-5


@pytest.mark.parametrize("kind", [KernelLearner, LinearLearner])
@pytest.mark.parametrize("share", [0.05, 0.1, 0.3])
def test_planted_wrong_labels_are_flagged_with_precision_at_the_recall_that_is_stated(
    share: float, kind: type[KernelLearner | LinearLearner]
) -> None:
    right, shares, recalls, false_rates, planted = [], [], [], [], 0
    for seed in range(8):
        judged, is_wrong = swapped(drawn(500, seed, apart=2.5), share, seed)
        reference = drawn(500, seed + 100, apart=2.5)
        found = judge(judged, reference, seed, kind=kind)
        recalls.append(found.recall)
        false_rates.append(found.false_rate)
        assert found.accuracy == pytest.approx(0.87, abs=0.08)
        right += is_wrong[found.is_wrong].tolist()
        shares.append(found.share)
        planted += int(is_wrong.sum())
    assert np.mean(shares) == pytest.approx(share, abs=0.03)
    assert np.mean(right) >= 0.9
    assert max(rate for rate in false_rates if rate is not None) <= FALSE_RATE
    found_share = np.sum(right) / planted
    assert found_share == pytest.approx(np.mean(recalls), abs=0.15)
    # A kernel never scores above its class's one, and so is too modest where classes lie apart.
    assert found_share > (0.0 if kind is KernelLearner else 0.4)


def test_judges_that_know_too_little_say_how_many_and_not_which() -> None:
    """At 1.2 widths some 55 in 100 are told right: many wrong labels are seen, none is named."""
    judged, _ = swapped(drawn(2000, 1, apart=1.2), 0.3, 2)
    found = judge(judged, drawn(2000, 3, apart=1.2))
    assert found.accuracy < LEAST_ACCURACY
    assert found.p_value < 1e-3
    assert found.share == pytest.approx(0.3, abs=0.1)
    assert not found.is_wrong.any()


def test_hardly_an_image_is_flagged_where_no_label_is_wrong() -> None:
    flagged = [
        judge(drawn(500, seed, apart=2.5), drawn(500, seed + 100, apart=2.5), seed).is_wrong.sum()
        for seed in range(20)
    ]
    assert sum(flagged) <= FALSE_RATE * 500 * 20


def test_the_likelier_class_is_the_true_one() -> None:
    clear = drawn(300, 3, apart=6.0)
    judged, is_wrong = swapped(clear, 0.1, 4)
    found = judge(judged, drawn(300, 5, apart=6.0))
    assert found.is_wrong[is_wrong].all()
    assert found.is_wrong.sum() <= 1.05 * is_wrong.sum() + 1  # 5 % of false flags are allowed
    assert (found.likelier[is_wrong] == clear.target[is_wrong]).all()
    assert (found.likelier_probability[is_wrong] > 0.9).all()
    assert len(found.cannot_tell) == 0


def test_nothing_is_called_wrong_across_a_gap_between_the_sides() -> None:
    """The judge of the real images is wrong about what looks otherwise, the other one knows it."""
    judged, reference = drawn(500, 6), drawn(500, 7)
    turned = np.roll(judged.rows, 1, axis=1)
    moved = LabelledRows(rows=turned, target=judged.target, groups=judged.groups)
    found = judge(moved, reference)
    assert found.is_wrong.mean() < 0.03


def test_classes_that_are_not_told_apart_are_named() -> None:
    rng = np.random.default_rng(8)
    own = drawn(500, 8, apart=5.0)
    # The last two classes look the same.
    rows = own.rows.copy()
    alike = own.target >= 3
    rows[alike] = rng.standard_normal((int(alike.sum()), 12)) - 3.0
    hard = LabelledRows(rows=rows, target=own.target, groups=own.groups)
    noise = LabelledRows(rows=rng.standard_normal((500, 12)), target=own.target, groups=own.groups)
    assert set(judge(hard, None).cannot_tell) <= {3, 4}
    nothing = judge(noise, None)
    assert len(nothing.cannot_tell) >= 4
    assert not nothing.is_wrong.any()


def test_twins_do_not_vouch_for_each_other() -> None:
    """Every wrong image ten times: a judge that learns from its twins would believe them."""
    judged, is_wrong = swapped(drawn(200, 9, apart=5.0), 0.05, 10)
    rows = np.flatnonzero(is_wrong)
    again = np.concatenate([np.arange(200), np.repeat(rows, 9)])
    groups = np.full(200, -1)
    groups[rows] = np.arange(len(rows))
    twins = LabelledRows(rows=judged.rows[again], target=judged.target[again], groups=groups[again])
    found = judge(twins, drawn(200, 11, apart=5.0))
    assert found.is_wrong[is_wrong[again]].all()


def test_the_audit_tells_of_wrong_labels() -> None:
    real, synthetic = drawn(300, 12, apart=4.0), drawn(300, 13, apart=4.0)
    judged, is_wrong = swapped(synthetic, 0.15, 14)
    audit = synthaudit.score_embeddings(
        real.rows,
        judged.rows,
        real_classes=[f"kind {number}" for number in real.target],
        synthetic_classes=[f"kind {number}" for number in judged.target],
        quick=True,
        keep=True,
    )
    scores = audit.to_dict()
    assert scores["labels"]["wrong"] == scores["counts"]["wrong_labels"]
    assert scores["labels"]["wrong"] == pytest.approx(is_wrong.sum(), abs=8)
    own = audit.images[audit.images["side"] == "synthetic"].reset_index(drop=True)
    flagged = own["is_wrong_label"]
    assert (own.loc[flagged, "likelier_class"] != own.loc[flagged, "class"]).all()
    assert own["wrong_label_probability"].between(0, 1).all()
    finding = next(own for own in scores["findings"] if own["kind"] == "labels")
    assert finding["severity"] == "high"
    assert len(finding["images"]) == 6
    assert "images show other classes than their own" in scores["verdict"]["text"]
    assert audit.kept is not None
    dropped = audit.kept["reason"] == "it does not show its class"
    assert dropped.sum() >= 0.8 * scores["labels"]["wrong"]
