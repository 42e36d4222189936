"""What the synthetic images are worth as training data: linear probes tested on real images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from synthaudit.arrays import Integers, Vectors
from synthaudit.measures.intervals import Estimate
from synthaudit.measures.randomness import stream
from synthaudit.measures.samples import Samples
from synthaudit.measures.usefulness.few_images import SHOTS, FewShot, probe_few_images
from synthaudit.measures.usefulness.learners import make_learner
from synthaudit.measures.usefulness.learning_curve import LearningCurve, Worth
from synthaudit.measures.usefulness.probing import Judge, Probing
from synthaudit.measures.usefulness.shared_classes import real_classes
from synthaudit.threads import Advance, ignore


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
        curve: accuracy by the number of images; None without a few-shot curve.
        worth_real_images: how many real images teach as much as all synthetic ones alone; None
            without a curve.
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
    curve: LearningCurve | None
    worth_real_images: Worth | None
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
        advance: told of probes that are trained, see ``probes`` of ``few_images``.

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
    probing = Probing(learner, samples.take(known), clusters[known], rng, advance)
    routes, lessons = probing.full()
    judge = Judge(probing, samples.groups[known & ~samples.is_synthetic], confidence, rng)
    by_class = {route: judge.by_class(correct[None]) for route, correct in routes.items()}
    few = probe_few_images(probing, routes, lessons, judge, shots=shots)
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
        few_shot=[] if few is None else few.shots,
        curve=None if few is None else few.curve,
        worth_real_images=None if few is None else few.worth,
        chance=1.0 / len(names),
        excluded=probing.excluded,
    )
