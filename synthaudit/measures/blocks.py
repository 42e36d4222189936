"""Many rows a block at a time, so that what is made of them fits into memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

Allocate = Callable[[tuple[int, ...], type[np.floating[Any]]], npt.NDArray[Any]]
"""Where a large array lies, by its shape and type: ``numpy.empty``, or one that uses files."""


def blocks(count: int, size: int, start: int = 0) -> Iterator[slice]:
    """Slices of at most ``size`` that cover the rows from ``start`` to ``count`` in order."""
    return (slice(first, min(first + size, count)) for first in range(start, count, size))
