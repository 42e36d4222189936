"""What the synthetic images are worth as training data: linear probes tested on real images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from synthaudit.arrays import Flags, Floats, Integers, Vectors
from synthaudit.measures.detection.folds import grouped_folds
from synthaudit.measures.detection.permutation import unit_numbers
from synthaudit.measures.intervals import Estimate
from synthaudit.measures.randomness import stream
from synthaudit.measures.samples import Samples
from synthaudit.measures.usefulness.linear_probe import PROBE_AXES, fit_probe
from synthaudit.measures.usefulness.shared_classes import shared_classes
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
        samples: the images, by standardised features, axes of most variation last.
        clusters: (n,) near-duplicate clusters, -1 for images alone.
        confidence: of the intervals.
        seed: of folds, draws and intervals.
        shots: real images a class of the few-shot curves, ascending.
        advance: told of probes that are trained, see ``probes``.

    Returns:
        ``TrainSyntheticTestReal``; None with fewer than two classes that both sides have and that
        have at least five real images.
    """
    shared = shared_classes(samples)
    if shared is None:
        return None
    known, names = shared.known, shared.names
    probing = _Probing(
        rows=samples.vectors[known, -PROBE_AXES:],
        target=shared.target[known],
        is_synthetic=samples.is_synthetic[known],
        groups=samples.groups[known],
        clusters=clusters[known],
        classes=len(names),
        advance=advance,
    )
    rng = stream(seed, "training value")
    routes = probing.full(rng)
    judge = _Judge(probing, confidence, rng)
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
        few_shot=_few_shot(probing, judge, rng, shots),
        chance=1.0 / len(names),
        excluded=probing.excluded,
    )


def probes(shots: Sequence[int]) -> int:
    """How many probes are trained; fewer where a class has too few images for the last shots."""
    return _ROUTES * _FOLDS + 2 * _DRAWS * len(shots)


@dataclass(frozen=True, kw_only=True)
class _Probing:
    """The images of the shared classes."""

    rows: Vectors
    target: Integers
    is_synthetic: Flags
    groups: Integers
    clusters: Integers
    classes: int
    advance: Advance

    @property
    def real(self) -> Integers:
        return np.flatnonzero(~self.is_synthetic)

    @property
    def excluded(self) -> int:
        return int(self._near(self.real).sum())

    def _near(self, test: Integers) -> Flags:
        """Which images are near-duplicates of those under test."""
        touched = np.unique(self.clusters[test])
        near: Flags = self.is_synthetic & np.isin(self.clusters, touched[touched >= 0])
        return near

    def usable(self, test: Integers) -> Integers:
        """The synthetic images that a probe tested on these may learn from."""
        return np.flatnonzero(self.is_synthetic & ~self._near(test))

    def folds(self, rng: np.random.Generator) -> list[tuple[Integers, Integers]]:
        """Pairs of real training and test rows."""
        real = self.real
        fold = grouped_folds(self.target[real], self.groups[real], folds=_FOLDS, rng=rng)
        return [(real[fold != number], real[fold == number]) for number in range(_FOLDS)]

    def correct(self, train: Integers, test: Integers) -> Flags:
        """Whether a probe trained on some rows names the others rightly."""
        if len(train) == 0:
            return np.zeros(len(test), bool)
        probe = fit_probe(
            self.rows[train],
            self.target[train],
            classes=self.classes,
            clusters=self.clusters[train],
        )
        right: Flags = probe.classify(self.rows[test]) == self.target[test]
        return right

    def full(self, rng: np.random.Generator) -> dict[str, Floats]:
        """By route, whether each real image is named rightly when held out."""
        found = {route: np.zeros(len(self.target)) for route in ("real", "synthetic", "both")}
        lessons = []
        for train, test in self.folds(rng):
            fakes = self.usable(test)
            lessons += [("real", train, test), ("synthetic", fakes, test)]
            lessons += [("both", np.concatenate([train, fakes]), test)]
        answers = in_threads(lambda lesson: self.correct(*lesson[1:]), lessons, self.advance)
        for (route, _, test), right in zip(lessons, answers, strict=True):
            found[route][test] = right
        return {route: correct[self.real] for route, correct in found.items()}


class _Judge:
    """Balanced accuracy of (draws, N) judgements of the real images, NaN where not tested."""

    def __init__(self, probing: _Probing, confidence: float, rng: np.random.Generator) -> None:
        real = probing.real
        self.indicator = np.eye(probing.classes)[probing.target[real]]
        self.confidence, self.rng = confidence, rng
        units = unit_numbers(np.zeros(len(real), bool), probing.groups[real])
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
    probing: _Probing, judge: _Judge, rng: np.random.Generator, shots: Sequence[int]
) -> list[FewShot]:
    position = np.full(len(probing.target), -1)
    position[probing.real] = np.arange(len(probing.real))
    folds = [pair for _ in range(_DRAWS // _FOLDS) for pair in probing.folds(rng)]
    found = []
    for images in shots:
        judged = {route: np.full((_DRAWS, len(probing.real)), np.nan) for route in ("real", "both")}
        lessons = []
        for draw, (train, test) in enumerate(folds):
            few = _few_of_each(probing, train, images, rng)
            if few is not None:
                both = np.concatenate([few, probing.usable(test)])
                lessons += [("real", draw, few, test), ("both", draw, both, test)]
        if len(lessons) < _DRAWS:
            break
        answers = in_threads(lambda lesson: probing.correct(*lesson[2:]), lessons, probing.advance)
        for (route, draw, _, test), right in zip(lessons, answers, strict=True):
            judged[route][draw, position[test]] = right
        real, both = judged["real"], judged["both"]
        found.append(
            FewShot(
                images=images,
                real=judge.estimate(real),
                both=judge.estimate(both),
                gain=judge.estimate(both, real),
            )
        )
    return found


def _few_of_each(
    probing: _Probing, train: Integers, images: int, rng: np.random.Generator
) -> Integers | None:
    """So many random rows of each class; None where a class has too few."""
    chosen = []
    for number in range(probing.classes):
        rows = train[probing.target[train] == number]
        if len(rows) < images:
            return None
        chosen.append(rng.choice(rows, images, replace=False))
    return np.concatenate(chosen)
