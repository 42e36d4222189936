"""Does an image show the class it was made for? Judges that have not seen its label say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

import numpy as np

from synthaudit.arrays import Flags, Floats, Integers
from synthaudit.measures.detection.folds import grouped_folds
from synthaudit.measures.intervals import wilson
from synthaudit.measures.randomness import stream
from synthaudit.measures.usefulness.label_noise import LabelNoise, fit_label_noise
from synthaudit.measures.usefulness.learners import Learner, Lesson
from synthaudit.threads import in_threads

_FOLDS: Final = 5
_ALPHA: Final = 0.02
_FALSE_FLAGS: Final = 0.05
_NONE: Final = 2.0
FALSE_RATE: Final = 0.01
"""Share of held-out reference images, whose classes are right, that would be flagged at most."""

LEAST_ACCURACY: Final = 0.7
"""Of the judges, below which they say how many classes are wrong, and not which."""

_CONFIDENCE: Final = 0.95


@dataclass(frozen=True, kw_only=True)
class LabelFidelity:
    """What judges say of the given classes of m images among K.

    Attributes:
        probability_wrong: (m,) that an image shows another class than the given one.
        likelier: (m,) the likeliest other class.
        likelier_probability: (m,) that it is this one.
        is_wrong: (m,) images that show another class than the given one: as many as leave 5 % of
            false flags, of those whose probability at most ``FALSE_RATE`` of the held-out reference
            images reach. None where the given labels are explained as well without any wrong one
            (p > 0.02), and none where the judges know too little.
        share: estimated share of wrong labels, flagged or not.
        p_value: of the guess that none is wrong.
        agreement: share of images for which the judges' first class is the given one.
        accuracy: share for which it should be the class that they show: the mean probability of the
            first class, for the probabilities are fitted to the labels.
        recall: share of the wrong labels that should be among those flagged.
        false_rate: share of the held-out reference images that the same bounds would flag; None
            without a reference.
        cannot_tell: (c,) classes that the judges do not tell from others: their agreement is no
            better than guessing, and a wrong label of theirs is not seen.
    """

    probability_wrong: Floats
    likelier: Integers
    likelier_probability: Floats
    is_wrong: Flags
    share: float
    p_value: float
    agreement: float
    accuracy: float
    recall: float
    false_rate: float | None
    cannot_tell: Integers


def label_fidelity(
    learner: Learner, judged: Integers, reference: Integers, *, seed: int = 0
) -> LabelFidelity:
    """Let up to three probes judge every image without its label.

    One learns from the reference images, such as real ones, whose labels are taken to be right; one
    from the other judged images, which look as the image does but may be wrong themselves; one from
    both. What their scores are worth is learnt from the labels (``fit_label_noise``).

    Args:
        learner: of all images; folds keep its clusters together.
        judged: (m,) rows of the images to judge.
        reference: (r,) rows of others of the same classes; empty where there are none.
        seed: of the folds.
    """
    given = learner.target[judged]
    noise = fit_label_noise(_judges(learner, judged, reference, seed), given)
    held_out = None
    if len(reference) and noise.p_value <= _ALPHA:
        # Each side is judged by its own other images, by the other side, and by both.
        scores = _judges(learner, reference, judged, seed)
        held_out = noise.judge(scores, learner.target[reference])
    return _verdict(noise, given, held_out, learner.classes)


def _judges(learner: Learner, judged: Integers, reference: Integers, seed: int) -> list[Floats]:
    """By judge, (m, K) scores of images whose labels it has not seen."""
    rng = stream(seed, "label fidelity")
    clusters = learner.clusters[judged]
    fold = grouped_folds(learner.target[judged], clusters, folds=_FOLDS, rng=rng)
    parts = [
        (np.flatnonzero(fold != number), np.flatnonzero(fold == number)) for number in range(_FOLDS)
    ]
    own, first = _without_help(learner, judged, reference, parts)
    if first is None:
        return [_spread(own, parts)]
    both = in_threads(lambda part: first.scores_with(*part), parts)
    return [_spread(own, parts), _spread(both, parts), first.scores]


Part = tuple[Integers, Integers]
"""Positions among the judged images to learn from, and to ask."""


def _without_help(
    learner: Learner, judged: Integers, reference: Integers, parts: Sequence[Part]
) -> tuple[list[Floats], Lesson | None]:
    """Scores by what the other judged images teach, and what the reference images teach."""

    def ask(part: Part | None) -> Floats | Lesson | None:
        if part is None:
            return learner.learn(reference, judged) if len(reference) else None
        return learner.scores(judged[part[0]], judged[part[1]])

    lesson, *own = in_threads(ask, [None, *parts])
    return cast("list[Floats]", own), cast("Lesson | None", lesson)


def _spread(answers: Sequence[Floats], parts: Sequence[Part]) -> Floats:
    """(m, K) scores of all judged images, from those of each part."""
    asked = np.concatenate([part[1] for part in parts])
    return np.asarray(np.concatenate(answers)[np.argsort(asked)])


def _verdict(
    found: LabelNoise, given: Integers, held_out: Floats | None, classes: int
) -> LabelFidelity:
    likelier = found.likelier(given)
    first = found.probability.argmax(axis=1)
    own = np.take_along_axis(found.probability, given[:, None], axis=1)[:, 0]
    other = np.take_along_axis(found.probability, likelier[:, None], axis=1)[:, 0]
    accuracy = float(found.probability.max(axis=1).mean())
    bound = _bound(found.probability_wrong, held_out)
    is_wrong = found.probability_wrong >= bound
    if found.p_value > _ALPHA or accuracy < LEAST_ACCURACY:
        is_wrong[:] = False
    wrong = max(found.share * len(given), 1e-12)
    return LabelFidelity(
        probability_wrong=found.probability_wrong,
        likelier=likelier,
        likelier_probability=found.probability_wrong * other / np.maximum(1.0 - own, 1e-12),
        is_wrong=is_wrong,
        share=found.share,
        p_value=found.p_value,
        agreement=float((first == given).mean()),
        accuracy=accuracy,
        recall=min(float(found.probability_wrong[is_wrong].sum()) / wrong, 1.0),
        false_rate=None if held_out is None else float((held_out >= bound).mean()),
        cannot_tell=_not_told(first == given, given, classes),
    )


def _bound(probability_wrong: Floats, held_out: Floats | None) -> float:
    """The least probability of being wrong that is flagged; beyond 1 where none is.

    As many are flagged as leave 5 % of false flags by their own probabilities, but none whose
    probability too many of the held-out images reach. The held-out ones alone promise too much: no
    wrong label among their own side misleads their judges.
    """
    order = -np.sort(-probability_wrong)
    false_flags = np.cumsum(1.0 - order) / np.arange(1, len(order) + 1)
    most = int((false_flags <= _FALSE_FLAGS).sum())
    bound = float(order[most - 1]) if most else _NONE
    if held_out is None or most == 0:
        return bound
    allowed = np.sort(held_out)[len(held_out) - 1 - int(FALSE_RATE * len(held_out))]
    return max(bound, float(np.nextafter(allowed, _NONE)))


def _not_told(is_right: Flags, target: Integers, classes: int) -> Integers:
    """Classes whose agreement is no surer than guessing."""
    sizes = np.bincount(target, minlength=classes)
    hits = np.bincount(target, weights=is_right, minlength=classes)
    return np.array(
        [
            number
            for number in np.flatnonzero(sizes)
            if wilson(hits[number] / sizes[number], sizes[number], _CONFIDENCE).low <= 1.0 / classes
        ],
        np.int64,
    )
