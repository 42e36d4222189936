"""The design matrix of a regression, by the products that a fit makes of it."""

from __future__ import annotations

import functools
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

    @property
    def mean_squares(self) -> Floats:
        """Mean square of each column: (d,)."""

    def single(self) -> Design:
        """The same rows in float32."""

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
        # This way round, for OpenBLAS takes twice as long to transpose the larger matrix.
        product: Floats = (values.T @ self.rows).T
        return product

    @functools.cached_property
    def mean_squares(self) -> Floats:
        """See ``Design``; block by block, for the squares may not fit into memory."""
        total = np.zeros(self.rows.shape[1])
        for block in blocks(len(self.rows), _BLOCK):
            total += np.einsum("ij,ij->j", self.rows[block], self.rows[block])
        return (total / max(len(self.rows), 1)).astype(self.rows.dtype)

    def single(self) -> ArrayDesign:
        """See ``Design``."""
        return ArrayDesign(self.rows.astype(np.float32, copy=False))

    def take(self, rows: Integers | Flags) -> ArrayDesign:
        """See ``Design``."""
        return ArrayDesign(self.rows[rows])
