"""Worker processes decode in order and survive what kills a decoder."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import pytest

from synthaudit.images.decoding import Frame, decode
from synthaudit.images.decoding_pool import DecodedChunk, DecodingPool, decode_chunk
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
