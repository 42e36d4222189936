"""Probes of real images, synthetic ones and both, in folds of real ones, and who judges them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

import numpy as np

from synthaudit.arrays import Flags, Floats, Integers
from synthaudit.measures.detection.folds import grouped_folds
from synthaudit.measures.detection.permutation import unit_numbers
from synthaudit.measures.intervals import Estimate
from synthaudit.measures.samples import Samples
from synthaudit.measures.usefulness.learners import Learner, Lesson
from synthaudit.threads import Advance, in_threads

FOLDS: Final = 5
_RESAMPLES: Final = 200


class Probing:
    """The images of the shared classes, in folds of real ones.

    Each fold has a lesson of the synthetic images that are no near-duplicates of its test images,
    to which real ones are added; folds that may use the same images share it.
    """

    def __init__(
        self,
        learner: Learner,
        samples: Samples,
        clusters: Integers,
        rng: np.random.Generator,
        advance: Advance,
    ) -> None:
        self.learner, self.advance, self.clusters = learner, advance, clusters
        self.is_synthetic, self.real = samples.is_synthetic, samples.real
        self.target = learner.target[self.real]
        fold = grouped_folds(self.target, samples.groups[self.real], folds=FOLDS, rng=rng)
        numbers = range(FOLDS)
        self.folds = [(np.flatnonzero(fold != own), np.flatnonzero(fold == own)) for own in numbers]
        """Positions among the real images to learn from and to test on."""
        self.usable = [self._usable(test) for _, test in self.folds]

    @property
    def excluded(self) -> int:
        """Synthetic images that are near-duplicates of some real one."""
        return int(self._near(self.real).sum())

    @property
    def smallest(self) -> int:
        """Real images of the smallest class in the fold that has fewest of it to learn from."""
        classes = self.learner.classes
        return min(
            int(np.bincount(self.target[train], minlength=classes).min()) for train, _ in self.folds
        )

    @property
    def mean_count(self) -> float:
        """Real images of a class that a fold leaves to learn from, on average."""
        sizes = [len(train) for train, _ in self.folds]
        return float(np.mean(sizes)) / self.learner.classes

    @property
    def synthetic_by_class(self) -> list[Integers]:
        """Of every class the synthetic images that are near no real one."""
        usable = np.flatnonzero(self.is_synthetic & ~self._near(self.real))
        own = self.learner.target[usable]
        return [usable[own == number] for number in range(self.learner.classes)]

    def _near(self, test: Integers) -> Flags:
        """Which images are near-duplicates of those under test, by row."""
        touched = np.unique(self.clusters[test])
        near: Flags = self.is_synthetic & np.isin(self.clusters, touched[touched >= 0])
        return near

    def _usable(self, test: Integers) -> Integers:
        """The synthetic images that a probe may learn from that is tested on these real ones."""
        return np.flatnonzero(self.is_synthetic & ~self._near(self.real[test]))

    def alone(self, train: Integers, test: Integers) -> Flags:
        """Whether a probe of some real images names others rightly."""
        scores = self.learner.scores(self.real[train], self.real[test])
        return self.right(scores, test)

    def right(self, scores: Floats, test: Integers) -> Flags:
        """Which real images have the highest score for their own class."""
        # Where nothing was learnt, no class is likelier than another, and none is right.
        best = scores.argmax(axis=1)
        right: Flags = (best == self.target[test]) & (np.ptp(scores, axis=1) > 0.0)
        return right

    def full(self) -> tuple[dict[str, Floats], list[Lesson | None]]:
        """By route, whether each real image is named rightly when held out; a lesson a fold."""
        keys = [rows.tobytes() for rows in self.usable]
        distinct = {key: rows for key, rows in zip(keys, self.usable, strict=True) if len(rows)}
        work: list[tuple[int, Callable[[], Any]]] = [
            *((1, partial(self.alone, train, test)) for train, test in self.folds),
            *(
                (keys.count(key), partial(self.learner.learn, rows, self.real))
                for key, rows in distinct.items()
            ),
        ]
        done = in_threads(lambda own: own[1](), work, self.advance, steps=lambda own: own[0])
        learnt = dict(zip(distinct, done[FOLDS:], strict=True))
        lessons = [learnt.get(key) for key in keys]
        added = in_threads(
            lambda number: self.added(lessons[number], *self.folds[number]),
            range(FOLDS),
            self.advance,
        )
        found = {route: np.zeros(len(self.real)) for route in ("real", "synthetic", "both")}
        for (_, test), lesson, alone, both in zip(
            self.folds, lessons, done[:FOLDS], added, strict=True
        ):
            found["real"][test], found["both"][test] = alone, both
            if lesson is not None:
                found["synthetic"][test] = self.right(lesson.scores[test], test)
        return found, lessons

    def added(self, lesson: Lesson | None, train: Integers, test: Integers) -> Flags:
        """Whether a probe of synthetic and some real images names others rightly."""
        if lesson is None:
            return self.alone(train, test)
        return self.right(lesson.scores_with(train, test), test)


class Judge:
    """Balanced accuracy of (draws, N) judgements of the real images, NaN where not tested."""

    def __init__(
        self, probing: Probing, groups: Integers, confidence: float, rng: np.random.Generator
    ) -> None:
        self.indicator = np.eye(probing.learner.classes)[probing.target]
        self.confidence, self.rng = confidence, rng
        units = unit_numbers(np.zeros(len(groups), bool), groups)
        drawn = rng.multinomial(
            units.max() + 1, np.full(units.max() + 1, 1.0 / (units.max() + 1)), _RESAMPLES
        )
        self.weights = drawn[:, units].astype(float)

    def by_class(self, correct: Floats) -> Floats:
        """(K,) accuracies."""
        once, everyone = np.ones((1, len(correct))), np.ones((1, correct.shape[1]))
        accuracies: Floats = self._accuracies(correct, once, everyone)[0]
        return accuracies

    def estimate(self, correct: Floats, less: Floats | None = None) -> Estimate:
        """Accuracy, or what it exceeds another one of the same draws by."""
        once = np.ones((1, len(correct)))
        everyone = np.ones((1, correct.shape[1]))
        value = float(self._balanced(correct, less, once, everyone)[0])
        drawn = self.rng.integers(len(correct), size=(len(self.weights), len(correct)))
        times = (drawn[:, :, None] == np.arange(len(correct))).sum(axis=1).astype(float)
        spread = self._balanced(correct, less, times, self.weights)
        tail = (1.0 - self.confidence) / 2.0
        low, high = np.nanquantile(spread, [tail, 1.0 - tail])
        return Estimate(value=value, low=min(float(low), value), high=max(float(high), value))

    def balanced(self, correct: Floats) -> float:
        """Balanced accuracy of some draws (draws, N) together."""
        once, everyone = np.ones((1, len(correct))), np.ones((1, correct.shape[1]))
        return float(self._balanced(correct, None, once, everyone)[0])

    def resampled(self, correct: Floats) -> Floats:
        """(B,) the same for resamples of the images under test, always the same ones."""
        once = np.ones((len(self.weights), len(correct)))
        return self._balanced(correct, None, once, self.weights)

    def _balanced(
        self, correct: Floats, less: Floats | None, times: Floats, weights: Floats
    ) -> Floats:
        """(B,) for B resamples: how often each draw counts (B, draws), and each image (B, N)."""
        own = self._accuracies(correct, times, weights)
        other = 0.0 if less is None else self._accuracies(less, times, weights)
        return np.asarray(np.nanmean(own - other, axis=1))

    def _accuracies(self, correct: Floats, times: Floats, weights: Floats) -> Floats:
        """(B, K) accuracies."""
        right = (times @ np.nan_to_num(correct) * weights) @ self.indicator
        asked = (times @ ~np.isnan(correct) * weights) @ self.indicator
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(right / asked)


def judgements(
    probing: Probing, lessons: Sequence[Lesson | None], drawn: Sequence[tuple[int, Integers]]
) -> Floats:
    """(draws, N) whether the real images of a fold are named rightly, NaN for those of others."""
    judged = np.full((len(drawn), len(probing.real)), np.nan)

    def ask(draw: tuple[int, Integers]) -> Flags:
        number, few = draw
        return probing.added(lessons[number], few, probing.folds[number][1])

    answers = in_threads(ask, drawn, probing.advance)
    for row, ((number, _), right) in enumerate(zip(drawn, answers, strict=True)):
        judged[row, probing.folds[number][1]] = right
    return judged


def few_of_each(
    probing: Probing, train: Integers, images: int, rng: np.random.Generator
) -> Integers | None:
    """So many random images of each class; None where a class has too few."""
    chosen = []
    for number in range(probing.learner.classes):
        own = train[probing.target[train] == number]
        if len(own) < images:
            return None
        chosen.append(rng.choice(own, images, replace=False))
    return np.concatenate(chosen)
