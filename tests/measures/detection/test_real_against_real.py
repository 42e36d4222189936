"""Perfect data scores chance, and real data with repeats has a floor above it."""

from __future__ import annotations

import numpy as np
import pytest

from synthaudit.measures.detection.real_against_real import real_against_real
from synthaudit.measures.samples import Samples


def test_distinct_real_images_have_a_floor_of_chance() -> None:
    vectors = np.random.default_rng(0).standard_normal((600, 16))
    found = real_against_real(
        Samples.of(vectors, np.zeros(600, bool)), synthetic_share=0.5, false_alarms=0.01
    )
    assert found is not None
    assert found.unrealistic == pytest.approx(0.5, abs=0.03)
    assert found.unrepresentative == pytest.approx(0.5, abs=0.03)
    assert found.unvaried < 0.04
    assert found.unoriginal < 0.04


def test_real_images_that_repeat_themselves_raise_the_floor_of_unvaried() -> None:
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((400, 16))
    vectors[:80] = vectors[80:160] + 0.01 * rng.standard_normal((80, 16))
    groups = np.full(400, -1)
    groups[:80] = groups[80:160] = np.arange(80)
    found = real_against_real(
        Samples.of(vectors, np.zeros(len(vectors), bool), groups=groups), synthetic_share=0.5
    )
    assert found is not None
    assert found.unvaried == pytest.approx(160 / 400, abs=0.08)
    assert found.unoriginal < 0.05


def test_too_few_real_images_have_none() -> None:
    vectors = np.random.default_rng(2).standard_normal((30, 4))
    assert real_against_real(Samples.of(vectors, np.zeros(30, bool)), synthetic_share=0.5) is None
