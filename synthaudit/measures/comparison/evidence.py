"""What decides between the arms of a sweep, image by image, on the same real images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synthaudit.arrays import Flags, Floats, Integers, Vectors
from synthaudit.measures.copies.duplicates import find_duplicates
from synthaudit.measures.copies.radius import DuplicateRadius, denser_radius
from synthaudit.measures.detection.cross_validation import principal_axes
from synthaudit.measures.detection.detector import detect
from synthaudit.measures.samples import Samples
from synthaudit.measures.search.clusters import identical_groups
from synthaudit.measures.search.neighbours import Directions, is_near, nearest
from synthaudit.measures.search.pairs import pairs_within

MEASURES = ("unrealistic", "uncovered", "unvaried", "unoriginal")
"""Each in [0, 1], higher is worse: mean probability of being synthetic by one detector for all
arms; share of real images without an image of the arm in their neighbourhood; share of images that
repeat another one of the arm; share that copy a real image."""

OVERALL = "overall"
"""The mean of the four measures, in which a copy counts as a fake: to look real for being a real
image is no merit."""

_NEIGHBOURHOOD = 5
_ROUNDING = 1e-12


@dataclass(frozen=True, kw_only=True)
class ArmEvidence:
    """A arms with S images each, slot by slot, against N real images.

    Attributes:
        fakeness: (A, S) probability of being synthetic, by one cross-validated detector that was
            trained on the images of all arms. Exchanging the images of two arms in a slot changes
            nothing else of it, which makes tests by exchange exact.
        is_copy: (A, S) images nearer to a real one than the duplicate radius.
        covers: by arm, (S, N) whether an image lies in the neighbourhood of a real one. Copies
            cover nothing: else copying the real images would be the best way to cover them.
        vectors: by arm, (S, d) vectors.
        repeat_radius: cosine distance below which two images of an arm are repeats.
    """

    fakeness: Floats
    is_copy: Flags
    covers: Sequence[Flags]
    vectors: Sequence[Vectors]
    repeat_radius: float

    @property
    def shape(self) -> tuple[int, int]:
        """How many arms and slots."""
        return self.fakeness.shape[0], self.fakeness.shape[1]

    def values(self, arm: int) -> dict[str, float]:
        """The measures of one arm, and ``overall``."""
        repeats = np.zeros(self.shape[1], bool)
        for ends in _pairs(self.vectors[arm], self.repeat_radius):
            repeats[ends] = True
        values = {
            "unrealistic": float(self.fakeness[arm].mean()),
            "uncovered": 1.0 - float(self.covers[arm].any(axis=0).mean()),
            "unvaried": float(repeats.mean()),
            "unoriginal": float(self.is_copy[arm].mean()),
        }
        others = sum(value for name, value in values.items() if name != "unrealistic")
        return {**values, OVERALL: (float(self.badness[arm].mean()) + others) / len(MEASURES)}

    @property
    def badness(self) -> Floats:
        """(A, S) probability of being synthetic, 1 for copies."""
        return np.where(self.is_copy, 1.0, self.fakeness)

    def first(self, slots: int) -> ArmEvidence:
        """The evidence of the first slots alone, by the same detector."""
        return ArmEvidence(
            fakeness=self.fakeness[:, :slots],
            is_copy=self.is_copy[:, :slots],
            covers=[covers[:slots] for covers in self.covers],
            vectors=[vectors[:slots] for vectors in self.vectors],
            repeat_radius=self.repeat_radius,
        )

    def near_pairs(self, one: int, other: int) -> tuple[Integers, Integers]:
        """Repeats among the 2 S images of two arms, those of the second from S on."""
        return _pairs(np.concatenate([self.vectors[one], self.vectors[other]]), self.repeat_radius)


def gather_evidence(
    real: Vectors,
    arms: Sequence[Vectors],
    *,
    false_alarms: float = 0.005,
    folds: int = 5,
    repeats: int = 3,
    seed: int = 0,
) -> ArmEvidence:
    """Measure all arms together.

    Args:
        real: (N, d) embeddings of the real images.
        arms: A arrays (S, d), slot s of each made for the same subject with the same seed.
        false_alarms: budget of the duplicate radius.
        folds: of the detector; the images of a slot are never parted.
        repeats: cross-validations that are averaged.
        seed: of the folds.
    """
    slots, count = len(arms[0]), len(real)
    vectors = np.concatenate([real, *arms])
    is_synthetic = np.arange(len(vectors)) >= count
    directions = Directions(vectors)
    found = find_duplicates(directions, is_synthetic, false_alarms=false_alarms)
    groups = np.full(len(vectors), -1)
    groups[count:] = np.tile(np.arange(slots), len(arms))
    for number, rows in enumerate(identical_groups(directions.unit[:count])):
        groups[rows] = slots + number
    samples = Samples.of(principal_axes(vectors), is_synthetic, groups=groups)
    detection = detect(samples, folds=folds, repeats=repeats, seed=seed)
    is_copy = found.is_unoriginal[count:].reshape(len(arms), slots)
    radius = _neighbourhood_radius(directions, np.arange(count))
    return ArmEvidence(
        fakeness=detection.probability_synthetic[count:].reshape(is_copy.shape),
        is_copy=is_copy,
        covers=[
            _covers(directions, count + number * slots, radius, copied)
            for number, copied in enumerate(is_copy)
        ],
        vectors=arms,
        repeat_radius=_repeat_radius(found.radius, slots),
    )


def _repeat_radius(radius: DuplicateRadius, slots: int) -> float:
    if radius.intrinsic_dimension is None:
        return radius.real
    dimension = np.array(radius.intrinsic_dimension)
    base = np.array(radius.real)
    return float(denser_radius(base, dimension, candidates=slots, reference=radius.real_count))


def _neighbourhood_radius(directions: Directions, real: Integers) -> Floats:
    """(N,) distance of each real image to its fifth nearest other."""
    k = min(_NEIGHBOURHOOD, len(real) - 1)
    radius: Floats = nearest(directions, real, real, count=k).distance[:, -1]
    return radius


def _covers(directions: Directions, start: int, radius: Floats, copied: Flags) -> Flags:
    """(S, N) which of an arm's images, from a row on, lie near which of the real ones.

    Row by row of the arm: all distances at once would be as large as the real set squared.
    """
    real = directions.rows(np.arange(len(radius)))
    covers = np.zeros((len(copied), len(radius)), bool)
    for slot in np.flatnonzero(~copied):
        distance = 1.0 - real @ directions.rows(np.array([start + slot]))[0]
        distance[distance < _ROUNDING] = 0.0
        covers[slot] = is_near(distance, radius)
    return covers


def _pairs(vectors: Vectors, radius: float) -> tuple[Integers, Integers]:
    """Both ends of all pairs of rows nearer than the radius."""
    found = list(pairs_within(Directions(vectors), radius))
    first = np.concatenate([batch.first for batch in found])
    second = np.concatenate([batch.second for batch in found])
    return first, second
