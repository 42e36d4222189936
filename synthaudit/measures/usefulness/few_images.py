"""Probes of few images: what synthetic ones add to few real ones, and the learning curves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from synthaudit.arrays import Floats, Integers
from synthaudit.measures.intervals import Estimate
from synthaudit.measures.randomness import stream
from synthaudit.measures.samples import Samples
from synthaudit.measures.usefulness.learners import Lesson
from synthaudit.measures.usefulness.learning_curve import (
    NEIGHBOURS,
    CurveDraws,
    CurveFit,
    CurvePoint,
    LearningCurve,
    Worth,
    fit_power_law,
    monotone,
    training_variance,
    worth_in_images,
)
from synthaudit.measures.usefulness.probing import FOLDS, Judge, Probing, few_of_each, judgements
from synthaudit.measures.usefulness.shared_classes import real_classes
from synthaudit.threads import in_threads

SHOTS: Final = (1, 2, 4, 8, 16)
"""Real images a class of the few-shot curve; learning curves go on doubling from the last."""

_DRAWS: Final = 10
_ROUTES: Final = 3
_SYNTHETIC_DRAWS: Final = 4
_SYNTHETIC_STEP: Final = 4


@dataclass(frozen=True, kw_only=True)
class FewShot:
    """With so many real images a class: accuracy of the probe without and with synthetic ones."""

    images: int
    real: Estimate
    both: Estimate
    gain: Estimate


@dataclass(frozen=True, kw_only=True)
class FewImages:
    """The few-shot curve, the learning curves, and what the synthetic images are worth.

    ``worth`` is in real images of all classes together.
    """

    shots: Sequence[FewShot]
    curve: LearningCurve
    worth: Worth


def counts_of_images(shots: Sequence[int], smallest: int) -> list[int]:
    """Images a class that are tried: ``shots``, and their doubles below what the smallest has.

    >>> counts_of_images((1, 2, 4), 30)
    [1, 2, 4, 8, 16]
    """
    counts = [images for images in shots if images <= smallest]
    while counts and len(counts) >= len(shots) and 2 * counts[-1] < smallest:
        counts.append(2 * counts[-1])
    return counts


def probes(shots: Sequence[int], samples: Samples) -> int:
    """About how many probes are trained on some samples."""
    found = real_classes(samples)
    if found is None:
        return 0
    numbers = range(len(found.names))
    real, synthetic = (
        np.bincount(found.target[rows][found.known[rows]], minlength=len(numbers))
        for rows in (samples.real, samples.synthetic)
    )
    counts = counts_of_images(shots, int(real.min()) * (FOLDS - 1) // FOLDS)
    ladder = list(_ladder(int(synthetic[synthetic > 0].min()))) if counts else []
    return _ROUTES * FOLDS + 2 * _DRAWS * len(counts) + _SYNTHETIC_DRAWS * len(ladder)


def probe_few_images(
    probing: Probing,
    routes: Mapping[str, Floats],
    lessons: Sequence[Lesson | None],
    judge: Judge,
    *,
    shots: Sequence[int],
) -> FewImages | None:
    """Draw few images of each class again and again, and let probes learn from them.

    Args:
        probing: the images and their folds.
        routes: (N,) whether each real image is named rightly by who learnt from all images.
        lessons: of the synthetic images, a fold each.
        judge: of judgements.
        shots: real images a class of the few-shot curve, ascending.

    Returns:
        ``FewImages``; None without shots, or where classes have fewer images than the first.
    """
    smallest = probing.smallest
    counts = counts_of_images(shots, smallest)
    if not counts:
        return None
    drawn = [_judged(probing, lessons, images, judge.rng) for images in counts]
    few = [
        FewShot(
            images=images,
            real=judge.estimate(real),
            both=judge.estimate(both),
            gain=judge.estimate(both, real),
        )
        for images, (real, both) in zip(counts, drawn, strict=True)
    ]
    curve = _gather(judge, probing, [real for real, _ in drawn], routes["real"], counts)
    worth = worth_in_images(
        curve,
        judge.balanced(routes["synthetic"][None]),
        judge.resampled(routes["synthetic"][None]),
        confidence=judge.confidence,
        rng=stream(0, "worth in real images"),
    )
    synthetic = _synthetic_curve(probing, judge, routes["synthetic"])
    fit = _fit(synthetic)
    whole = {name: judge.estimate(routes[name][None]) for name in ("real", "both")}
    points = {
        name: [
            *(CurvePoint(images=own.images, accuracy=getattr(own, name)) for own in few),
            CurvePoint(images=probing.mean_count, accuracy=accuracy),
        ]
        for name, accuracy in whole.items()
    }
    return FewImages(
        shots=[own for own in few if own.images in shots],
        curve=LearningCurve(
            real=points["real"],
            synthetic=synthetic,
            both=points["both"],
            real_fit=fit_power_law(curve.images, curve.accuracy),
            synthetic_fit=fit,
            twice=_twice(synthetic, fit),
        ),
        worth=_times(worth, len(np.unique(probing.target))),
    )


def _judged(
    probing: Probing, lessons: Sequence[Lesson | None], images: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """(draws, N) judgements of probes of few real images, without and with synthetic ones."""
    chosen = []
    for number in list(range(FOLDS)) * (_DRAWS // FOLDS):
        few = few_of_each(probing, probing.folds[number][0], images, rng)
        assert few is not None  # the smallest class of every fold has as many
        chosen.append((number, few))
    real, both = (judgements(probing, by, chosen) for by in ([None] * FOLDS, lessons))
    return real, both


def _gather(
    judge: Judge, probing: Probing, drawn: Sequence[Floats], full: Floats, counts: Sequence[int]
) -> CurveDraws:
    """The curve of real images, whose last point is all of them."""
    target, whole = probing.target, probing.mean_count
    images = np.array([*counts, whole], np.float64)
    points = [*drawn, full[None]]
    between = np.array([*(_between_sets(target, own) for own in drawn), 0.0])
    pairs = np.array([FOLDS] * len(drawn) + [0], np.float64)
    return CurveDraws(
        images=images,
        accuracy=np.array([float(judge.balanced(own)) for own in points]),
        resampled=np.stack([judge.resampled(own) for own in points], axis=1),
        draws=np.array([float(_DRAWS)] * len(drawn) + [1.0]),
        training_variance=training_variance(between, pairs, images, whole),
        freedom=float(min(len(drawn), NEIGHBOURS) * FOLDS),
        pool=whole,
    )


def _between_sets(target: Integers, drawn: Floats) -> float:
    """Variance of accuracy between the sets of images of some draws (draws, N).

    Two draws of a fold are judged on the same images. Half the square of what they differ by is
    that variance, and what a sample of as many images differs by where probes disagree.
    """
    found = []
    for number in range(FOLDS):
        first, second = drawn[number], drawn[number + FOLDS]
        judged = np.flatnonzero(~np.isnan(first))
        classes = target[judged]
        sizes = np.bincount(classes)
        weight = 1.0 / ((sizes > 0).sum() * sizes[classes])
        differs = first[judged] - second[judged]
        total = float(weight @ differs)
        chance = float(np.square(weight) @ np.square(differs - total))
        found.append((total**2 - chance) / 2.0)
    return max(float(np.mean(found)), 0.0)


def _ladder(smallest: int) -> Iterator[int]:
    """1, 4, 16, ... below the number of images of the smallest class."""
    images = 1
    while images < smallest:
        yield images
        images *= _SYNTHETIC_STEP


def _synthetic_curve(probing: Probing, judge: Judge, full: Floats) -> list[CurvePoint]:
    """Of synthetic images that are near no real one, judged on all real ones."""
    present = [rows for rows in probing.synthetic_by_class if len(rows)]
    sizes = [len(rows) for rows in present]
    if not sizes:
        return []
    points = []
    for images in _ladder(min(sizes)):
        chosen = [
            np.concatenate([judge.rng.choice(rows, images, replace=False) for rows in present])
            for _ in range(_SYNTHETIC_DRAWS)
        ]

        def ask(rows: Integers) -> Floats:
            scores = probing.learner.scores(rows, probing.real)
            everyone = np.arange(len(probing.real))
            return np.asarray(probing.right(scores, everyone), np.float64)

        judged = np.stack(in_threads(ask, chosen, probing.advance))
        points.append(CurvePoint(images=images, accuracy=judge.estimate(judged)))
    whole = CurvePoint(images=float(np.mean(sizes)), accuracy=judge.estimate(full[None]))
    return [*points, whole]


def _fit(points: Sequence[CurvePoint]) -> CurveFit | None:
    return fit_power_law(
        np.array([own.images for own in points], np.float64),
        monotone(np.array([own.accuracy.value for own in points])) if points else np.empty(0),
    )


def _twice(points: Sequence[CurvePoint], fit: CurveFit | None) -> float | None:
    """From the last point on by the shape of the power law."""
    if fit is None:
        return None
    last = points[-1]
    more = fit.accuracy(2.0 * last.images) - fit.accuracy(last.images)
    return min(last.accuracy.value + more, 1.0)


def _times(worth: Worth, classes: int) -> Worth:
    return Worth(
        value=None if worth.value is None else worth.value * classes,
        low=worth.low * classes,
        high=None if worth.high is None else worth.high * classes,
    )
