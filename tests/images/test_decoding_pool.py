"""Worker processes decode in order and survive what kills a decoder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from synthaudit.images.decoding import Frame, decode
from synthaudit.images.decoding_pool import (
    DecodedChunk,
    DecodingPool,
    decode_chunk,
    decode_into,
)
from synthaudit.images.shared_batches import SharedBatch
from tests.pictures import encoded, picture

FRAME = Frame(height=32, width=32)
DEADLY = b"deadly"


def _decode_or_die(files: Sequence[bytes], frame: Frame, max_pixels: int) -> DecodedChunk:
    if DEADLY in files:
        os._exit(9)
    return decode_chunk(files, frame, max_pixels)


@pytest.fixture
def pool() -> DecodingPool:
    return DecodingPool(FRAME, workers=2, max_pixels=10**6)


def test_order_and_slots(pool: DecodingPool) -> None:
    files = [encoded(picture(1)), b"broken", encoded(picture(2))]
    chunk = pool.collect(pool.submit(files), files)
    assert [failure is None for failure in chunk.failures] == [True, False, True]
    expected = np.stack([decode(files[0], FRAME), decode(files[2], FRAME)])
    assert np.array_equal(chunk.pixels, expected)


def test_a_file_that_kills_its_process_costs_only_itself() -> None:
    pool = DecodingPool(FRAME, workers=2, max_pixels=10**6, work=_decode_or_die)
    good = [encoded(picture(seed)) for seed in range(4)]
    chunks = [[good[0], DEADLY, good[1]], good[2:]]
    futures = [pool.submit(chunk) for chunk in chunks]
    first, second = (pool.collect(f, c) for f, c in zip(futures, chunks, strict=True))
    assert [failure and failure.reason for failure in first.failures] == [
        None,
        "it crashes the decoder",
        None,
    ]
    assert first.failures[1] is not None
    assert not first.failures[1].is_lasting
    assert second.failures == [None, None]
    assert np.array_equal(first.pixels[1], decode(good[1], FRAME))


LARGE = Frame(height=224, width=224)


def test_pixels_through_shared_memory_are_the_same_and_slots_are_used_again() -> None:
    files = [encoded(picture(seed, 64)) for seed in range(8)]
    files.insert(3, b"broken")
    expected = np.stack([decode(data, LARGE) for data in files if data != b"broken"])
    pool = DecodingPool(LARGE, workers=2, max_pixels=10**6)
    used = set()
    for _ in range(3):
        future = pool.submit(files)
        slot = pool._slot_of[future]
        used.add(slot.name)
        chunk = pool.collect(future, files)
        assert [failure is None for failure in chunk.failures] == [d != b"broken" for d in files]
        assert np.array_equal(chunk.pixels, expected)
        # What was collected stays when the slot is written anew.
        slot.pixels(4, LARGE)[:] = 0
        assert np.array_equal(chunk.pixels, expected)
    assert len(used) == 1
    both = [pool.submit(files), pool.submit(files)]
    assert len({pool._slot_of[future].name for future in both}) == 2
    for future in both:
        assert np.array_equal(pool.collect(future, files).pixels, expected)


def test_without_room_for_shared_memory_pixels_go_through_the_pipe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    files = [encoded(picture(seed, 64)) for seed in range(4)]
    pool = DecodingPool(LARGE, workers=2, max_pixels=10**6)
    future = pool.submit(files)
    assert pool._slot_of == {}
    expected = np.stack([decode(data, LARGE) for data in files])
    assert np.array_equal(pool.collect(future, files).pixels, expected)


def test_memory_that_no_other_process_may_open_is_done_without() -> None:
    files = [encoded(picture(seed, 64)) for seed in range(3)]
    closed = SharedBatch(name="closed", file="/proc/0/fd/0", size=LARGE.height * LARGE.width * 9)
    chunk = decode_into(closed, files, LARGE, 10**6)
    assert np.array_equal(chunk.pixels, np.stack([decode(data, LARGE) for data in files]))


def test_nothing_of_the_shared_memory_stays() -> None:
    def open_memory() -> int:
        links = [str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.exists()]
        return sum("memfd:synthaudit" in link for link in links)

    before = open_memory()
    pool = DecodingPool(LARGE, workers=2, max_pixels=10**6)
    files = [encoded(picture(seed, 64)) for seed in range(4)]
    pool.collect(pool.submit(files), files)
    assert open_memory() > before
    del pool
    assert open_memory() == before
