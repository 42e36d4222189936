"""Cross-validation of very many rows with a GPU, which holds them and multiplies."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from synthaudit.arrays import Flags, Floats, Integers, Vectors
from synthaudit.backends.gpu_precision import full_precision
from synthaudit.measures.blocks import blocks
from synthaudit.measures.detection.assignment import Assignment
from synthaudit.measures.detection.cross_validation import SINGLE_FROM, OutOfFold, cross_validate

if TYPE_CHECKING:
    import torch

_BLOCK: Final = 262_144


class DeviceDesign:
    """A design matrix on a device of torch.

    Args:
        rows: (n, d) on the device.
    """

    def __init__(self, rows: torch.Tensor) -> None:
        self._rows = rows

    @property
    def shape(self) -> tuple[int, int]:
        """N and d."""
        return self._rows.shape[0], self._rows.shape[1]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the rows."""
        return np.dtype(str(self._rows.dtype).removeprefix("torch."))

    def times(self, columns: Floats) -> Floats:
        """See ``Design``."""
        return self._back(self._rows @ self._there(columns))

    def transposed_times(self, values: Floats) -> Floats:
        """See ``Design``."""
        return self._back(self._rows.T @ self._there(values))

    @functools.cached_property
    def mean_squares(self) -> Floats:
        """See ``Design``."""
        parts = [
            self._rows[block].double().square().sum(dim=0)
            for block in blocks(self.shape[0], _BLOCK)
        ]
        return self._back(sum(parts[1:], parts[0]) / self.shape[0]).astype(self.dtype)

    def single(self) -> DeviceDesign:
        """See ``Design``."""
        return DeviceDesign(self._rows.float())

    def take(self, rows: Integers | Flags) -> DeviceDesign:
        """See ``Design``."""
        import torch

        chosen = torch.from_numpy(np.arange(self.shape[0])[rows]).to(self._rows.device)
        return DeviceDesign(self._rows[chosen])

    def _there(self, array: Floats) -> torch.Tensor:
        import torch

        return torch.from_numpy(np.ascontiguousarray(array, self.dtype)).to(self._rows.device)

    def _back(self, product: torch.Tensor) -> Floats:
        result: Floats = product.cpu().numpy()
        return result


def cross_validate_on_gpu(
    rows: Vectors, assignments: Sequence[Assignment], *, device: str, **options: Any
) -> list[OutOfFold]:
    """``cross_validate``; of more than 200,000 rows the products are a GPU's.

    Outcomes agree with those of one machine as far as float32 goes, to 1e-4.
    """
    if len(rows) <= SINGLE_FROM:
        return cross_validate(rows, assignments, **options)
    import torch

    held = DeviceDesign(torch.from_numpy(np.ascontiguousarray(rows)).to(device))
    with full_precision():
        return cross_validate(held, assignments, **options)
