"""The design matrix of a regression, by the products that a fit makes of it."""

from __future__ import annotations

from typing import Any, Final, Protocol

import numpy as np

from synthaudit.arrays import Flags, Floats, Integers, Vectors
from synthaudit.measures.blocks import blocks

_BLOCK: Final = 65_536


class Design(Protocol):
    """Rows (n, d) of features, wherever they lie; all arguments and results are numpy arrays."""

    @property
    def shape(self) -> tuple[int, int]:
        """N and d."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the arithmetic, float64 or float32."""

    def times(self, columns: Floats) -> Floats:
        """The rows times (d, K): (n, K)."""

    def transposed_times(self, values: Floats) -> Floats:
        """The transposed rows times (n, K): (d, K)."""

    def squares_times(self, values: Floats) -> Floats:
        """The transposed squares of the rows times (n, K): (d, K)."""

    def take(self, rows: Integers | Flags) -> Design:
        """Some of the rows."""


class ArrayDesign:
    """A design matrix in this machine's memory.

    Args:
        rows: (n, d).
    """

    def __init__(self, rows: Vectors) -> None:
        self.rows = rows

    @property
    def shape(self) -> tuple[int, int]:
        """N and d."""
        return self.rows.shape[0], self.rows.shape[1]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the rows."""
        return self.rows.dtype

    def times(self, columns: Floats) -> Floats:
        """See ``Design``."""
        product: Floats = self.rows @ columns
        return product

    def transposed_times(self, values: Floats) -> Floats:
        """See ``Design``."""
        product: Floats = self.rows.T @ values
        return product

    def squares_times(self, values: Floats) -> Floats:
        """See ``Design``; block by block, for the squares may not fit into memory."""
        product: Floats = np.zeros((self.rows.shape[1], values.shape[1]), self.rows.dtype)
        for block in blocks(len(self.rows), _BLOCK):
            product += np.square(self.rows[block]).T @ values[block]
        return product

    def take(self, rows: Integers | Flags) -> ArrayDesign:
        """See ``Design``."""
        return ArrayDesign(self.rows[rows])
