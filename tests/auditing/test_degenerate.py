"""Sets that hold next to nothing: an answer or one sentence, never a fault."""

from __future__ import annotations

import numpy as np
import pytest

import synthaudit as package

REAL, SYNTHETIC = np.random.default_rng(0).normal(size=(2, 60, 8))
ONE, OTHER = np.repeat(REAL[:1], 40, axis=0), np.repeat(SYNTHETIC[:1], 40, axis=0)
FEW = {"permutations": 19, "resamples": 20}


@pytest.mark.parametrize("has_classes", [False, True])
@pytest.mark.parametrize("sides", [(ONE, SYNTHETIC), (ONE, OTHER), (REAL, OTHER)])
def test_images_that_are_all_the_same(
    sides: tuple[np.ndarray, np.ndarray], *, has_classes: bool
) -> None:
    classes = [["a" if row % 2 else "b" for row in range(len(side))] for side in sides]
    known = {"real_classes": classes[0], "synthetic_classes": classes[1]} if has_classes else {}
    audit = package.score_embeddings(*sides, **known, **FEW)
    assert 0.0 <= audit.unrealistic.value <= 1.0
    assert audit.verdict.fit is not True


@pytest.mark.parametrize("count", [1, 2, 3])
def test_next_to_no_images_settle_nothing(count: int) -> None:
    for sides in ((REAL, SYNTHETIC[:count]), (REAL[:count], SYNTHETIC)):
        audit = package.score_embeddings(*sides, **FEW)
        assert audit.verdict.fit is None


@pytest.mark.parametrize("scale", [1e-300, 1e-40, 1e300])
def test_numbers_that_cannot_be_computed_with_are_refused(scale: float) -> None:
    for sides in ((REAL * scale, SYNTHETIC * scale), (REAL, SYNTHETIC * scale)):
        with pytest.raises(package.DataError, match="not within 1e-18 and 1e\\+18: scale the"):
            package.score_embeddings(*sides, **FEW)


@pytest.mark.parametrize("seed", [2**32, 2**63 - 1])
def test_large_seeds(seed: int) -> None:
    assert package.score_embeddings(REAL, SYNTHETIC, seed=seed, **FEW).provenance["seed"] == seed
