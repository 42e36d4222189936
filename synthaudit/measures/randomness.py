"""Random streams: one for each purpose, all from the seed that the caller passes."""

from __future__ import annotations

import zlib

import numpy as np

from synthaudit.arrays import Integers


def stream(seed: int, purpose: str) -> np.random.Generator:
    """A generator for one purpose.

    The purpose keeps it apart from ``default_rng(seed)``, with which a caller may well have drawn
    the very data under audit: folds that follow the data's own stream are not random.
    """
    return np.random.default_rng([seed, zlib.crc32(purpose.encode())])


def sample_rows(rows: Integers, most: int, rng: np.random.Generator) -> Integers:
    """At most so many of some row numbers, in their order; all of them where they are no more."""
    if len(rows) <= most:
        return rows
    return np.sort(rng.choice(rows, most, replace=False))
