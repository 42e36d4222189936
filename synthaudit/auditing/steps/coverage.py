"""Measures beside the four scores, and which kinds of real image the synthetic set misses."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from synthaudit.arrays import Floats, Integers, Names
from synthaudit.auditing.context import Context
from synthaudit.auditing.step import Step
from synthaudit.measures.fidelity.prdc import COVERAGE_COLUMN
from synthaudit.measures.protocol import Measured, SetMeasure, SideVectors, Supporting
from synthaudit.measures.randomness import sample_rows, stream
from synthaudit.measures.registry import MEASURES
from synthaudit.measures.samples import Samples
from synthaudit.measures.search.clusters import identical_groups
from synthaudit.measures.search.neighbours import Directions
from synthaudit.result.section import Section
from synthaudit.threads import Advance, ignore

# Quadratic in the rows: beyond this many of a side a random sample stands for them.
_ROWS: Final = 5000
_LEAST: Final = 10
_KINDS: Final = 12
_KINDS_OF_A_CLASS: Final = 4
_EXAMPLES: Final = 3

COLUMNS: Final = (COVERAGE_COLUMN,)


@dataclass(frozen=True, kw_only=True)
class MissedKind:
    """Uncovered real images that look alike.

    Attributes:
        size: how many there are.
        examples: paths of the most uncovered ones.
        classes: how many of each class; empty without classes.
    """

    size: int
    examples: Sequence[str]
    classes: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class SupportingSection(Section):
    """What measures of the whole set found.

    Attributes:
        values: by name.
        by_image: by column, (n,) numbers; NaN for images left out of the sample.
    """

    values: Mapping[str, Supporting]
    by_image: Mapping[str, Floats] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """The measures with their ranges, directions and papers."""
        return {"supporting": {name: dict(vars(value)) for name, value in self.values.items()}}

    def columns(self, samples: Samples) -> Mapping[str, npt.NDArray[Any]]:  # noqa: ARG002
        """What they say of single images."""
        return self.by_image


@dataclass(frozen=True, kw_only=True)
class CoverageSection(SupportingSection):
    """Our own measures, by their names in ``taken``, and what is missed."""

    taken: Sequence[str]
    missed: Sequence[MissedKind]

    def to_dict(self) -> dict[str, Any]:
        """The measures, and the missed kinds, the largest first."""
        missed = [
            {"size": kind.size, "examples": list(kind.examples), "classes": dict(kind.classes)}
            for kind in self.missed
        ]
        return {**super().to_dict(), "missed": missed}


def measure_coverage(
    samples: Samples, context: Context, *, names: Sequence[str] = ()
) -> CoverageSection | None:
    """Fidelity, coverage and variety; None with fewer than ten images on a side.

    Args:
        samples: the images.
        context: of the audit.
        names: of our own measures; all where none are named.
    """
    taken = names or MEASURES.own
    context.progress.start("measuring coverage and fidelity", len(taken))
    parted = part_sides(samples, context)
    if parted is None:
        return None
    measures = {name: MEASURES.load(name) for name in taken}
    found = measure_sets(measures, parted, advance=context.progress.advance)
    ratio = found.by_image[COVERAGE_COLUMN.name][parted.rows[0]]
    kinds = _group(parted, ratio, samples, context.settings.seed)
    return CoverageSection(
        values=found.values, by_image=found.by_image, taken=tuple(taken), missed=kinds
    )


@dataclass(frozen=True, kw_only=True)
class PartedSides:
    """Both sides' directions, or samples of them.

    Attributes:
        directions: of the real rows, then the synthetic ones.
        rows: where they are among the n samples.
        sides: what the measures are given.
        count: n.
    """

    directions: Directions
    rows: tuple[Integers, Integers]
    sides: SideVectors
    count: int


def part_sides(samples: Samples, context: Context) -> PartedSides | None:
    """Directions of at most 5,000 images a side; None with fewer than ten on one."""
    settings = context.settings
    rng = stream(settings.seed, "supporting")
    real, synthetic = (sample_rows(rows, _ROWS, rng) for rows in (samples.real, samples.synthetic))
    if min(len(real), len(synthetic)) < _LEAST:
        return None
    # Only of the sample: the directions of all would take as much memory as the vectors.
    directions = Directions(samples.vectors[np.concatenate([real, synthetic])])
    first, second = np.split(np.arange(len(directions)), [len(real)])
    return PartedSides(
        directions=directions,
        rows=(real, synthetic),
        sides=SideVectors(
            real=directions.rows(first),
            synthetic=directions.rows(second),
            confidence=settings.confidence,
            seed=settings.seed,
            rng=rng,
        ),
        count=len(samples),
    )


def measure_sets(
    measures: Mapping[str, Any],
    parted: PartedSides,
    taken: Collection[str] = (),
    advance: Advance = ignore,
) -> SupportingSection:
    """What some measures of whole sets say, one after the other.

    Args:
        measures: by name.
        parted: both sides.
        taken: names of values that are there already.
        advance: told of measures that are done.

    Raises:
        SettingsError: a measure of another package fails, or does not keep to what it should give.
    """
    values: dict[str, Supporting] = {}
    columns: dict[str, Floats] = {}
    for name, each in measures.items():
        if not isinstance(each, SetMeasure):
            continue
        with MEASURES.blaming(name):
            found = each.measure(parted.sides)
            _verify(found, each, (*taken, *values))
            for own, rows in zip((found.real, found.synthetic), parted.rows, strict=True):
                for column, numbers in own.items():
                    columns.setdefault(column, np.full(parted.count, np.nan))[rows] = numbers
        values |= found.values
        advance(1)
    return SupportingSection(values=values, by_image=columns)


def _verify(found: Measured, measure: SetMeasure, taken: Collection[str]) -> None:
    if not isinstance(found, Measured):
        raise TypeError(f"it should give a Measured, not {type(found).__name__}")
    for name, value in found.values.items():
        if name in taken:
            raise ValueError(f"there is a value {name!r} already")
        if not isinstance(value, Supporting) or not math.isfinite(value.value):
            raise ValueError(f"its value {name!r} should be a Supporting with a finite number")
    unknown = {*found.real, *found.synthetic} - {column.name for column in measure.columns}
    if unknown:
        raise ValueError(f"it gives columns that it does not declare: {', '.join(sorted(unknown))}")


def _group(parted: PartedSides, ratio: Floats, samples: Samples, seed: int) -> list[MissedKind]:
    """Uncovered real images by class, and within a class by what they look like."""
    names, labels = samples.paths[parted.rows[0]], samples.classes[parted.rows[0]]
    missed = np.flatnonzero(ratio > 1.0)
    named = np.array([str(label) for label in labels[missed]])
    found = [
        _describe(rows, ratio, names, labels)
        for name in dict.fromkeys(named.tolist())
        for rows in _kinds(parted.directions, missed[named == name], seed)
    ]
    found.sort(key=lambda kind: (-kind.size, kind.examples))
    return found[:_KINDS]


def _kinds(directions: Directions, missed: Integers, seed: int) -> list[Integers]:
    """Groups of images that look alike, by k-means."""
    import faiss

    distinct = len(identical_groups(directions.unit, missed))
    count = max(min(_KINDS_OF_A_CLASS, len(missed) // _LEAST, distinct), 1)
    rows = directions.rows(missed).astype(np.float32)
    means = faiss.Kmeans(
        rows.shape[1], count, nredo=3, seed=seed % 2**31, min_points_per_centroid=1
    )
    means.train(rows)
    kind = means.assign(rows)[1]
    parts = [missed[kind == number] for number in range(count)]
    return [part for part in parts if len(part)]


def _describe(rows: Integers, ratio: Floats, names: Names, labels: Names) -> MissedKind:
    order = rows[np.lexsort((rows, -ratio[rows]))]
    classes = Counter(str(label) for label in labels[rows] if label is not None)
    return MissedKind(
        size=len(rows),
        examples=[str(name) for name in names[order[:_EXAMPLES]]],
        classes=dict(classes.most_common()),
    )


STEP: Final = Step(name="coverage", run=measure_coverage, columns=COLUMNS)
BRIEF: Final = replace(STEP, run=partial(measure_coverage, names=("prdc", "vendi")), is_apart=True)
