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
_LIKELIER: Final = 0.5
_CONFIDENCE: Final = 0.95


@dataclass(frozen=True, kw_only=True)
class LabelFidelity:
    """What judges say of the given classes of m images among K.

    Attributes:
        probability_wrong: (m,) that an image shows another class than the given one.
        likelier: (m,) the likeliest other class.
        likelier_probability: (m,) that it is this one.
        is_wrong: (m,) images that likelier show another class than the given one; none where the
            given labels are explained as well without any wrong one (p > 0.02).
        share: estimated share of wrong labels, flagged or not.
        p_value: of the guess that none is wrong.
        agreement: share of images for which the judges' first class is the given one.
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
    rng = stream(seed, "label fidelity")
    fold = grouped_folds(given, learner.clusters[judged], folds=_FOLDS, rng=rng)
    parts = [
        (np.flatnonzero(fold != number), np.flatnonzero(fold == number)) for number in range(_FOLDS)
    ]
    own, first = _without_help(learner, judged, reference, parts)
    judges = [_spread(own, parts)]
    if first is not None:
        both = in_threads(lambda part: first.scores_with(*part), parts)
        judges += [_spread(both, parts), first.scores]
    return _verdict(fit_label_noise(judges, given), given, learner.classes)


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


def _verdict(found: LabelNoise, given: Integers, classes: int) -> LabelFidelity:
    likelier = found.likelier(given)
    first = found.probability.argmax(axis=1)
    own = np.take_along_axis(found.probability, given[:, None], axis=1)[:, 0]
    other = np.take_along_axis(found.probability, likelier[:, None], axis=1)[:, 0]
    is_likelier = found.probability_wrong > _LIKELIER
    return LabelFidelity(
        probability_wrong=found.probability_wrong,
        likelier=likelier,
        likelier_probability=found.probability_wrong * other / np.maximum(1.0 - own, 1e-12),
        is_wrong=is_likelier & (found.p_value <= _ALPHA),
        share=found.share,
        p_value=found.p_value,
        agreement=float((first == given).mean()),
        cannot_tell=_not_told(first == given, given, classes),
    )


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
