"""The search that a GPU does, done here by torch on the CPU: the same neighbours everywhere."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from synthaudit.backends import gpu_search
from synthaudit.backends.choice import choose_search
from synthaudit.backends.gpu_search import candidates_on_gpu
from synthaudit.backends.ray_search import candidates_on_ray
from synthaudit.measures.search.neighbours import Directions, find_candidates, nearest
from synthaudit.settings import Settings


@pytest.mark.parametrize("count", [1, 7])
def test_torch_finds_the_same_neighbours(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu_search, "_QUERIES", 100)
    monkeypatch.setattr(gpu_search, "_CANDIDATES", 130)
    vectors = np.random.default_rng(0).standard_normal((1000, 16))
    vectors[500:520] = vectors[:20]
    queries, candidates = np.arange(1000), np.arange(0, 1000, 3)
    here = nearest(Directions(vectors), queries, candidates, count=count)
    search = partial(candidates_on_gpu, device="cpu")
    there = nearest(Directions(vectors, search), queries, candidates, count=count)
    assert np.array_equal(here.index, there.index)
    assert np.array_equal(here.distance, there.distance)


def test_who_searches() -> None:
    import torch

    assert choose_search(Settings(), 1000) is find_candidates
    assert choose_search(Settings(device="cpu"), 10**6) is find_candidates
    assert choose_search(Settings(engine="ray"), 10) is candidates_on_ray
    if not torch.cuda.is_available():
        assert choose_search(Settings(), 10**6) is find_candidates
