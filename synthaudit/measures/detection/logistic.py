"""Many L2-regularised logistic regressions on the same rows, solved side by side.

Cross-validation, the choice of C and (later) permutations fit hundreds of models that differ only
in labels and in which rows they may see. Solved together, each step is one matrix product for all
of them. scikit-learn's ``LogisticRegression`` is the oracle in the tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from synthaudit.arrays import Flags, Floats, Integers
from synthaudit.measures.detection.design import Design

_NEWTON_STEPS: Final = 60
_HALVINGS: Final = 30


@dataclass(frozen=True, kw_only=True)
class Coefficients:
    """K linear models: ``slope`` (d, K) and ``intercept`` (K,)."""

    slope: Floats
    intercept: Floats

    def take(self, columns: Integers) -> Coefficients:
        """Some of the models."""
        return Coefficients(slope=self.slope[:, columns], intercept=self.intercept[columns])

    def log_odds(self, rows: Design) -> Floats:
        """Log-odds of the positive side: (n, d) to (n, K)."""
        odds: Floats = rows.times(self.slope) + self.intercept
        return odds


def fit(
    rows: Design,
    labels: Floats,
    weights: Floats,
    *,
    inverse_penalty: float,
    start: Coefficients | None = None,
    tolerance: float = 1e-7,
) -> Coefficients:
    """Minimise, for each column k, sum_i w_ik loss(y_ik, x_i) + |slope_k|^2 / (2 C).

    Newton's method with conjugate gradients for the step (Lin, Weng and Keerthi, JMLR 2008),
    preconditioned by the Hessian's diagonal, which is close to the whole of it when the columns of
    ``rows`` are principal axes.

    Args:
        rows: (n, d) features.
        labels: (n, K) in {0, 1}.
        weights: (n, K) non-negative; 0 leaves a row out of a model.
        inverse_penalty: C, as in scikit-learn. The intercept is not penalised.
        start: coefficients to start from.
        tolerance: largest gradient entry, relative to the total weight of a model, to stop at.

    Returns:
        ``Coefficients`` of the K models.
    """
    problem = _Problem(rows, labels, weights, inverse_penalty)
    theta = np.zeros((problem.width, labels.shape[1]), rows.dtype)
    log_odds = np.zeros(labels.shape, rows.dtype)
    if start is not None:
        theta[:-1], theta[-1] = start.slope, start.intercept
        log_odds = problem.log_odds(theta)
    active = np.arange(labels.shape[1])
    limit = tolerance * np.maximum(weights.sum(axis=0), 1e-12)
    for _ in range(_NEWTON_STEPS):
        gradient, curvature = problem.expand(theta[:, active], log_odds)
        unfinished = np.abs(gradient).max(axis=0) > limit[active]
        if not unfinished.any():
            break
        if not unfinished.all():
            active, problem = active[unfinished], problem.columns(unfinished)
            log_odds, curvature = log_odds[:, unfinished], curvature[:, unfinished]
            gradient = gradient[:, unfinished]
        step = problem.newton_step(gradient, curvature)
        theta[:, active], log_odds = problem.search(theta[:, active], step, log_odds, gradient)
    return Coefficients(slope=theta[:-1], intercept=theta[-1])


class _Problem:
    """The objective of some columns, with the intercept as a last unpenalised coordinate."""

    def __init__(
        self, rows: Design, labels: Floats, weights: Floats, inverse_penalty: float
    ) -> None:
        self.rows, self.labels, self.weights = rows, labels, weights
        self.inverse_penalty = inverse_penalty
        self.width = rows.shape[1] + 1
        # Without a penalty the intercept of one-sided data would run away to infinity.
        self.penalty = np.full((self.width, 1), 1.0 / inverse_penalty, rows.dtype)
        self.penalty[-1] = 1e-9

    def columns(self, chosen: Flags) -> _Problem:
        return _Problem(
            self.rows, self.labels[:, chosen], self.weights[:, chosen], self.inverse_penalty
        )

    def log_odds(self, theta: Floats) -> Floats:
        odds: Floats = self.rows.times(theta[:-1])
        odds += theta[-1]
        return odds

    def pull(self, values: Floats) -> Floats:
        return np.vstack([self.rows.transposed_times(values), values.sum(axis=0)])

    def objective(self, theta: Floats, log_odds: Floats) -> Floats:
        loss = log_loss(log_odds, self.labels)
        # In float64: the sum of a million float32 losses does not see what a last step gains.
        fit_loss: Floats = np.einsum("ij,ij->j", self.weights, loss, dtype=np.float64)
        penalty: Floats = 0.5 * (self.penalty * theta * theta).sum(axis=0, dtype=np.float64)
        return fit_loss + penalty

    def expand(self, theta: Floats, log_odds: Floats) -> tuple[Floats, Floats]:
        """Gradient (d + 1, K) and the rows' curvatures (n, K)."""
        probability = sigmoid(log_odds)
        gradient = self.pull(self.weights * (probability - self.labels)) + self.penalty * theta
        return gradient, self.weights * probability * (1.0 - probability)

    def newton_step(self, gradient: Floats, curvature: Floats) -> Floats:
        """Solve Hessian x step = -gradient by preconditioned conjugate gradients."""
        # The Hessian's diagonal, as if no axis knew of the curvatures: exact enough to precondition
        # with, and no product of the size of the others.
        total = curvature.sum(axis=0)
        scale = np.vstack([self.rows.mean_squares[:, None] * total, total]) + self.penalty
        step, residual = np.zeros_like(gradient), -gradient
        direction = residual / scale
        power = np.einsum("ij,ij->j", residual, direction)
        # Looser far from the optimum, tighter near it: superlinear at the cost of few products.
        goal = power * np.clip(power / self.weights.sum(axis=0), 1e-8, 1e-2)
        for _ in range(4 * self.width):
            running = power > goal
            if not running.any():
                break
            image = self.pull(curvature * self.log_odds(direction)) + self.penalty * direction
            bend = np.einsum("ij,ij->j", direction, image)
            length = np.where(running, power / np.maximum(bend, 1e-30), 0.0)
            step += length * direction
            residual -= length * image
            conditioned = residual / scale
            renewed = np.einsum("ij,ij->j", residual, conditioned)
            direction = (
                conditioned + np.where(running, renewed / np.maximum(power, 1e-30), 0.0) * direction
            )
            power = np.where(running, renewed, 0.0)
        return step

    def search(
        self, theta: Floats, step: Floats, at: Floats, gradient: Floats
    ) -> tuple[Floats, Floats]:
        """Halve the step of each model until its objective falls enough.

        Returns:
            The new coefficients and their log-odds.
        """
        length = np.ones(theta.shape[1], theta.dtype)
        slope = np.einsum("ij,ij->j", gradient, step)
        along, objective = self.log_odds(step), self.objective(theta, at)
        rounding = 8 * np.finfo(theta.dtype).eps * np.abs(objective)
        for _ in range(_HALVINGS):
            moved = self.objective(theta + length * step, at + length * along)
            long = moved > objective + 1e-4 * length * slope + rounding
            if not long.any():
                break
            length = np.where(long, 0.5 * length, length)
        return theta + length * step, at + length * along


def sigmoid(log_odds: Floats) -> Floats:
    """Probability from log-odds, without overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * log_odds))


def log_loss(log_odds: Floats, labels: Floats) -> Floats:
    """Loss of log-odds (n, K) where labels (n, K) in {0, 1} are the truth, without overflow.

    >>> log_loss(np.array([[-1000.0, 0.0]]), np.array([[1.0, 1.0]])).round(3).tolist()
    [[1000.0, 0.693]]
    """
    # Not by logaddexp, which takes as long as the matrix products do.
    loss = np.abs(log_odds)
    np.negative(loss, out=loss)
    np.exp(loss, out=loss)
    np.log1p(loss, out=loss)
    loss += np.maximum(log_odds, 0.0)
    loss -= labels * log_odds
    return loss
