"""What a GPU does for the detector, done here by torch on the CPU: the same probabilities."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

from synthaudit.backends import gpu_cross_validation
from synthaudit.backends.choice import choose_cross_validation
from synthaudit.backends.gpu_cross_validation import DeviceDesign, cross_validate_on_gpu
from synthaudit.backends.ray_cross_validation import cross_validate_on_ray
from synthaudit.measures.detection import cross_validation
from synthaudit.measures.detection.cross_validation import cross_validate, principal_axes
from synthaudit.measures.detection.design import ArrayDesign, Design
from synthaudit.measures.detection.detector import detect
from synthaudit.measures.samples import Samples
from synthaudit.settings import Settings


def test_products_are_those_of_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(gpu_cross_validation, "_BLOCK", 7)
    rng = np.random.default_rng(0)
    rows, columns, values = (rng.standard_normal(shape) for shape in
                             ((30, 5), (5, 4), (30, 4)))  # fmt: skip
    here: Design = ArrayDesign(rows)
    there: Design = DeviceDesign(torch.from_numpy(rows))
    assert there.shape == here.shape
    assert there.dtype == here.dtype
    chosen: Any
    for chosen in (slice(None), rng.permutation(30)[:11], rows[:, 0] > 0):
        one, other = here.take(chosen), there.take(chosen)
        own = values[chosen]
        np.testing.assert_allclose(one.times(columns), other.times(columns), atol=1e-12)
        np.testing.assert_allclose(one.transposed_times(own), other.transposed_times(own))
        np.testing.assert_allclose(one.mean_squares, other.mean_squares)
        assert one.single().dtype == other.single().dtype == np.float32
    np.testing.assert_allclose(here.mean_squares, np.square(rows).mean(axis=0))


def test_the_detector_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (cross_validation, gpu_cross_validation):
        monkeypatch.setattr(module, "SINGLE_FROM", 0)
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((3000, 20)).astype(np.float32)
    is_synthetic = np.arange(3000) >= 1500
    vectors[is_synthetic, :3] += 0.5
    axes = principal_axes(vectors)
    assert axes.dtype == np.float32
    here = detect(Samples.of(axes, is_synthetic), repeats=2)
    there = detect(
        Samples.of(axes, is_synthetic),
        repeats=2,
        validate=partial(cross_validate_on_gpu, device="cpu"),
    )
    gap = np.abs(here.probability_synthetic - there.probability_synthetic)
    assert gap.max() < 1e-4
    assert there.auc == pytest.approx(here.auc, abs=1e-5)
    assert here.auc > 0.6


def test_who_cross_validates(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    many = 10**6
    assert choose_cross_validation(Settings(), 1000) is cross_validate
    assert choose_cross_validation(Settings(device="cpu"), many) is cross_validate
    assert choose_cross_validation(Settings(engine="ray"), 10) is cross_validate_on_ray
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    chosen = choose_cross_validation(Settings(device="cuda:1"), many)
    assert isinstance(chosen, partial)
    assert chosen.keywords == {"device": "cuda:1"}
