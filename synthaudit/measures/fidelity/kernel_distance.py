"""Kernel distances (squared maximum mean discrepancy): KID's polynomial and CMMD's Gaussian."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
from scipy.stats import norm

from synthaudit.arrays import Floats
from synthaudit.measures.intervals import Estimate
from synthaudit.measures.protocol import Measured, SetMeasure, SideVectors, Supporting
from synthaudit.measures.randomness import stream

Kernel = Literal["polynomial", "gaussian"]


def squared_discrepancy(
    real: Floats, synthetic: Floats, *, kernel: Kernel = "polynomial", bandwidth: float = 10.0
) -> float:
    """The unbiased estimate from all pairs of (N, d) and (M, d) vectors."""
    within = [
        _mean_off_diagonal(_kernel(side, side, kernel, bandwidth)) for side in (real, synthetic)
    ]
    across = float(_kernel(real, synthetic, kernel, bandwidth).mean())
    return within[0] + within[1] - 2.0 * across


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
    values = np.array(
        [
            squared_discrepancy(
                real[rng.permutation(len(real))[:size]],
                synthetic[rng.permutation(len(synthetic))[:size]],
                kernel=kernel,
                bandwidth=bandwidth,
            )
            for _ in range(subsets)
        ]
    )
    # Subsets of m of n images vary as m images do; all n vary less by the root of m / n.
    spread = float(values.std(ddof=1)) * np.sqrt(size / smaller)
    width = float(norm.ppf(0.5 + confidence / 2.0)) * spread
    value = float(values.mean())
    return Estimate(value=value, low=value - width, high=value + width)


def _kernel(a: Floats, b: Floats, kernel: Kernel, bandwidth: float) -> Floats:
    products: Floats = a @ b.T
    if kernel == "polynomial":
        cubed: Floats = (products / a.shape[1] + 1.0) ** 3
        return cubed
    lengths = np.einsum("ij,ij->i", a, a)[:, None] + np.einsum("ij,ij->i", b, b)[None]
    bell: Floats = np.exp(-np.maximum(lengths - 2.0 * products, 0.0) / (2.0 * bandwidth**2))
    return bell


def _mean_off_diagonal(matrix: Floats) -> float:
    count = len(matrix)
    return float((matrix.sum() - np.trace(matrix)) / (count * (count - 1)))


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
