"""Many L2-regularised logistic regressions on the same rows, solved side by side.

Cross-validation, the choice of C and (later) permutations fit hundreds of models that differ only
in labels and in which rows they may see. Solved together, each step is one matrix product for all
of them. scikit-learn's ``LogisticRegression`` is the oracle in the tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from synthaudit.arrays import Floats
from synthaudit.measures.detection.design import Design

_NEWTON_STEPS: Final = 60
_HALVINGS: Final = 30


@dataclass(frozen=True, kw_only=True)
class Coefficients:
    """K linear models: ``slope`` (d, K) and ``intercept`` (K,)."""

    slope: Floats
    intercept: Floats

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
    tolerance: float = 1e-6,
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
    if start is not None:
        theta[:-1], theta[-1] = start.slope, start.intercept
    active = np.arange(labels.shape[1])
    limit = tolerance * np.maximum(weights.sum(axis=0), 1e-12)
    for _ in range(_NEWTON_STEPS):
        part = problem.columns(active)
        objective, gradient, curvature = part.expand(theta[:, active])
        unfinished = np.abs(gradient).max(axis=0) > limit[active]
        if not unfinished.any():
            break
        if not unfinished.all():
            active = active[unfinished]
            part, curvature = problem.columns(active), curvature[:, unfinished]
            objective, gradient = objective[unfinished], gradient[:, unfinished]
        step = part.newton_step(gradient, curvature)
        theta[:, active] = part.search(theta[:, active], step, objective, gradient)
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

    def columns(self, index: np.typing.NDArray[np.int64]) -> _Problem:
        if len(index) == self.labels.shape[1]:
            return self
        return _Problem(
            self.rows, self.labels[:, index], self.weights[:, index], self.inverse_penalty
        )

    def log_odds(self, theta: Floats) -> Floats:
        odds: Floats = self.rows.times(theta[:-1]) + theta[-1]
        return odds

    def pull(self, values: Floats) -> Floats:
        return np.vstack([self.rows.transposed_times(values), values.sum(axis=0)])

    def objective(self, theta: Floats, log_odds: Floats) -> Floats:
        loss = np.logaddexp(0.0, log_odds) - self.labels * log_odds
        # In float64: the sum of a million float32 losses does not see what a last step gains.
        fit_loss: Floats = np.einsum("ij,ij->j", self.weights, loss, dtype=np.float64)
        penalty: Floats = 0.5 * (self.penalty * theta * theta).sum(axis=0, dtype=np.float64)
        return fit_loss + penalty

    def expand(self, theta: Floats) -> tuple[Floats, Floats, Floats]:
        """Objective (K,), gradient (d + 1, K) and the rows' curvatures (n, K)."""
        log_odds = self.log_odds(theta)
        probability = sigmoid(log_odds)
        gradient = self.pull(self.weights * (probability - self.labels)) + self.penalty * theta
        curvature = self.weights * probability * (1.0 - probability)
        return self.objective(theta, log_odds), gradient, curvature

    def newton_step(self, gradient: Floats, curvature: Floats) -> Floats:
        """Solve Hessian x step = -gradient by preconditioned conjugate gradients."""
        diagonal = self.rows.squares_times(curvature)
        scale = np.vstack([diagonal, curvature.sum(axis=0)]) + self.penalty
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

    def search(self, theta: Floats, step: Floats, objective: Floats, gradient: Floats) -> Floats:
        """Halve the step of each model until its objective falls enough."""
        length = np.ones(theta.shape[1], theta.dtype)
        slope = np.einsum("ij,ij->j", gradient, step)
        at, along = self.log_odds(theta), self.log_odds(step)
        rounding = 8 * np.finfo(theta.dtype).eps * np.abs(objective)
        for _ in range(_HALVINGS):
            moved = self.objective(theta + length * step, at + length * along)
            long = moved > objective + 1e-4 * length * slope + rounding
            if not long.any():
                break
            length = np.where(long, 0.5 * length, length)
        return theta + length * step


def sigmoid(log_odds: Floats) -> Floats:
    """Probability from log-odds, without overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * log_odds))
