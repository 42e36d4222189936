"""Many rows a block at a time, so that what is made of them fits into memory."""

from __future__ import annotations

from collections.abc import Iterator


def blocks(count: int, size: int) -> Iterator[slice]:
    """Slices of at most ``size`` that cover ``count`` rows in order; none goes beyond the end."""
    return (slice(start, min(start + size, count)) for start in range(0, count, size))
