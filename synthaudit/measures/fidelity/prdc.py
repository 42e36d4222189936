"""Precision, recall, density and coverage: whose neighbourhood does an image fall into?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from synthaudit.arrays import Floats, Integers
from synthaudit.measures.blocks import blocks
from synthaudit.measures.protocol import Column, Measured, SetMeasure, SideVectors, Supporting
from synthaudit.measures.search.neighbours import is_near
from synthaudit.threads import in_threads

_BLOCK: Final = 512


@dataclass(frozen=True, kw_only=True)
class Prdc:
    """How the two sides lie in each other's neighbourhoods of ``k`` nearest images.

    Attributes:
        precision: share of synthetic images within the neighbourhood of some real one, in [0, 1],
            higher is better (Kynkaanniemi et al., NeurIPS 2019).
        recall: share of real images within the neighbourhood of some synthetic one, likewise.
        density: mean number of real neighbourhoods around a synthetic image, over k; from 0,
            expectation 1 for the same distribution (Naeem et al., ICML 2020).
        coverage: share of real images with a synthetic one in their neighbourhood, in [0, 1].
        coverage_chance: coverage expected for the same distribution.
        distance_ratio: (N,) distance of each real image to its nearest synthetic one over the
            radius of its neighbourhood; above 1 it is not covered.
    """

    precision: float
    recall: float
    density: float
    coverage: float
    coverage_chance: float
    distance_ratio: Floats


def prdc(real: Floats, synthetic: Floats, *, k: int = 5) -> Prdc:
    """Measure precision, recall, density and coverage in Euclidean distance.

    A neighbourhood is open, as in the papers, but always holds what is identical to its centre:
    without that, images with k exact duplicates would have empty neighbourhoods.

    Args:
        real: (N, d) vectors, N > k.
        synthetic: (M, d) vectors, M > k.
        k: size of a neighbourhood; made smaller for tiny sets.

    Returns:
        ``Prdc``.
    """
    k = max(min(k, len(real) - 1, len(synthetic) - 1), 1)
    real_radius, synthetic_radius = _radii(real, k), _radii(synthetic, k)
    recalled = np.zeros(len(real), bool)
    nearest = np.full(len(real), np.inf)

    def look(block: slice) -> Integers:
        squared = squared_distances(real[block], synthetic)
        recalled[block] = is_near(squared, synthetic_radius[None]).any(axis=1)
        nearest[block] = squared.min(axis=1)
        near: Integers = is_near(squared, real_radius[block, None]).sum(axis=0)
        return near

    around = np.sum(in_threads(look, list(blocks(len(real), _BLOCK))), axis=0)
    covered = is_near(nearest, real_radius)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.sqrt(nearest / real_radius)
    return Prdc(
        precision=float((around > 0).mean()),
        recall=float(recalled.mean()),
        density=float(around.mean() / k),
        coverage=float(covered.mean()),
        coverage_chance=coverage_chance(len(real), len(synthetic), k=k),
        distance_ratio=np.where(nearest == 0.0, 0.0, np.nan_to_num(ratio, posinf=1e9)),
    )


def coverage_chance(real: int, synthetic: int, *, k: int) -> float:
    """Expected coverage when both sides are of one distribution: 1 - prod (N-1-i) / (N+M-1-i).

    A real image is uncovered when its k nearest of the N + M - 1 others are all real.
    """
    steps = np.arange(k)
    ratio = (real - 1.0 - steps) / (real + synthetic - 1.0 - steps)
    return 1.0 - float(np.prod(np.maximum(ratio, 0.0)))


def squared_distances(a: Floats, b: Floats) -> Floats:
    """(n, m) squared Euclidean distances; those of rounding size are exactly 0."""
    lengths = np.einsum("ij,ij->i", a, a)[:, None] + np.einsum("ij,ij->i", b, b)[None]
    squared: Floats = lengths - 2.0 * (a @ b.T)
    squared[squared < 1e-13 * lengths] = 0.0
    return squared


def _radii(rows: Floats, k: int) -> Floats:
    """Squared distance of each row to its k-th nearest other."""

    def measure(block: slice) -> Floats:
        squared = squared_distances(rows[block], rows)
        own = np.arange(len(squared))
        squared[own, block.start + own] = -1.0  # itself comes first, whatever is identical
        radius: Floats = np.partition(squared, k, axis=1)[:, k]
        return radius

    return np.concatenate(in_threads(measure, list(blocks(len(rows), _BLOCK))))


def _measure(sides: SideVectors) -> Measured:
    found = prdc(sides.real, sides.synthetic)
    kynkaanniemi, naeem = "Kynkaanniemi et al. 2019", "Naeem et al. 2020"
    return Measured(
        values={
            "precision": _share(found.precision, None, kynkaanniemi),
            "recall": _share(found.recall, None, kynkaanniemi),
            "density": Supporting(
                value=found.density, better="higher", least=0.0, most=None, chance=1.0, paper=naeem
            ),
            "coverage": _share(found.coverage, found.coverage_chance, naeem),
        },
        real={COVERAGE_COLUMN.name: found.distance_ratio},
    )


def _share(value: float, chance: float | None, paper: str) -> Supporting:
    return Supporting(value=value, better="higher", least=0.0, most=1.0, chance=chance, paper=paper)


COVERAGE_COLUMN: Final = Column(
    name="uncoveredness",
    description="of a real image: distance to the nearest synthetic one over the radius of its own "
    "neighbourhood; above 1 nothing synthetic covers it",
)
MEASURE: Final = SetMeasure(measure=_measure, columns=(COVERAGE_COLUMN,))
