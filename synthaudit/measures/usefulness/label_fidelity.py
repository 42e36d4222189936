"""Does an image show the class it was made for? Judges that have not seen its label say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from synthaudit.arrays import Flags, Floats, Integers, Vectors
from synthaudit.measures.detection.folds import grouped_folds
from synthaudit.measures.intervals import wilson
from synthaudit.measures.randomness import stream
from synthaudit.measures.usefulness.label_noise import fit_label_noise
from synthaudit.measures.usefulness.linear_probe import fit_probe

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
        reference_accuracy: cross-validated accuracy of the judge of the reference images among
            themselves; None without any.
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
    reference_accuracy: float | None
    cannot_tell: Integers


@dataclass(frozen=True, kw_only=True)
class LabelledRows:
    """Images with given classes: ``rows`` (n, d) features, ``target`` and ``groups`` (n,)."""

    rows: Vectors
    target: Integers
    groups: Integers


def label_fidelity(
    judged: LabelledRows, reference: LabelledRows | None, *, classes: int, seed: int = 0
) -> LabelFidelity:
    """Let up to three linear probes judge every image without its label.

    One learns from the reference images, such as real ones, whose labels are taken to be right; one
    from the other judged images, which look as the image does but may be wrong themselves; one from
    both. What their scores are worth is learnt from the labels (``fit_label_noise``).

    Args:
        judged: the images.
        reference: others of the same classes; None where there are none.
        classes: K, at least 2.
        seed: of the folds, which keep near-duplicates together.
    """
    count = len(judged.target)
    scores = [np.empty((count, classes))]
    if reference is not None:
        probe = fit_probe(
            reference.rows, reference.target, classes=classes, clusters=reference.groups
        )
        scores += [probe.scores(judged.rows), np.empty((count, classes))]
    penalties: list[float | None] = [None, None]
    for train, asked in _folds(judged, seed):
        for number, base in enumerate((None, reference)[: 1 if reference is None else 2]):
            rows, target, groups = _joined(judged, train, base)
            probe = fit_probe(
                rows, target, classes=classes, clusters=groups, penalty=penalties[number]
            )
            # What one fold finds the best penalty is as good for the others, and spares a third.
            penalties[number] = probe.penalty
            scores[2 * number][asked] = probe.scores(judged.rows[asked])
    found = fit_label_noise(scores, judged.target)
    likelier = found.likelier(judged.target)
    first = found.probability.argmax(axis=1)
    own = np.take_along_axis(found.probability, judged.target[:, None], axis=1)[:, 0]
    other = np.take_along_axis(found.probability, likelier[:, None], axis=1)[:, 0]
    is_likelier = found.probability_wrong > _LIKELIER
    return LabelFidelity(
        probability_wrong=found.probability_wrong,
        likelier=likelier,
        likelier_probability=found.probability_wrong * other / np.maximum(1.0 - own, 1e-12),
        is_wrong=is_likelier & (found.p_value <= _ALPHA),
        share=found.share,
        p_value=found.p_value,
        agreement=float((first == judged.target).mean()),
        reference_accuracy=None
        if reference is None
        else _accuracy(reference, classes=classes, seed=seed),
        cannot_tell=_not_told(first == judged.target, judged.target, classes),
    )


def _folds(own: LabelledRows, seed: int) -> list[tuple[Integers, Integers]]:
    """Rows to learn from and rows to ask, a pair a fold."""
    fold = grouped_folds(own.target, own.groups, folds=_FOLDS, rng=stream(seed, "label fidelity"))
    return [
        (np.flatnonzero(fold != number), np.flatnonzero(fold == number)) for number in range(_FOLDS)
    ]


def _joined(
    judged: LabelledRows, train: Integers, base: LabelledRows | None
) -> tuple[Vectors, Integers, Integers]:
    rows, target, groups = judged.rows[train], judged.target[train], judged.groups[train]
    if base is None:
        return rows, target, groups
    return (
        np.concatenate([base.rows, rows]),
        np.concatenate([base.target, target]),
        np.concatenate([base.groups, groups]),
    )


def _accuracy(own: LabelledRows, *, classes: int, seed: int) -> float:
    right, penalty = np.empty(len(own.target), bool), None
    for train, asked in _folds(own, seed):
        rows, target, groups = _joined(own, train, None)
        probe = fit_probe(rows, target, classes=classes, clusters=groups, penalty=penalty)
        penalty = probe.penalty
        right[asked] = probe.classify(own.rows[asked]) == own.target[asked]
    return float(right.mean())


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
