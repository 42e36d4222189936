"""Measures that the settings name: of other packages, or ours by themselves after ``--quick``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from synthaudit.arrays import Singles, Vectors
from synthaudit.auditing.context import Context
from synthaudit.auditing.step import Step
from synthaudit.auditing.steps.coverage import (
    CoverageSection,
    SupportingSection,
    measure_sets,
    part_sides,
)
from synthaudit.errors import SettingsError
from synthaudit.images.decoding import Frame, Pixels
from synthaudit.measures.detection.detector import area_under_curve
from synthaudit.measures.protocol import Column, ImageMeasure
from synthaudit.measures.registry import MEASURES
from synthaudit.measures.samples import Samples
from synthaudit.result.section import Section


@dataclass(frozen=True, kw_only=True)
class RequestedSection(Section):
    """What measures that were asked for say.

    Attributes:
        of_sets: of the whole set; None where none was asked for.
        of_images: by column, (n,) numbers.
        summary: by column of single images, the median of each side and how well it tells them
            apart.
    """

    of_sets: SupportingSection | None
    of_images: Mapping[str, Vectors] = field(repr=False)
    summary: Mapping[str, Mapping[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """Values beside our own supporting measures, and a summary of each column."""
        contents = {} if self.of_sets is None else self.of_sets.to_dict()
        return {**contents, **({"measures": dict(self.summary)} if self.summary else {})}

    def columns(self, samples: Samples) -> Mapping[str, npt.NDArray[Any]]:
        """All that is said of single images."""
        of_sets = {} if self.of_sets is None else self.of_sets.columns(samples)
        return {**of_sets, **self.of_images}


def measure_as_requested(samples: Samples, context: Context) -> RequestedSection | None:
    """Take the measures that the settings name; None where there are none to take.

    Raises:
        SettingsError: there is no such measure, it fails, or it needs images where there are only
            vectors.
    """
    ours = context.find(CoverageSection)
    done = () if ours is None else ours.taken
    wanted = {name: MEASURES.load(name) for name in context.settings.measures if name not in done}
    if not wanted:
        return None
    by_image = {n: m for n, m in wanted.items() if isinstance(m, ImageMeasure)}
    by_set = {name: measure for name, measure in wanted.items() if name not in by_image}
    of_sets = None
    if by_set and (parted := part_sides(samples, context)) is not None:
        of_sets = measure_sets(by_set, parted, () if ours is None else ours.values)
    columns: dict[str, Vectors] = {}
    summary: dict[str, Mapping[str, Any]] = {}
    for name, measure in by_image.items():
        for column, values in zip(
            measure.columns, _read(name, measure, samples, context).T, strict=True
        ):
            columns[column.name] = values
            summary[column.name] = _summarise(column, values, samples)
    return RequestedSection(of_sets=of_sets, of_images=columns, summary=summary)


def _read(name: str, measure: ImageMeasure, samples: Samples, context: Context) -> Singles:
    if context.images is None:
        raise SettingsError(
            f"the measure {name!r} looks at pixels, but both sides are ready vectors: give images, "
            "or leave it out."
        )
    found = context.images.read(_Reader(name, measure))
    if found is None:  # a file has vanished since it was embedded
        return np.full((len(samples), len(measure.columns)), np.nan, np.float32)
    return found


def _summarise(column: Column, values: Vectors, samples: Samples) -> dict[str, Any]:
    known = np.isfinite(values)
    medians: dict[str, float | None] = {}
    for side, rows in (("real", samples.real), ("synthetic", samples.synthetic)):
        own = values[rows][known[rows]]
        medians[side] = float(np.median(own)) if len(own) else None
    auc = None  # of one side alone there is nothing to tell apart
    if None not in medians.values():
        auc = area_under_curve(values[known].astype(np.float64), samples.is_synthetic[known])
    return {"description": column.description, **medians, "auc": auc}


class _Reader:
    """A measure of single images by the road of the embedders: cached, decoded in parallel."""

    device = "cpu"
    batch_size = 64

    def __init__(self, name: str, measure: ImageMeasure) -> None:
        self.name, self.measure = name, measure
        self.dimension = len(measure.columns)
        self.fingerprint = f"measure/{name}/v{measure.version}"
        self.frame = Frame(height=measure.height, width=measure.width)

    def encode(self, pixels: Pixels) -> Singles:
        """(B, dimension) numbers of some images.

        Raises:
            SettingsError: the measure fails, or gives something else.
        """
        with MEASURES.blaming(self.name):
            found = np.asarray(self.measure.measure(pixels), np.float32)
        if found.shape != (len(pixels), self.dimension):
            raise SettingsError(
                f"the measure {self.name!r} should give {(len(pixels), self.dimension)} numbers, "
                f"a row an image and a column each of its columns, not {found.shape}."
            )
        return found


STEP: Final = Step(
    name="requested",
    looks_at=("coverage",),
    run=measure_as_requested,
    is_wanted=lambda settings: bool(settings.measures),
)
