"""A linear probe: class-balanced ridge regression on class indicators, quick to fit often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from synthaudit.arrays import Flags, Floats, Integers, Vectors

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


def fit_probe(
    rows: Vectors,
    target: Integers,
    *,
    classes: int,
    clusters: Integers | None = None,
) -> LinearProbe:
    """Fit a probe in which every class weighs the same, however many images it has.

    The penalty is chosen by generalised cross-validation (Golub, Heath and Wahba 1979), which one
    factorisation gives for all penalties. Like leave-one-out it is fooled by near-duplicates, each
    of which is recognised by its twin: it looks at one image of each cluster.

    Args:
        rows: (n, d) features.
        target: (n,) class numbers below ``classes``; a class without images is never chosen.
        classes: K.
        clusters: (n,) near-duplicate clusters, -1 for images alone; None without any.

    Returns:
        ``LinearProbe``.
    """
    problem = _balance(rows, target, classes)
    distinct = None if clusters is None else one_of_each(clusters)
    if distinct is None or distinct.all():
        weights = _ridge(problem.inputs, problem.outputs)[0]
    else:
        fewer = _balance(rows[distinct], target[distinct], classes)
        penalty = _ridge(fewer.inputs, fewer.outputs)[1]
        weights = _solve(problem.inputs, problem.outputs, penalty)
    offsets = problem.mean_target - problem.mean_row @ weights
    offsets[np.bincount(target, minlength=classes) == 0] = -np.inf
    return LinearProbe(weights=weights, offsets=offsets)


@dataclass(frozen=True, kw_only=True)
class _Problem:
    """Least squares: what is fitted (n, K) by what (n, d), and the means that were taken off."""

    inputs: Floats
    outputs: Floats
    mean_row: Floats
    mean_target: Floats


def _balance(rows: Vectors, target: Integers, classes: int) -> _Problem:
    sizes = np.bincount(target, minlength=classes)
    weight = 1.0 / (int((sizes > 0).sum()) * sizes[target])
    root = np.sqrt(weight * len(rows))[:, None]
    indicator = np.eye(classes)[target]
    mean_row, mean_target = weight @ rows, weight @ indicator
    return _Problem(
        inputs=(rows - mean_row) * root,
        outputs=(indicator - mean_target) * root,
        mean_row=mean_row,
        mean_target=mean_target,
    )


def one_of_each(clusters: Integers) -> Flags:
    """(n,) the first image of each near-duplicate cluster, and all that stand alone."""
    chosen = clusters < 0
    chosen[np.unique(clusters, return_index=True)[1]] = True
    return chosen


def _solve(inputs: Floats, outputs: Floats, ratio: float) -> Floats:
    """Coefficients (d, K) at a penalty that is given as a multiple of the mean eigenvalue."""
    is_wide = len(inputs) < inputs.shape[1]
    gram = inputs @ inputs.T if is_wide else inputs.T @ inputs
    penalty = ratio * (float(np.trace(gram)) / len(gram) or 1.0)
    gram[np.diag_indices_from(gram)] += penalty
    if is_wide:
        return np.asarray(inputs.T @ np.linalg.solve(gram, outputs))
    return np.asarray(np.linalg.solve(gram, inputs.T @ outputs))


def _ridge(inputs: Floats, outputs: Floats) -> tuple[Floats, float]:
    """Coefficients (d, K) at the penalty of the least generalised cross-validation error.

    Returns:
        The coefficients, and the penalty as a multiple of the mean eigenvalue.
    """
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
    ratio = float(_PENALTIES[int(np.argmin(errors))])
    coefficients = axes @ (turned / (values + ratio * scale)[:, None])
    return np.asarray(inputs.T @ coefficients if is_wide else coefficients), ratio
