"""Frechet distance between the Gaussians of both sides, and its limit for endless samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from synthaudit.arrays import Floats
from synthaudit.measures.protocol import Measured, SetMeasure, SideVectors, Supporting
from synthaudit.measures.randomness import stream
from synthaudit.threads import in_threads


@dataclass(frozen=True, kw_only=True)
class Frechet:
    """Frechet distance, from 0 (the same mean and covariance) without bound, lower is better.

    Attributes:
        value: at the size of the samples; biased upwards, the more so the fewer images (Heusel et
            al., NeurIPS 2017).
        limit: extrapolated to endless samples (Chong and Forsyth, CVPR 2020); near 0, and perhaps
            below it, for the same distribution. None with too few images to extrapolate.
    """

    value: float
    limit: float | None


def frechet_distance(real: Floats, synthetic: Floats) -> float:
    """|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)) of (N, d) and (M, d) vectors."""
    gap = real.mean(axis=0) - synthetic.mean(axis=0)
    first, second = _centred(real), _centred(synthetic)
    # The trace of (S1 S2)^(1/2) is the nuclear norm of A B' for S1 = A'A, S2 = B'B: exact also
    # where there are fewer images than dimensions.
    cross = first @ second.T if len(first) * len(second) <= first.shape[1] ** 2 else None
    if cross is None:
        # A = Q R has the singular values of its square factor R.
        cross = _triangle(first) @ _triangle(second).T
    shared = float(np.linalg.svd(cross, compute_uv=False).sum())
    own = float(np.square(first).sum() + np.square(second).sum())
    return max(float(gap @ gap) + own - 2.0 * shared, 0.0)


def frechet(real: Floats, synthetic: Floats, *, seed: int = 0, sizes: int = 5) -> Frechet:
    """The distance, and its limit from a line through 1/n at several sample sizes.

    Args:
        real: (N, d) vectors.
        synthetic: (M, d) vectors.
        seed: decides the samples.
        sizes: how many sample sizes, from half of the smaller side up to all of it.

    Returns:
        ``Frechet``.
    """
    count = min(len(real), len(synthetic))
    if count < 50:
        return Frechet(value=frechet_distance(real, synthetic), limit=None)
    rng = stream(seed, "frechet")
    pairs = [(real, synthetic)]
    steps = np.linspace(count / 2, count, sizes).astype(int)
    for size in steps:
        first, second = (side[rng.permutation(len(side))[:size]] for side in (real, synthetic))
        # All images in another order have the distance of all images.
        if len(first) < len(real) or len(second) < len(synthetic):
            pairs.append((first, second))
    value, *found = in_threads(lambda pair: frechet_distance(*pair), pairs)
    found += [value] * (len(steps) - len(found))
    return Frechet(value=value, limit=float(np.polyfit(1.0 / steps, found, 1)[1]))


def _centred(rows: Floats) -> Floats:
    centred: Floats = (rows - rows.mean(axis=0)) / np.sqrt(max(len(rows) - 1, 1))
    return centred


def _triangle(rows: Floats) -> Floats:
    return np.asarray(np.linalg.qr(rows, mode="r"))


def _measure(sides: SideVectors) -> Measured:
    found = frechet(sides.real, sides.synthetic, seed=sides.seed)
    values = {"frechet_distance": _distance(found.value, None, "Heusel et al. 2017")}
    if found.limit is not None:
        values["frechet_distance_limit"] = _distance(found.limit, 0.0, "Chong and Forsyth 2020")
    return Measured(values=values)


def _distance(value: float, chance: float | None, paper: str) -> Supporting:
    return Supporting(value=value, better="lower", least=0.0, most=None, chance=chance, paper=paper)


MEASURE: Final = SetMeasure(measure=_measure)
