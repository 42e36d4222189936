"""What arms teach: errors on real images of probes that learn from an arm and a few real ones.

Least squares of class indicators on the leading principal axes: sums over images, so that the
error after exchanging images between two arms takes no new pass over them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from synthaudit.arrays import Flags, Floats, Integers, Vectors
from synthaudit.measures.detection.folds import grouped_folds
from synthaudit.measures.randomness import stream

USELESS: Final = "useless"
"""Share of the real images that are named wrongly by who learnt from an arm besides a few real
ones, mean over the classes: in [0, 1], higher is worse, chance is 1 - 1 / K."""

_AXES: Final = 96
_FOLDS: Final = 5
# With more of them what an arm adds is lost in what they teach by themselves.
_FEW: Final = 4
_PENALTIES: Final = (0.01, 0.1, 1.0, 10.0, 100.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Fold:
    """The real images of one fold.

    Attributes:
        gram: (q, q) sum of squares of the few real images of other folds.
        outputs: (q, K) their products with class indicators.
        asked: (n, q) those that are asked.
        target: (n,) their classes.
    """

    gram: Floats
    outputs: Floats
    asked: Floats
    target: Integers


@dataclass(frozen=True, kw_only=True, eq=False)
class Teaching:
    """What A arms of S slots can teach.

    Attributes:
        rows: (A, S, q) features of the images, with a 1 for the offset.
        target: (S,) class numbers of the slots; -1 where there are no real images of the class.
        weight: (A, S) 0 for copies of real images, which must not be learnt from, else what makes
            the classes weigh alike.
        folds: of the real images.
        classes: K.
        penalty: on squared coefficients, as a multiple of the mean square of the features.
    """

    rows: Floats
    target: Integers
    weight: Floats
    folds: Sequence[Fold]
    classes: int
    penalty: float

    def first(self, slots: int) -> Teaching:
        """Of the first slots alone."""
        return replace(
            self,
            rows=self.rows[:, :slots],
            target=self.target[:slots],
            weight=self.weight[:, :slots],
        )

    def error(self, arm: int) -> float:
        """Of one arm."""
        gram, outputs = self._sums(self.rows[arm], self.weight[arm], self.target)
        return self._error(gram, outputs)

    def differences(self, one: int, other: int, place: Floats) -> Floats:
        """(E,) errors of two arms after exchanges, the first less the second.

        Args:
            one: an arm.
            other: another one.
            place: (E, 2 S) where the images of both are, as ``deal`` gives it.
        """
        rows = np.concatenate([self.rows[one], self.rows[other]])
        weight = np.concatenate([self.weight[one], self.weight[other]])
        target = np.concatenate([self.target, self.target])
        whole = self._sums(rows, weight, target)
        found = np.empty(len(place))
        for number, own in enumerate(place):
            first = self._sums(rows, weight * (1.0 - own), target)
            second = whole[0] - first[0], whole[1] - first[1]
            found[number] = self._error(*first) - self._error(*second)
        return found

    def _sums(self, rows: Floats, weight: Floats, target: Integers) -> tuple[Floats, Floats]:
        used = (weight > 0.0) & (target >= 0)
        scaled = rows[used] * weight[used, None]
        indicator = np.eye(self.classes)[target[used]]
        return scaled.T @ rows[used], scaled.T @ indicator

    def _error(self, gram: Floats, outputs: Floats) -> float:
        return float(np.mean([_wrong(self, fold, gram, outputs) for fold in self.folds]))


def _wrong(teaching: Teaching, fold: Fold, gram: Floats, outputs: Floats) -> float:
    """Balanced share of a fold's images that are named wrongly."""
    from scipy.linalg import solve

    both = gram + fold.gram
    size = float(np.trace(both)) / len(both)
    both[np.diag_indices_from(both)] += max(teaching.penalty * size, 1e-9)
    coefficients = solve(both, outputs + fold.outputs, assume_a="pos", check_finite=False)
    wrong = (fold.asked @ coefficients).argmax(axis=1) != fold.target
    sizes = np.bincount(fold.target, minlength=teaching.classes)
    hits = np.bincount(fold.target, weights=wrong, minlength=teaching.classes)
    return float((hits[sizes > 0] / sizes[sizes > 0]).mean())


def gather_teaching(
    axes: Vectors,
    is_copy: Flags,
    real_target: Integers,
    slot_target: Integers,
    *,
    groups: Integers,
    seed: int,
) -> Teaching:
    """Prepare the probes of all arms.

    Args:
        axes: (N + A S, d) principal axes of real images and arms, those of most variation last.
        is_copy: (A, S) images that copy a real one.
        real_target: (N,) class numbers, -1 for classes that no slot has.
        slot_target: (S,) likewise, -1 for classes without real images.
        groups: (N,) clusters of real images that no fold cuts.
        seed: of folds and draws.

    Returns:
        ``Teaching``, with the penalty that serves best when all arms are learnt from together,
        which exchanges between them do not change.
    """
    arms, slots = is_copy.shape
    leading = np.asarray(axes[:, -_AXES:], np.float64)
    count = len(real_target)
    centre = leading[:count].mean(axis=0)
    scale = float(np.sqrt(np.square(leading[:count] - centre).mean())) or 1.0
    rows = np.concatenate([(leading - centre) / scale, np.ones((len(leading), 1))], axis=1)
    classes = int(max(real_target.max(), slot_target.max())) + 1
    sizes = np.bincount(slot_target[slot_target >= 0], minlength=classes)
    weight = slots / (max(int((sizes > 0).sum()), 1) * np.maximum(sizes, 1)[slot_target])
    weight[slot_target < 0] = 0.0
    teaching = Teaching(
        rows=rows[count:].reshape(arms, slots, -1),
        target=slot_target,
        weight=np.where(is_copy, 0.0, weight),
        folds=list(_folds(rows[:count], real_target, groups, classes, seed)),
        classes=classes,
        penalty=1.0,
    )
    together = replace(
        teaching,
        rows=rows[count:][None],
        target=np.tile(slot_target, arms),
        weight=teaching.weight.reshape(1, -1),
    )
    errors = [replace(together, penalty=own).error(0) for own in _PENALTIES]
    return replace(teaching, penalty=_PENALTIES[int(np.argmin(errors))])


def _folds(
    rows: Floats, target: Integers, groups: Integers, classes: int, seed: int
) -> Iterator[Fold]:
    known = np.flatnonzero(target >= 0)
    rng = stream(seed, "teaching")
    fold = grouped_folds(target[known], groups[known], folds=_FOLDS, rng=rng)
    for number in range(_FOLDS):
        rest, asked = known[fold != number], known[fold == number]
        few = np.concatenate(
            [rng.permutation(rest[target[rest] == own])[:_FEW] for own in np.unique(target[known])]
        )
        yield Fold(
            gram=rows[few].T @ rows[few],
            outputs=rows[few].T @ np.eye(classes)[target[few]],
            asked=rows[asked],
            target=target[asked],
        )
