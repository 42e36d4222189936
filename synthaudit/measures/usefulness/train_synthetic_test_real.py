"""What the synthetic images are worth as training data: linear probes tested on real images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np

from synthaudit.arrays import Flags, Floats, Integers, Vectors
from synthaudit.measures.detection.folds import grouped_folds
from synthaudit.measures.detection.permutation import unit_numbers
from synthaudit.measures.intervals import Estimate
from synthaudit.measures.randomness import stream
from synthaudit.measures.samples import Samples
from synthaudit.measures.usefulness.learners import Learner, Lesson, make_learner
from synthaudit.measures.usefulness.shared_classes import real_classes
from synthaudit.threads import Advance, ignore, in_threads

_FOLDS: Final = 5
SHOTS: Final = (1, 2, 4, 8, 16)
"""Real images a class of the few-shot curves."""

_DRAWS: Final = 10
_RESAMPLES: Final = 200
_ROUTES: Final = 3


@dataclass(frozen=True, kw_only=True)
class FewShot:
    """With so many real images a class: accuracy of the probe without and with synthetic ones."""

    images: int
    real: Estimate
    both: Estimate
    gain: Estimate


@dataclass(frozen=True, kw_only=True)
class TrainSyntheticTestReal:
    """Balanced accuracies (mean over the classes, in [0, 1], higher is better) on real images.

    Attributes:
        real: of a probe trained on real images.
        synthetic: of one trained on synthetic images only.
        both: of one trained on both.
        gain: ``both`` less ``real``, paired: above 0 the synthetic images help.
        gap: ``synthetic`` less ``real``, paired: 0 when they can replace the real ones.
        classes: by class, the three accuracies and the gain.
        few_shot: the same with few real images, as many kinds of few as the data allow.
        chance: accuracy of guessing, one over the number of classes.
        excluded: synthetic images that some probe may not learn from, being near-duplicates of
            images that it is tested on.
    """

    real: Estimate
    synthetic: Estimate
    both: Estimate
    gain: Estimate
    gap: Estimate
    classes: Mapping[str, Mapping[str, float]]
    few_shot: Sequence[FewShot]
    chance: float
    excluded: int


def train_synthetic_test_real(
    samples: Samples,
    clusters: Integers,
    axes: Callable[[], Vectors],
    *,
    confidence: float = 0.95,
    seed: int = 0,
    shots: Sequence[int] = SHOTS,
    advance: Advance = ignore,
) -> TrainSyntheticTestReal | None:
    """Train probes on real images, synthetic ones, and both; test each on held-out real images.

    Five folds that keep near-duplicates together; synthetic near-duplicates of the images under
    test leave the training set. Intervals draw clusters of test images anew, and the few images
    of the few-shot curves; training sets are otherwise as they are.

    Args:
        samples: the images.
        clusters: (n,) near-duplicate clusters, -1 for images alone.
        axes: gives the principal axes of the vectors, which the probes of many images see.
        confidence: of the intervals.
        seed: of folds, draws and intervals.
        shots: real images a class of the few-shot curves, ascending.
        advance: told of probes that are trained, see ``probes``.

    Returns:
        ``TrainSyntheticTestReal``, over all classes of at least five real images: those that the
        synthetic side lacks are missed by who learns from it alone. None where it has fewer than
        two of them.
    """
    shared = real_classes(samples)
    if shared is None:
        return None
    known, names = shared.known, shared.names
    rng = stream(seed, "training value")
    learner = make_learner(
        samples.vectors[known],
        lambda: axes()[known],
        shared.target[known],
        classes=len(names),
        clusters=clusters[known],
    )
    probing = _Probing(learner, samples.take(known), clusters[known], rng, advance)
    routes, lessons = probing.full()
    judge = _Judge(probing, samples.groups[known & ~samples.is_synthetic], confidence, rng)
    by_class = {route: judge.by_class(correct[None]) for route, correct in routes.items()}
    return TrainSyntheticTestReal(
        **{route: judge.estimate(correct[None]) for route, correct in routes.items()},
        gain=judge.estimate(routes["both"][None], routes["real"][None]),
        gap=judge.estimate(routes["synthetic"][None], routes["real"][None]),
        classes={
            name: {
                **{route: float(values[number]) for route, values in by_class.items()},
                "gain": float(by_class["both"][number] - by_class["real"][number]),
            }
            for number, name in enumerate(names)
        },
        few_shot=_few_shot(probing, lessons, judge, rng, shots),
        chance=1.0 / len(names),
        excluded=probing.excluded,
    )


def probes(shots: Sequence[int]) -> int:
    """How many probes are trained at most."""
    return _ROUTES * _FOLDS + 2 * _DRAWS * len(shots)


class _Probing:
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
        fold = grouped_folds(self.target, samples.groups[self.real], folds=_FOLDS, rng=rng)
        numbers = range(_FOLDS)
        self.folds = [(np.flatnonzero(fold != own), np.flatnonzero(fold == own)) for own in numbers]
        """Positions among the real images to learn from and to test on."""
        self.usable = [self._usable(test) for _, test in self.folds]

    @property
    def excluded(self) -> int:
        return int(self._near(self.real).sum())

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
        learnt = dict(zip(distinct, done[_FOLDS:], strict=True))
        lessons = [learnt.get(key) for key in keys]
        added = in_threads(
            lambda number: self.added(lessons[number], *self.folds[number]),
            range(_FOLDS),
            self.advance,
        )
        found = {route: np.zeros(len(self.real)) for route in ("real", "synthetic", "both")}
        for (_, test), lesson, alone, both in zip(
            self.folds, lessons, done[:_FOLDS], added, strict=True
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


class _Judge:
    """Balanced accuracy of (draws, N) judgements of the real images, NaN where not tested."""

    def __init__(
        self, probing: _Probing, groups: Integers, confidence: float, rng: np.random.Generator
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


def _few_shot(
    probing: _Probing,
    lessons: Sequence[Lesson | None],
    judge: _Judge,
    rng: np.random.Generator,
    shots: Sequence[int],
) -> list[FewShot]:
    found = []
    for images in shots:
        drawn = [
            (number, _few_of_each(probing, probing.folds[number][0], images, rng))
            for number in list(range(_FOLDS)) * (_DRAWS // _FOLDS)
        ]
        if any(few is None for _, few in drawn):
            break
        real, both = (
            _judgements(probing, by, [(number, few) for number, few in drawn if few is not None])
            for by in ([None] * _FOLDS, lessons)
        )
        found.append(
            FewShot(
                images=images,
                real=judge.estimate(real),
                both=judge.estimate(both),
                gain=judge.estimate(both, real),
            )
        )
    return found


def _judgements(
    probing: _Probing, lessons: Sequence[Lesson | None], drawn: Sequence[tuple[int, Integers]]
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


def _few_of_each(
    probing: _Probing, train: Integers, images: int, rng: np.random.Generator
) -> Integers | None:
    """So many random images of each class; None where a class has too few."""
    chosen = []
    for number in range(probing.learner.classes):
        own = train[probing.target[train] == number]
        if len(own) < images:
            return None
        chosen.append(rng.choice(own, images, replace=False))
    return np.concatenate(chosen)
