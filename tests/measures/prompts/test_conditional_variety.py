"""Variety given the prompt, against closed forms: equal modes far apart."""

from __future__ import annotations

import numpy as np
import pytest

from synthaudit.arrays import Floats, Integers
from synthaudit.measures.prompts.conditional_variety import (
    ConditionalVariety,
    bandwidth_of,
    conditional_variety,
)

MODES, EACH = 12, 40


def parted(modes: Integers, prompts: Integers, texts: Floats | None = None) -> ConditionalVariety:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(MODES, 400))
    rows = centres[modes] + 0.01 * rng.normal(size=(len(modes), 400))
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    found = conditional_variety(rows, prompts, bandwidth=0.3, texts=texts, rng=rng)
    assert found is not None
    return found


def test_the_model_alone_decides() -> None:
    rng = np.random.default_rng(1)
    modes = np.tile(np.arange(MODES), EACH)
    found = parted(modes, rng.integers(0, MODES, len(modes)))
    assert found.modes == pytest.approx(MODES, rel=0.05)
    assert found.modes_of_a_prompt == pytest.approx(MODES, rel=0.1)
    assert found.from_prompts.value == pytest.approx(0.0, abs=0.03)


def test_the_prompts_alone_decide() -> None:
    modes = np.tile(np.arange(MODES), EACH)
    found = parted(modes, modes)
    assert found.modes_of_a_prompt == pytest.approx(1.0, abs=0.05)
    assert found.from_prompts.value > 0.97
    assert found.by_chance < 0.03


def test_prompts_that_halve_the_modes_decide_their_share_of_the_entropy() -> None:
    """Of log 12 they decide log 3: each prompt leaves four modes of twelve."""
    modes = np.tile(np.arange(MODES), EACH)
    found = parted(modes, modes % 3)
    assert found.modes_of_a_prompt == pytest.approx(4.0, rel=0.05)
    expected = np.log(3.0) / np.log(12.0)
    assert found.from_prompts.low <= expected + 0.02
    assert found.from_prompts.value == pytest.approx(expected, abs=0.02)


def test_texts_stand_in_where_every_picture_has_a_prompt_of_its_own() -> None:
    rng = np.random.default_rng(2)
    modes = np.tile(np.arange(MODES), EACH)
    meanings = rng.normal(size=(3, 50))
    texts = meanings[modes % 3] + 0.01 * rng.normal(size=(len(modes), 50))
    texts = texts / np.linalg.norm(texts, axis=1, keepdims=True)
    own = np.arange(len(modes))
    found = parted(modes, own, texts)
    assert found.from_prompts.value == pytest.approx(np.log(3.0) / np.log(12.0), abs=0.1)
    few = np.random.default_rng(0).normal(size=(len(modes), 5))
    few = few / np.linalg.norm(few, axis=1, keepdims=True)
    assert conditional_variety(few, own, bandwidth=1.0, rng=rng) is None


def test_the_bandwidth_makes_pairs_at_the_median_a_tenth_alike() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(500, 30))
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    width = bandwidth_of(rows, rng)
    squares = np.square(rows[:, None] - rows[None]).sum(axis=2)[np.triu_indices(500, 1)]
    assert np.median(np.exp(-squares / (2.0 * width**2))) == pytest.approx(0.1, abs=0.01)
