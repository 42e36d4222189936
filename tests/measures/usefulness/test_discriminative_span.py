"""Spans whose residual a closed form gives."""

from __future__ import annotations

import numpy as np
import pytest

from synthaudit.measures.samples import Samples
from synthaudit.measures.usefulness.discriminative_span import (
    DiscriminativeSpan,
    discriminative_span,
)


def span_of(real: np.ndarray, synthetic: np.ndarray, *classes: np.ndarray) -> DiscriminativeSpan:
    rows = np.concatenate([real, synthetic])
    names = np.array([f"class {n}" for own in classes for n in own], dtype=object)
    found = discriminative_span(Samples.of(rows, np.arange(len(rows)) >= len(real), classes=names))
    assert found is not None
    return found


def two_classes(count: int, axis: int, rng: np.random.Generator, noise: float) -> np.ndarray:
    """Apart along one of ten axes, with a little noise in the others."""
    rows = noise * rng.standard_normal((count, 10))
    rows[:, axis] += np.where(np.arange(count) % 2, 5.0, -5.0)
    return rows


def test_differences_along_and_across_the_classifier() -> None:
    rng = np.random.default_rng(0)
    real, target = two_classes(4000, 0, rng, 1.0), np.arange(4000) % 2
    # Features are standardised by the real images: the others' noise is as long as the classes.
    along = two_classes(400, 0, rng, 0.01)
    across = two_classes(400, 1, rng, 0.01)
    own = np.arange(400) % 2
    assert span_of(real, along, target, own).residual < 0.1
    assert span_of(real, across, target, own).residual > 0.95
    assert span_of(real, real[:400], target, own).residual < 0.1


def test_random_directions_leave_what_chance_says() -> None:
    rng = np.random.default_rng(1)
    width, count = 60, 12
    real = rng.standard_normal((3000, width))
    target = np.arange(3000) % 2
    real[:, 0] += 3.0 * target
    left = []
    for _ in range(40):
        synthetic = rng.standard_normal((count, width)) * real.std(axis=0)
        found = span_of(real, synthetic, target, np.arange(count) % 2)
        left.append((found.residual, found.chance))
    residual, chance = np.mean(left, axis=0)
    assert residual == pytest.approx(chance, abs=0.03)


def test_a_class_that_is_missing_cannot_be_expressed() -> None:
    rng = np.random.default_rng(2)
    target = np.arange(300) % 3
    real = rng.standard_normal((300, 5)) + 4.0 * np.eye(5)[target]
    kept = target[target < 2]
    found = span_of(real, real[target < 2], target, kept)
    assert found.classes["class 2"] == 1.0
    assert found.classes["class 0"] < 0.7


def test_one_class_has_none() -> None:
    rows = np.eye(10)
    names = np.array(["a"] * 10, dtype=object)
    assert discriminative_span(Samples.of(rows, np.arange(10) > 5, classes=names)) is None
