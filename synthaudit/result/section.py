"""What a step of an audit found, as the result holds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from synthaudit.measures.samples import Samples

if TYPE_CHECKING:
    import pandas as pd


class Section:
    """What a step found, and what it adds to the result: nothing, unless a section says more.

    A section is a frozen dataclass that overrides what it needs of these.
    """

    def to_dict(self) -> dict[str, Any]:
        """What it adds to ``scores.json``, by key; several may add to one key."""
        return {}

    def columns(self, samples: Samples) -> Mapping[str, npt.NDArray[Any]]:  # noqa: ARG002
        """Columns (n,) of ``images.parquet``, by name."""
        return {}

    def tables(self, samples: Samples) -> Mapping[str, pd.DataFrame]:  # noqa: ARG002
        """Tables of their own, by name."""
        return {}

    def counts(self) -> Mapping[str, int]:
        """Numbers of images for ``counts``."""
        return {}

    def notes(self) -> tuple[str, ...]:
        """What a reader must know to read the scores rightly, in sentences."""
        return ()

    def provenance(self) -> dict[str, Any]:
        """What it adds to the provenance."""
        return {}

    def regroup(self, samples: Samples) -> Samples:
        """The samples as the steps after this one see them."""
        return samples
