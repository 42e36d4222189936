"""Ridge regression on class indicators with a Gaussian kernel of features scaled by their worth.

A feature counts by the share of its variation that lies between the classes (epsilon squared,
Kelley, PNAS 1935), which the images that a probe learns from tell: where classes differ by colour,
a histogram among many other features would be lost in a kernel that weighs all alike. Kernel ridge
regression as in Saunders, Gammerman and Vovk (ICML 1998), the width by the median of the distances.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from synthaudit.arrays import Integers, Singles, Vectors
from synthaudit.measures.detection.folds import grouped_folds

_POWERS: Final = (0.0, 0.5, 1.0)
_PENALTIES: Final = (0.1, 0.3, 1.0)
# More images change the choice of these few numbers no further.
_TUNED_ON: Final = 600
_FOLDS: Final = 3
# An error above the least by less than this is chance; of two powers the milder fits less of it.
_AS_GOOD: Final = 1.01
_LEAST_OF_A_CLASS: Final = 4
_MEDIAN_OF: Final = 500
_SHARPNESS: Final = 2.0
# Of a feature that tells nothing: it may still tell something together with others.
_LEAST_TOLD: Final = 0.01


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """How much scaling, and how much shrinking.

    Attributes:
        power: to which the share between the classes is taken: 0 weighs features alike.
        penalty: on the squared norm, beside errors of mean weight 1; the kernel is 1 at most.
    """

    power: float = 0.0
    penalty: float = 0.1


@dataclass(frozen=True, kw_only=True)
class KernelSpace:
    """Where images are near that look alike in what tells the classes apart.

    ``centre`` and ``factor`` (d,) are taken off and multiplied by; ``width`` is the median squared
    distance.
    """

    centre: Singles
    factor: Singles
    width: float

    def place(self, rows: Vectors) -> Singles:
        """(n, d) features in this space."""
        placed: Singles = (rows.astype(np.float32) - self.centre) * self.factor
        return placed

    def kernel(self, left: Singles, right: Singles) -> Singles:
        """(n, m) kernel of placed features, from 0 for images far apart to 1 for the same."""
        closeness: Singles = left @ right.T
        closeness -= 0.5 * np.einsum("ij,ij->i", left, left)[:, None]
        closeness -= 0.5 * np.einsum("ij,ij->i", right, right)[None]
        np.minimum(closeness, 0.0, out=closeness)
        closeness *= np.float32(2.0 * _SHARPNESS / self.width)
        np.exp(closeness, out=closeness)
        return closeness


def make_space(rows: Vectors, target: Integers, *, power: float) -> KernelSpace:
    """Learn scaling and width from images (n, d) and their classes (n,)."""
    centre = np.asarray(rows.mean(axis=0, dtype=np.float64), np.float32)
    off = rows.astype(np.float32) - centre
    deviation = off.std(axis=0)
    varies = deviation > 1e-6 * np.abs(rows).max(axis=0)
    factor: Singles = np.where(varies, 1.0 / np.where(varies, deviation, 1.0), 0.0)
    factor = factor.astype(np.float32)
    if power:
        told = np.maximum(_told_by_classes(off * factor, target), _LEAST_TOLD)
        factor *= told ** np.float32(power)
    placed = off[:_MEDIAN_OF] * factor
    square = np.einsum("ij,ij->i", placed, placed)
    distances = square[:, None] + square[None] - 2.0 * (placed @ placed.T)
    apart = distances[np.triu_indices(len(placed), 1)]
    width = float(np.median(apart)) if len(apart) else 0.0
    return KernelSpace(centre=centre, factor=factor, width=max(width, 1e-12))


def _told_by_classes(standard: Singles, target: Integers) -> Singles:
    """(d,) share of standardised features' variation that lies between the classes, less chance."""
    count, sizes = len(target), np.bincount(target)
    present = int((sizes > 0).sum())
    if count <= present:
        return np.ones(standard.shape[1], np.float32)
    indicator = np.eye(len(sizes), dtype=np.float32)[target]
    means = (indicator.T @ standard) / np.maximum(sizes, 1)[:, None]
    between = (sizes[:, None] * np.square(means)).sum(axis=0) / count
    told: Singles = (1.0 - (1.0 - between) * (count - 1) / (count - present)).astype(np.float32)
    return told


