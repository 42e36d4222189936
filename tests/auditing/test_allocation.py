"""Vectors beyond the memory that they may take lie in files, and nothing else changes."""

from __future__ import annotations

import errno
import gc
import json
import os
from pathlib import Path

import numpy as np
import pytest

import synthaudit
from synthaudit.auditing import scoring
from synthaudit.auditing.allocation import Allocator
from synthaudit.errors import StorageError
from synthaudit.settings import Settings


def test_what_does_not_fit_goes_to_disk(tmp_path: Path) -> None:
    allocator = Allocator(1000, tmp_path)
    small, large = allocator.allocate((10, 20), np.float32), allocator.allocate((300,), np.float64)
    assert not isinstance(small, np.memmap)
    assert isinstance(large, np.memmap)
    large[:] = np.arange(300)
    assert large.sum() == 299 * 150
    # Nobody else sees the file, and it goes with the array.
    assert list(tmp_path.iterdir()) == []


def test_what_is_let_go_of_makes_room(tmp_path: Path) -> None:
    allocator = Allocator(1000, tmp_path)
    first = allocator.allocate((200,), np.float32)
    assert isinstance(allocator.allocate((200,), np.float32), np.memmap)
    del first
    gc.collect()
    assert not isinstance(allocator.allocate((200,), np.float32), np.memmap)


def test_a_full_disk_is_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(StorageError, match=r"need 0\.0 GB of disk in .* set --cache"):
        Allocator(0, tmp_path).allocate((10, 10), np.float32)


@pytest.mark.parametrize("quick", [True, False])
def test_an_audit_on_disk_has_the_same_numbers(
    quick: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    real, synthetic = rng.standard_normal((2, 120, 12)).astype(np.float32)
    synthetic[:5] = real[:5] + 1e-3
    allocators: list[Allocator] = []
    make_allocator = scoring.make_allocator

    def note(settings: Settings) -> Allocator:
        allocators.append(make_allocator(settings))
        return allocators[-1]

    monkeypatch.setattr(scoring, "make_allocator", note)
    options = {"quick": quick, "permutations": 19, "cache": tmp_path}
    on_disk = synthaudit.score_embeddings(real, synthetic, memory=0.0, **options)
    in_memory = synthaudit.score_embeddings(real, synthetic, **options)
    assert [allocator.files > 0 for allocator in allocators] == [True, False]
    assert json.dumps(on_disk.to_dict()) == json.dumps(in_memory.to_dict())
    assert on_disk.images.equals(in_memory.images)
