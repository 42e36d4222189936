"""A linear probe: class-balanced ridge regression on class indicators, quick to fit often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from synthaudit.arrays import Floats, Integers, Vectors

PROBE_AXES: Final = 512
"""Leading principal axes that a probe sees: those beyond cost time and add next to nothing."""

_PENALTIES: Final = np.logspace(-2, 4, 13)


@dataclass(frozen=True, kw_only=True)
class LinearProbe:
    """Scores of K classes, linear in the features: ``weights`` (d, K), ``offsets`` (K,)."""

    weights: Floats
    offsets: Floats

    def scores(self, rows: Vectors) -> Floats:
        """(n, K) scores of the classes: near 1 for the class of an image, near 0 for others."""
        scores: Floats = rows @ self.weights + self.offsets
        return scores

    def classify(self, rows: Vectors) -> Integers:
        """(n,) the class with the highest score."""
        chosen: Integers = self.scores(rows).argmax(axis=1)
        return chosen


def fit_probe(rows: Vectors, target: Integers, *, classes: int) -> LinearProbe:
    """Fit a probe in which every class weighs the same, however many images it has.

    The penalty is chosen by generalised cross-validation (Golub, Heath and Wahba 1979), which one
    factorisation gives for all penalties.

    Args:
        rows: (n, d) features.
        target: (n,) class numbers below ``classes``; a class without images is never chosen.
        classes: K.

    Returns:
        ``LinearProbe``.
    """
    sizes = np.bincount(target, minlength=classes)
    present = int((sizes > 0).sum())
    weight = 1.0 / (present * sizes[target])
    root = np.sqrt(weight * len(rows))[:, None]
    indicator = np.eye(classes)[target]
    mean_row, mean_target = weight @ rows, weight @ indicator
    inputs, outputs = (rows - mean_row) * root, (indicator - mean_target) * root
    weights = _ridge(inputs, outputs)
    offsets = mean_target - mean_row @ weights
    offsets[sizes == 0] = -np.inf
    return LinearProbe(weights=weights, offsets=offsets)


def _ridge(inputs: Floats, outputs: Floats) -> Floats:
    """Coefficients (d, K) at the penalty of the least generalised cross-validation error."""
    count, width = inputs.shape
    is_wide = count < width
    values, axes = np.linalg.eigh(inputs @ inputs.T if is_wide else inputs.T @ inputs)
    values = np.maximum(values, 0.0)
    # Along the axes: the squares of what is fitted, and what no penalty can fit.
    if is_wide:
        turned = axes.T @ outputs
        fitted, unfitted = np.square(turned).sum(axis=1), 0.0
    else:
        turned = axes.T @ (inputs.T @ outputs)
        with np.errstate(divide="ignore", invalid="ignore"):
            fitted = np.nan_to_num(np.square(turned).sum(axis=1) / values, posinf=0.0)
        unfitted = max(float(np.square(outputs).sum() - fitted.sum()), 0.0)
    scale = float(values.mean()) or 1.0
    errors = []
    for penalty in _PENALTIES * scale:
        shrunk = penalty / (values + penalty)
        residual = unfitted + float((np.square(shrunk) * fitted).sum())
        freedom = max(count - 1.0 - float((1.0 - shrunk).sum()), 1e-3)
        errors.append(residual / freedom**2)
    penalty = float(_PENALTIES[int(np.argmin(errors))]) * scale
    coefficients = axes @ (turned / (values + penalty)[:, None])
    return np.asarray(inputs.T @ coefficients if is_wide else coefficients)
