"""What a measure is that an audit takes up by its name, ours or another package's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from synthaudit.arrays import Floats, Vectors
from synthaudit.images.decoding import Pixels
from synthaudit.measures.intervals import Quantity


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of ``images.parquet``.

    >>> Column(name="sharpness", description="0 blurred to 1 sharp").missing
    nan

    Attributes:
        name: of the column.
        description: what it says of an image: units, range, direction.
        missing: what stands there where nothing is known.
    """

    name: str
    description: str
    missing: Any = np.nan


@dataclass(frozen=True, kw_only=True)
class Supporting(Quantity):
    """A measure of a whole set, beside the four scores.

    Attributes:
        better: ``higher`` or ``lower``.
        least: lower end of its range; None without one.
        most: upper end of its range; None without one.
        chance: its value for the same distribution; None where that is not known.
        paper: where it comes from.
    """

    better: Literal["higher", "lower"]
    least: float | None
    most: float | None
    chance: float | None
    paper: str


@dataclass(frozen=True, kw_only=True)
class SideVectors:
    """Directions of both sides, a sample of each where there are very many.

    On vectors of length 1 Euclidean distance and cosine distance order alike.

    Attributes:
        real: (N, d) rows of length 1.
        synthetic: (M, d) rows of length 1.
        confidence: of intervals.
        seed: decides all randomness.
        rng: a stream of random numbers from that seed.
    """

    real: Floats
    synthetic: Floats
    confidence: float
    seed: int
    rng: np.random.Generator = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a measure of a set found.

    Attributes:
        values: by name, for ``supporting`` in ``scores.json`` and the report.
        real: by column, a number (N,) for each real image.
        synthetic: by column, a number (M,) for each synthetic image.
    """

    values: Mapping[str, Supporting]
    real: Mapping[str, Floats] = field(default_factory=dict)
    synthetic: Mapping[str, Floats] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SetMeasure:
    """A measure of a whole set, on embeddings.

    Attributes:
        measure: does it.
        columns: of images, where it has some.
    """

    measure: Callable[[SideVectors], Measured]
    columns: tuple[Column, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ImageMeasure:
    """A measure of single images, on their pixels; remembered like vectors.

    A number that is not finite says that nothing is known of that image. The columns' names must
    differ from those of ``images.parquet``.

    Attributes:
        measure: uint8 pixels (B, height, width, 3) to (B, len(columns)) numbers.
        columns: what each number is.
        height, width: what images are brought to, the shorter edge filled and the rest cut.
        version: raise it when the numbers change.
    """

    measure: Callable[[Pixels], Vectors]
    columns: tuple[Column, ...]
    height: int = 224
    width: int = 224
    version: int = 1
