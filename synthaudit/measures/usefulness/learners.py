"""Learners: they learn the classes of some images, and score those of others.

Up to ``KERNEL_IMAGES`` images by a Gaussian kernel, beyond them by a linear probe of the leading
principal axes: a kernel costs the square of their number in memory and the cube in time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from synthaudit.arrays import Floats, Integers, Singles, Vectors
from synthaudit.measures.usefulness.kernel_ridge import (
    KernelSpace,
    Tuning,
    choose_tuning,
    class_outputs,
    make_space,
    penalised_factor,
    solve_ridge,
)
from synthaudit.measures.usefulness.linear_probe import PROBE_AXES, fit_probe, one_of_each

KERNEL_IMAGES: Final = 6_000


class Lesson(Protocol):
    """What has been learnt from some images, and what others may add to it."""

    @property
    def scores(self) -> Floats:
        """(r, K) scores of the rest: higher for likelier classes, -inf for unknown ones."""

    def scores_with(self, more: Integers, asked: Integers) -> Floats:
        """(m, K) scores of some of the rest, once it has learnt from others of it too.

        Both are positions in the rest.
        """


class Learner(Protocol):
    """Images with classes, of which any may be learnt from."""

    @property
    def target(self) -> Integers:
        """(n,) class numbers."""

    @property
    def clusters(self) -> Integers:
        """(n,) near-duplicate clusters, -1 for images alone."""

    @property
    def classes(self) -> int:
        """K, how many classes there are."""

    def scores(self, train: Integers, asked: Integers) -> Floats:
        """(m, K) scores of some images by what is learnt from others, both by row.

        Higher for likelier classes, -inf for unknown ones. Every class weighs the same.
        """

    def learn(self, train: Integers, rest: Integers) -> Lesson:
        """Learn from images what may be asked of the rest, and added to by it."""


def make_learner(
    vectors: Vectors,
    axes: Callable[[], Vectors],
    target: Integers,
    *,
    classes: int,
    clusters: Integers | None = None,
) -> Learner:
    """A learner that suits the number of images.

    Args:
        vectors: (n, d) embeddings.
        axes: gives their principal axes (n, k), those of most variation last.
        target: (n,) class numbers below ``classes``.
        classes: K, at least 2.
        clusters: (n,) near-duplicate clusters, -1 for images alone; None without any.
    """
    own = np.full(len(target), -1) if clusters is None else clusters
    if len(target) <= KERNEL_IMAGES:
        return KernelLearner(rows=vectors, target=target, clusters=own, classes=classes)
    leading = axes()[:, -PROBE_AXES:]
    return LinearLearner(rows=leading, target=target, clusters=own, classes=classes)


@dataclass(frozen=True, kw_only=True)
class LinearLearner:
    """Linear probes, see ``fit_probe``."""

    rows: Vectors
    target: Integers
    clusters: Integers
    classes: int

    def scores(self, train: Integers, asked: Integers) -> Floats:
        """(m, K) scores of some images by what is learnt from others; 0 where there are none."""
        if len(train) == 0:
            return np.zeros((len(asked), self.classes))
        probe = fit_probe(
            self.rows[train],
            self.target[train],
            classes=self.classes,
            clusters=self.clusters[train],
        )
        return probe.scores(self.rows[asked])

    def learn(self, train: Integers, rest: Integers) -> LinearLesson:
        """A probe, and others of more images."""
        return LinearLesson(learner=self, train=train, rest=rest, scores=self.scores(train, rest))


@dataclass(frozen=True, kw_only=True)
class LinearLesson:
    """Scores by a probe of some images; what is added is learnt together with them."""

    learner: LinearLearner
    train: Integers
    rest: Integers
    scores: Floats

    def scores_with(self, more: Integers, asked: Integers) -> Floats:
        """(m, K) by a probe of all of them."""
        both = np.concatenate([self.train, self.rest[more]])
        return self.learner.scores(both, self.rest[asked])


@dataclass(frozen=True, kw_only=True)
class KernelLearner:
    """Kernel ridge regression, see ``kernel_ridge``."""

    rows: Vectors
    target: Integers
    clusters: Integers
    classes: int

    def scores(self, train: Integers, asked: Integers) -> Floats:
        """(m, K) scores of some images by what is learnt from others; 0 where there are none."""
        if len(train) == 0:
            return np.zeros((len(asked), self.classes))
        space, tuning = self._tuned(train)
        placed = space.place(self.rows[train])
        outputs = class_outputs(self.target[train], self.classes)
        kernel = space.kernel(placed, placed)
        solved = solve_ridge(kernel, self.target[train], outputs, tuning.penalty)
        across = space.kernel(space.place(self.rows[asked]), placed)
        return self.known(across @ solved, train)

    def learn(self, train: Integers, rest: Integers) -> KernelLesson:
        """A Gaussian process, which has a mean and a kernel of the rest when it has learnt.

        Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, equations 2.23, 2.24.
        """
        from scipy.linalg import solve_triangular

        space, tuning = self._tuned(train)
        placed, others = space.place(self.rows[train]), space.place(self.rows[rest])
        kernel = space.kernel(placed, placed)
        factor = penalised_factor(kernel, self.target[train], tuning.penalty)
        outputs = class_outputs(self.target[train], self.classes)
        both = np.concatenate([space.kernel(placed, others), outputs], axis=1)
        solved = solve_triangular(factor, both, lower=True, overwrite_b=True, check_finite=False)
        seen, wanted = solved[:, : len(rest)], solved[:, len(rest) :]
        left = space.kernel(others, others)
        left -= seen.T @ seen
        return KernelLesson(
            learner=self,
            train=train,
            rest=rest,
            mean=seen.T @ wanted,
            kernel=left,
            penalty=tuning.penalty,
        )

    def known(self, scores: Singles, train: Integers) -> Floats:
        """Scores of the classes that some images have; nothing is known of others."""
        result = scores.astype(np.float64)
        result[:, np.bincount(self.target[train], minlength=self.classes) == 0] = -np.inf
        return result

    def _tuned(self, train: Integers) -> tuple[KernelSpace, Tuning]:
        """Tuned on one image of each cluster, or twins would vouch for each other."""
        distinct = train[one_of_each(self.clusters[train])]
        tuning = choose_tuning(
            self.rows[distinct],
            self.target[distinct],
            classes=self.classes,
            rng=np.random.default_rng(0),
        )
        return make_space(self.rows[train], self.target[train], power=tuning.power), tuning


@dataclass(frozen=True, kw_only=True)
class KernelLesson:
    """What is known of the rest: ``mean`` (r, K), and the ``kernel`` (r, r) that is left.

    What is added corrects the mean; features stay scaled as the first images had it.
    """

    learner: KernelLearner
    train: Integers
    rest: Integers
    mean: Singles
    kernel: Singles
    penalty: float

    @property
    def scores(self) -> Floats:
        """(r, K) scores of the rest."""
        return self.learner.known(self.mean, self.train)

    def scores_with(self, more: Integers, asked: Integers) -> Floats:
        """(m, K) scores of some of the rest, once it has learnt from others of it too."""
        if len(more) == 0:
            return self.scores[asked]
        own, rows = self.learner, self.rest[more]
        missing = class_outputs(own.target[rows], own.classes) - self.mean[more]
        kernel = self.kernel[np.ix_(more, more)]
        solved = solve_ridge(kernel, own.target[rows], missing, self.penalty)
        scores = self.mean[asked] + self.kernel[np.ix_(asked, more)] @ solved
        return own.known(scores, np.concatenate([self.train, rows]))
