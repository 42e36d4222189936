"""Kernel distances (squared maximum mean discrepancy): KID's polynomial and CMMD's Gaussian."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, Literal

import numpy as np

from synthaudit.arrays import Floats
from synthaudit.measures.blocks import blocks
from synthaudit.measures.intervals import Estimate, normal_width
from synthaudit.measures.protocol import Measured, SetMeasure, SideVectors, Supporting
from synthaudit.measures.randomness import stream
from synthaudit.threads import in_threads

_BLOCK: Final = 512

Kernel = Literal["polynomial", "gaussian"]
Compare = Callable[[Floats, Floats], Floats]
"""Of (n, d) and (m, d) vectors the kernel (n, m)."""


def squared_discrepancy(
    real: Floats, synthetic: Floats, *, kernel: Kernel = "polynomial", bandwidth: float = 10.0
) -> float:
    """The unbiased estimate from all pairs of (N, d) and (M, d) vectors."""
    everyone = np.ones((len(real), 1)), np.ones((len(synthetic), 1))
    compare = partial(_kernel, kernel=kernel, bandwidth=bandwidth)
    return float(_discrepancies(real, synthetic, everyone, compare)[0])


def kernel_distance(
    real: Floats,
    synthetic: Floats,
    *,
    kernel: Kernel = "polynomial",
    bandwidth: float = 10.0,
    size: int = 1000,
    subsets: int = 20,
    confidence: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """The mean over random subsets, and an interval from their spread.

    The unbiased squared maximum mean discrepancy is 0 in expectation for the same distribution, at
    times a little below; lower is better (Binkowski et al., ICLR 2018 for the polynomial kernel;
    Jayasumana et al., CVPR 2024 for the Gaussian).

    Args:
        real: (N, d) vectors.
        synthetic: (M, d) vectors.
        kernel: ``polynomial`` is (x'y / d + 1)^3, ``gaussian`` exp(-|x - y|^2 / (2 bandwidth^2)).
        bandwidth: of the Gaussian kernel.
        size: images of each side in a subset; at most half of the smaller side.
        subsets: how many.
        confidence: of the interval.
        seed: decides the subsets.

    Returns:
        ``Estimate``.
    """
    rng = stream(seed, "kernel")
    smaller = min(len(real), len(synthetic))
    size = max(min(size, smaller // 2), 2)
    chosen = np.zeros((len(real), subsets)), np.zeros((len(synthetic), subsets))
    for subset in range(subsets):
        for side in chosen:
            side[rng.permutation(len(side))[:size], subset] = 1.0
    compare = partial(_kernel, kernel=kernel, bandwidth=bandwidth)
    values = _discrepancies(real, synthetic, chosen, compare)
    # Subsets of m of n images vary as m images do; all n vary less by the root of m / n.
    spread = float(values.std(ddof=1)) * np.sqrt(size / smaller)
    width = normal_width(confidence) * spread
    value = float(values.mean())
    return Estimate(value=value, low=value - width, high=value + width)


def _discrepancies(
    real: Floats,
    synthetic: Floats,
    chosen: tuple[Floats, Floats],
    compare: Compare,
) -> Floats:
    """(B,) discrepancies of B subsets, whose images are the ones in (N, B) and (M, B).

    All subsets share one kernel matrix, of which each takes a sum.
    """
    first, second = chosen
    within = [
        _sums((side, side), (own, own), compare, leave_out_itself=True)
        / (own.sum(axis=0) * (own.sum(axis=0) - 1.0))
        for side, own in ((real, first), (synthetic, second))
    ]
    across = _sums((real, synthetic), chosen, compare)
    across /= first.sum(axis=0) * second.sum(axis=0)
    found: Floats = within[0] + within[1] - 2.0 * across
    return found


def _sums(
    sides: tuple[Floats, Floats],
    chosen: tuple[Floats, Floats],
    compare: Compare,
    *,
    leave_out_itself: bool = False,
) -> Floats:
    """(B,) sums of the kernel over the chosen pairs."""
    first, second = sides

    def add_up(rows: slice) -> Floats:
        values = compare(first[rows], second)
        if leave_out_itself:
            own = np.arange(len(values))
            values[own, rows.start + own] = 0.0
        added: Floats = np.einsum("ij,ij->j", chosen[0][rows], values @ chosen[1])
        return added

    sums: Floats = np.sum(in_threads(add_up, list(blocks(len(first), _BLOCK))), axis=0)
    return sums


def _kernel(a: Floats, b: Floats, *, kernel: Kernel, bandwidth: float) -> Floats:
    products: Floats = a @ b.T
    if kernel == "polynomial":
        products /= a.shape[1]
        products += 1.0
        cubed: Floats = products * products * products
        return cubed
    lengths = np.einsum("ij,ij->i", a, a)[:, None] + np.einsum("ij,ij->i", b, b)[None]
    bell: Floats = np.exp(-np.maximum(lengths - 2.0 * products, 0.0) / (2.0 * bandwidth**2))
    return bell


def _measure(sides: SideVectors) -> Measured:
    found = kernel_distance(
        sides.real, sides.synthetic, confidence=sides.confidence, seed=sides.seed
    )
    value = Supporting(
        **vars(found),
        better="lower",
        least=None,
        most=None,
        chance=0.0,
        paper="Binkowski et al. 2018",
    )
    return Measured(values={"kernel_distance": value})


MEASURE: Final = SetMeasure(measure=_measure)