def class_weights(target: Integers) -> Singles:
    """(n,) weights of mean 1 with which every class that is present weighs the same."""
    sizes = np.bincount(target)
    weights = len(target) / (int((sizes > 0).sum()) * sizes[target])
    return np.asarray(weights, np.float32)


def class_outputs(target: Integers, classes: int) -> Singles:
    """(n, K) what is fitted: the class indicator less what guessing gives."""
    return np.asarray(np.eye(classes)[target] - 1.0 / classes, np.float32)


def penalised_factor(kernel: Singles, target: Integers, penalty: float) -> Singles:
    """(n, n) lower Cholesky factor of a kernel and its penalty; the kernel is written over."""
    from scipy.linalg import cholesky

    kernel[np.diag_indices_from(kernel)] += np.float32(penalty) / class_weights(target)
    # The library works by columns, and a kernel is its own transpose: nothing is copied.
    factor: Singles = cholesky(kernel.T, lower=True, overwrite_a=True, check_finite=False)
    return factor


def solve_ridge(kernel: Singles, target: Integers, outputs: Singles, penalty: float) -> Singles:
    """(n, K) coefficients of ``outputs`` on a kernel (n, n), which is written over."""
    from scipy.linalg import cho_solve

    factor = penalised_factor(kernel, target, penalty)
    coefficients: Singles = cho_solve((factor, True), outputs, check_finite=False)
    return coefficients


def choose_tuning(
    rows: Vectors, target: Integers, *, classes: int, rng: np.random.Generator
) -> Tuning:
    """Choose by the squared error on held-out images, every class weighing the same.

    Args:
        rows: (n, d) features of images of which none nearly repeats another.
        target: (n,) class numbers.
        classes: K.
        rng: of the sample and the folds.

    Returns:
        ``Tuning``; the usual one with too few images of the classes to hold some out.
    """
    if len(target) < _LEAST_OF_A_CLASS * len(np.unique(target)):
        return Tuning()
    if len(target) > _TUNED_ON:
        chosen = np.sort(rng.choice(len(target), _TUNED_ON, replace=False))
        rows, target = rows[chosen], target[chosen]
    fold = grouped_folds(target, np.full(len(target), -1), folds=_FOLDS, rng=rng)
    errors: dict[Tuning, float] = {}
    for number in range(_FOLDS):
        train, asked = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
        wanted, weights = class_outputs(target[asked], classes), class_weights(target[asked])
        for tuning, scores in _held_out(rows, target, train, asked, classes):
            error = float(weights @ np.square(scores - wanted).sum(axis=1))
            errors[tuning] = errors.get(tuning, 0.0) + error
    good_enough = min(errors.values()) * _AS_GOOD
    power = min(tuning.power for tuning, error in errors.items() if error <= good_enough)
    return min(
        (tuning for tuning in errors if tuning.power == power), key=lambda tuning: errors[tuning]
    )


def _held_out(
    rows: Vectors, target: Integers, train: Integers, asked: Integers, classes: int
) -> Iterator[tuple[Tuning, Singles]]:
    """Scores of the images that are asked, by every tuning."""
    outputs = class_outputs(target[train], classes)
    for power in _POWERS:
        space = make_space(rows[train], target[train], power=power)
        placed = space.place(rows[train])
        kernel, across = (
            space.kernel(placed, placed),
            space.kernel(space.place(rows[asked]), placed),
        )
        for penalty in _PENALTIES:
            solved = solve_ridge(kernel.copy(), target[train], outputs, penalty)
            yield Tuning(power=power, penalty=penalty), across @ solved
