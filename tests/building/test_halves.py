"""The real images are parted fairly, the same way every time, and near-duplicates stay together."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from synthaudit.building.halves import deal


def test_half_of_every_class_judges() -> None:
    names = ["cat"] * 31 + ["dog"] * 50 + ["frog"] * 8
    contents = [f"{number:04x}" for number in range(len(names))]
    judges = deal(names, np.full(len(names), -1), contents, 0)
    own = Counter(np.array(names)[judges].tolist())
    assert own["dog"] == 25
    assert own["frog"] == 4
    assert own["cat"] in (15, 16)


def test_near_duplicates_are_never_parted() -> None:
    rng = np.random.default_rng(0)
    cluster = rng.integers(-1, 12, 200)
    names = rng.choice(["cat", "dog"], 200).tolist()
    contents = [f"{number:04x}" for number in range(200)]
    judges = deal(names, cluster, contents, 3)
    for number in range(12):
        assert len(set(judges[cluster == number])) == 1
    assert 80 <= judges.sum() <= 120


@pytest.mark.parametrize("seed", [0, 1])
def test_it_goes_by_what_the_images_are_and_not_by_their_order(seed: int) -> None:
    contents = [f"{number:04x}" for number in range(60)]
    names = ["cat", "dog"] * 30
    first = deal(names, np.full(60, -1), contents, seed)
    order = np.random.default_rng(1).permutation(60)
    again = deal([names[n] for n in order], np.full(60, -1), [contents[n] for n in order], seed)
    assert (again == first[order]).all()
    assert (deal(names, np.full(60, -1), contents, seed + 7) != first).any()
