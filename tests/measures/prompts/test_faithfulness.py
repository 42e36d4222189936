"""Faithfulness on planted truth: a linear model of pictures and texts, prompts swapped."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.stats import kstest

from synthaudit.arrays import Flags
from synthaudit.measures.prompts.faithfulness import (
    Faithfulness,
    PromptFit,
    judge_faithfulness,
)
from synthaudit.measures.prompts.rivals import AskedPictures
from synthaudit.measures.samples import Samples

CLASSES, WIDTH, PICTURES, REAL = 8, 64, 400, 1000


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@dataclass(frozen=True)
class Planted:
    found: Faithfulness
    is_swapped: Flags


def planted(
    seed: int, *, swapped: float = 0.1, separation: float = 1.0, unrelated: bool = False
) -> Planted:
    """Pictures that show their prompts but for a share whose prompts are of another class."""
    rng = np.random.default_rng(seed)
    centres = separation * rng.normal(size=(CLASSES, WIDTH))
    own, real = rng.integers(0, CLASSES, PICTURES), rng.integers(0, CLASSES, REAL)
    detail = rng.normal(size=(PICTURES, WIDTH))
    # Texts lie elsewhere than pictures, as those of CLIP do.
    texts = unit(centres[own] + 0.4 * detail + 2.0 * rng.normal(size=WIDTH))
    is_swapped = rng.random(PICTURES) < swapped
    shown = own.copy()
    shown[is_swapped] = (own + rng.integers(1, CLASSES, PICTURES))[is_swapped] % CLASSES
    pictures = centres[shown] + 0.3 * detail
    if unrelated:
        pictures = centres[rng.integers(0, CLASSES, PICTURES)]
    rows = np.concatenate([centres[real], pictures])
    vectors = unit(rows + 0.7 * rng.normal(size=rows.shape))
    samples = Samples.of(
        vectors,
        np.arange(len(vectors)) >= REAL,
        classes=np.array([f"class {number}" for number in (*real, *own)], object),
    )
    numbers = np.concatenate([np.full(REAL, -1), np.arange(PICTURES)])
    asked = AskedPictures.of(samples, numbers, PICTURES, seed=seed)
    fit, references = asked.fit(vectors, texts)
    found = judge_faithfulness(fit, references, groups=np.full(PICTURES, -1))
    return Planted(found=found, is_swapped=is_swapped)


def test_swapped_prompts_are_found_at_the_stated_rate() -> None:
    """100 seeds: recall over 0.9, false rate at most 5 + 2 %."""
    recalls, false = [], []
    for seed in range(100):
        case = planted(seed)
        named = case.found.is_unfaithful
        recalls.append(named[case.is_swapped].mean())
        false.append((named & ~case.is_swapped).sum() / max(named.sum(), 1))
        share = case.found.share
        assert share is not None
        assert share == pytest.approx(case.is_swapped.mean(), abs=0.05)
        assert case.found.discovery_p_value is not None
        assert case.found.discovery_p_value < 1e-6
    assert np.mean(recalls) > 0.9
    assert np.mean(false) <= 0.07


def test_faithful_pictures_are_seldom_accused() -> None:
    """With no swapped prompt, any discovery is false: in at most 5 + 2 % of 100 sets."""
    found = [planted(seed, swapped=0.0).found for seed in range(100)]
    assert np.mean([own.is_unfaithful.any() for own in found]) <= 0.07
    assert np.mean([(own.discovery_p_value or 0.0) <= 0.01 for own in found]) <= 0.03


def test_a_model_that_tells_nothing_accuses_nobody() -> None:
    found = [planted(seed, separation=0.02).found for seed in range(20)]
    assert np.mean([own.is_unfaithful.mean() for own in found]) < 0.01


def test_p_values_are_uniform_where_prompts_have_nothing_to_do_with_pictures() -> None:
    """Kolmogorov-Smirnov, in 100 sets; the p-value of the set and its interval hold too."""
    found = [planted(seed, unrelated=True).found for seed in range(100)]
    rejected = [kstest(own.p_values, "uniform").pvalue < 0.05 for own in found]
    assert np.mean(rejected) <= 0.1
    assert np.mean([own.p_value < 0.05 for own in found]) <= 0.1
    assert np.mean([own.unfaithful.low <= 0.5 <= own.unfaithful.high for own in found]) >= 0.88


def test_near_duplicates_widen_the_interval() -> None:
    rng = np.random.default_rng(0)
    others = rng.normal(size=(200, 50))
    fit = PromptFit(
        own=rng.normal(size=200),
        others=others,
        classes=np.full(200, -1),
        other_classes=np.full(50, -1),
    )
    repeated = np.repeat(np.arange(20), 10)
    same = PromptFit(
        own=fit.own[repeated],
        others=others[repeated],
        classes=fit.classes,
        other_classes=fit.other_classes,
    )
    alone = judge_faithfulness(fit, None, groups=np.full(200, -1))
    together = judge_faithfulness(same, None, groups=repeated)
    widths = [own.unfaithful.high - own.unfaithful.low for own in (alone, together)]
    assert widths[1] > 2.0 * widths[0]
    assert not alone.is_unfaithful.any()
    assert alone.share is None


def test_a_rival_of_the_same_class_is_none() -> None:
    fit = PromptFit(
        own=np.array([0.5]),
        others=np.array([[0.9, 0.4, np.nan]]),
        classes=np.array([0]),
        other_classes=np.array([0, 1, 0]),
    )
    assert fit.beaten.tolist() == [0.0]
    assert fit.margins.tolist() == [pytest.approx(0.1)]
    assert fit.p_values.tolist() == [pytest.approx(2.0 / 3.0)]


def test_prompts_of_comparable_sets_are_others_too() -> None:
    """One prompt alone has nobody to be told apart from; those of other arms are somebody."""
    rng = np.random.default_rng(0)
    texts = unit(rng.normal(size=(2, WIDTH)))
    pictures = unit(texts[[0] * 30] + 0.3 * rng.normal(size=(30, WIDTH)))
    samples = Samples.of(pictures, np.ones(30, bool))
    own = np.zeros(30, int)
    assert not AskedPictures.of(samples, own, 1).has_rivals
    asked = AskedPictures.of(samples, own, 1, further=[None])
    assert asked.has_rivals
    fit, references = asked.fit(pictures, texts)
    assert references is None
    assert judge_faithfulness(fit, None, groups=np.full(30, -1)).unfaithful.value < 0.1


def audit_of(
    classes: list[str], prompts: list[int], directions: np.ndarray, seed: int
) -> Faithfulness:
    """Pictures that are as the real ones of their classes are, whatever their prompts."""
    rng = np.random.default_rng(seed)
    names = sorted(set(classes))
    centres = {
        name: unit(np.random.default_rng(9).normal(size=(len(names), WIDTH)))[n]
        for n, name in enumerate(names)
    }
    real = classes * 2
    rows = np.stack([centres[name] for name in (*real, *classes)])
    vectors = unit(rows + 0.08 * rng.normal(size=rows.shape))
    samples = Samples.of(
        vectors, np.arange(len(rows)) >= len(real), classes=np.array([*real, *classes], object)
    )
    numbers = np.concatenate([np.full(len(real), -1), prompts])
    asked = AskedPictures.of(samples, numbers, len(directions), seed=seed)
    assert asked.has_rivals
    fit, references = asked.fit(vectors, directions)
    return judge_faithfulness(fit, references, groups=np.full(len(classes), -1))


def test_a_weak_prompt_that_most_pictures_have_accuses_nobody() -> None:
    """References have prompts as often as the pictures have them."""
    centres = unit(np.random.default_rng(9).normal(size=(2, WIDTH)))
    classes, prompts, directions = [], [], []
    for number, name in enumerate(("a", "b")):
        weak = unit(np.random.default_rng(number).normal(size=(1, WIDTH)))[0]
        directions += [unit((0.15 * centres[number] + weak)[None])[0], *[centres[number]] * 40]
        classes += [name] * 300
        prompts += [41 * number] * 260 + [41 * number + 1 + n for n in range(40)]
    found = audit_of(classes, prompts, np.array(directions), seed=0)
    assert found.is_unfaithful.mean() < 0.02
    assert found.discovery_p_value is not None
    assert found.discovery_p_value > 0.001


def test_every_class_has_rivals_however_rare_it_is() -> None:
    directions = unit(np.random.default_rng(0).normal(size=(3001, WIDTH)))
    classes = ["cat"] * 3000 + ["dog"] * 30
    audit_of(classes, [*range(3000), *[3000] * 30], directions, seed=1)


def test_pictures_without_rivals_are_not_judged() -> None:
    fit = PromptFit(
        own=np.array([0.5, 0.2, np.nan]),
        others=np.array([[0.9, np.nan], [0.9, 0.4], [0.1, 0.2]]),
        classes=np.array([0, 0, 0]),
        other_classes=np.array([0, 1]),
    )
    assert np.isnan(fit.beaten).tolist() == [True, False, True]
    found = judge_faithfulness(fit, None, groups=np.full(3, -1))
    assert found.unfaithful.value == 1.0
    assert np.isnan(found.p_values).tolist() == [False, False, True]
    assert found.p_value >= 0.5


def test_one_prompt_a_class_keeps_its_rate() -> None:
    """Two classes with one prompt each, pictures that show anything."""
    rejected = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        vectors = unit(rng.normal(size=(100, WIDTH)))
        classes = np.array(["a", "b"] * 50, object)
        samples = Samples.of(vectors, np.ones(100, bool), classes=classes)
        asked = AskedPictures.of(samples, np.tile([0, 1], 50), 2, seed=seed)
        fit, _ = asked.fit(vectors, unit(rng.normal(size=(2, WIDTH))))
        rejected += judge_faithfulness(fit, None, groups=np.full(100, -1)).p_value <= 0.05
    assert rejected <= 20


def test_a_class_called_none_is_not_what_has_no_class() -> None:
    vectors = unit(np.random.default_rng(0).normal(size=(40, WIDTH)))
    classes = np.array(["None", "a", None, None] * 10, object)
    samples = Samples.of(vectors, np.ones(40, bool), classes=classes)
    asked = AskedPictures.of(samples, np.arange(40), 40)
    assert (asked.classes[2::4] == -1).all()
    assert (asked.classes[::4] >= 0).all()
