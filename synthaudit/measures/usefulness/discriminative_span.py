"""Do the synthetic images differ in the directions that tell the real classes apart? No training.

After Desai and Narendra, Discriminative Span, arXiv 2605.09697, 2026, who ask it of one class
against the rest, with pairs of images; here of every class, and of unpaired sets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from synthaudit.arrays import Floats, Vectors
from synthaudit.measures.randomness import sample_rows, stream
from synthaudit.measures.samples import Samples
from synthaudit.measures.usefulness.linear_probe import fit_probe
from synthaudit.measures.usefulness.shared_classes import real_classes

# Of the squared length of the differences that the span holds; all of it would be all of space.
_ENERGY: Final = 0.9
_ROWS: Final = 2000


@dataclass(frozen=True, kw_only=True)
class DiscriminativeSpan:
    """What of the real classifier the synthetic images cannot express; lower is better.

    Attributes:
        residual: mean over the classes, in [0, 1]: 0 where the directions of the real classifier
            lie in the span of the synthetic differences, 1 where they are at right angles to it,
            or there are no synthetic images.
        classes: by class.
        chance: of differences in random directions, as many as the span has.
    """

    residual: float
    classes: Mapping[str, float]
    chance: float


def discriminative_span(samples: Samples, *, seed: int = 0) -> DiscriminativeSpan | None:
    """Project the weights of a linear classifier of the real images on synthetic differences.

    Features are scaled by the real images' deviations. Of each class the differences are those
    between its synthetic images and the mean of the other classes', and their span the leading
    directions that hold nine tenths of their squared length.

    Args:
        samples: the images.
        seed: of the sample that stands for more than 2,000 images of a class.

    Returns:
        ``DiscriminativeSpan``; None without two shared classes, or where no feature varies.
    """
    found = real_classes(samples)
    if found is None:
        return None
    own = samples.vectors[samples.real].astype(np.float64)
    target = found.target[samples.real]
    centre, scale = own.mean(axis=0), own.std(axis=0)
    scale[scale <= 1e-9 * np.abs(own).max()] = np.inf
    varying = int(np.isfinite(scale).sum())
    if varying == 0:
        return None
    known = target >= 0
    weights = fit_probe(
        (own[known] - centre) / scale, target[known], classes=len(found.names)
    ).weights
    rng = stream(seed, "discriminative span")
    residuals, shares = [], []
    for number in range(len(found.names)):
        classes = found.target[samples.synthetic]
        rows = sample_rows(samples.synthetic[classes == number], _ROWS, rng)
        others = samples.synthetic[(classes >= 0) & (classes != number)]
        if len(rows) == 0 or len(others) == 0:
            residuals.append(1.0)
            continue
        away = samples.vectors[others].astype(np.float64).mean(axis=0)
        span = _leading((samples.vectors[rows] - away) / scale)
        residuals.append(_residual(weights[:, number], span))
        shares.append(len(span) / varying)
    return DiscriminativeSpan(
        residual=float(np.mean(residuals)),
        classes=dict(zip(found.names, residuals, strict=True)),
        chance=float(np.sqrt(max(1.0 - float(np.mean(shares)), 0.0))) if shares else 1.0,
    )


def _leading(differences: Vectors) -> Floats:
    """(k, d) orthonormal directions that hold most of some differences (n, d)."""
    _, lengths, axes = np.linalg.svd(differences, full_matrices=False)
    held = np.cumsum(np.square(lengths))
    if not held[-1] > 0.0:
        return np.empty((0, differences.shape[1]))
    return np.asarray(axes[: int(np.searchsorted(held, _ENERGY * held[-1])) + 1], np.float64)


def _residual(weight: Floats, span: Floats) -> float:
    length = float(np.linalg.norm(weight))
    if length == 0.0:
        return 1.0
    return min(float(np.linalg.norm(weight - span.T @ (span @ weight))) / length, 1.0)
