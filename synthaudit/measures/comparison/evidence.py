"""What decides between the arms of a sweep, image by image, on the same real images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from synthaudit.arrays import Flags, Floats, Integers, Vectors
from synthaudit.measures.comparison.covering import covers, neighbourhood_radius
from synthaudit.measures.comparison.teaching import USELESS, Teaching, gather_teaching
from synthaudit.measures.copies.discovery import without_duplicates
from synthaudit.measures.copies.duplicates import find_duplicates
from synthaudit.measures.copies.patterns import Patterns, match_patterns, pattern_pairs
from synthaudit.measures.copies.radius import (
    DuplicateRadius,
    denser_radius,
    radius_of_distances,
)
from synthaudit.measures.detection.cross_validation import principal_axes
from synthaudit.measures.detection.detector import detect
from synthaudit.measures.intervals import normal_width, wilson
from synthaudit.measures.samples import Samples
from synthaudit.measures.search.clusters import identical_groups
from synthaudit.measures.search.neighbours import Directions
from synthaudit.measures.search.pairs import pairs_within

MEASURES = ("unrealistic", "uncovered", "unvaried", "unoriginal")
"""Each in [0, 1], higher is worse: mean probability of being synthetic by one detector for all
arms; share of real images without an image of the arm in their neighbourhood; share of images that
repeat another one of the arm; share that copy a real image."""

OVERALL = "overall"
"""The mean of the first three measures, in which a copy counts as a fake, since to look real for
being a real image is no merit, and covers nothing. It foretells what a network gains better than a
mean of all four, in which copies counted thrice (reports/validity.md)."""

_HELD_OUT = 2000


@dataclass(frozen=True, kw_only=True)
class ArmEvidence:
    """A arms with S images each, slot by slot, against N real images.

    Attributes:
        fakeness: (A, S) probability of being synthetic, by one cross-validated detector that was
            trained on the images of all arms. Exchanging the images of two arms in a slot changes
            nothing else of it, which makes tests by exchange exact.
        is_copy: (A, S) images that copy a real one, by every channel.
        covers: by arm, (S, N) whether an image lies in the neighbourhood of a real one. Copies
            cover nothing: else copying the real images would be the best way to cover them.
        vectors: by arm, (S, d) vectors.
        repeat_radius: cosine distance below which two images of an arm are repeats.
        patterns: of light of all images, arm after arm; None without.
        pattern_radius: cosine distance of patterns up to which two images are repeats, too.
        teaching: what probes learn from the arms; None where it is not asked for.
        strata: (S,) what the images of a slot are of, where those of one slot share no more than
            that; None where they share their seed as well, and are pairs.
    """

    fakeness: Floats
    is_copy: Flags
    covers: Sequence[Flags]
    vectors: Sequence[Vectors]
    repeat_radius: float
    patterns: Patterns | None
    pattern_radius: float
    strata: Integers | None = None
    teaching: Teaching | None = None

    @property
    def measures(self) -> tuple[str, ...]:
        """What is measured of every arm, besides ``overall``."""
        return MEASURES if self.teaching is None else (*MEASURES, USELESS)

    @property
    def shape(self) -> tuple[int, int]:
        """How many arms and slots."""
        return self.fakeness.shape[0], self.fakeness.shape[1]

    def values(self, arm: int) -> dict[str, float]:
        """The measures of one arm, and ``overall``."""
        repeats = np.zeros(self.shape[1], bool)
        for ends in self.near_pairs(arm):
            repeats[ends] = True
        values = {
            "unrealistic": float(self.fakeness[arm].mean()),
            "uncovered": 1.0 - float(self.covers[arm].any(axis=0).mean()),
            "unvaried": float(repeats.mean()),
            "unoriginal": float(self.is_copy[arm].mean()),
        }
        others = values["uncovered"] + values["unvaried"]
        values[OVERALL] = (float(self.badness[arm].mean()) + others) / 3.0
        return values if self.teaching is None else {**values, USELESS: self.teaching.error(arm)}

    def intervals(
        self, arm: int, values: Mapping[str, float], confidence: float
    ) -> dict[str, tuple[float, float]]:
        """Intervals of the measures of one arm, by its own images alone; not of ``useless``.

        Shares by Wilson's interval, means by the normal one, ``overall`` as a mean of independent
        parts. They hold for one arm: arms are compared image by image, which tells more.

        Args:
            arm: its number.
            values: of the arm.
            confidence: of each interval.
        """
        slots, real = self.shape[1], self.covers[arm].shape[1]
        counts = {"uncovered": real, "unvaried": slots, "unoriginal": slots}
        found = {name: wilson(values[name], n, confidence) for name, n in counts.items()}
        ends = {name: (own.low, own.high) for name, own in found.items()}
        variance = float(self.badness[arm].var(ddof=1)) / slots if slots > 1 else 0.0
        fake = float(self.fakeness[arm].var(ddof=1)) / slots if slots > 1 else 0.0
        for name in ("uncovered", "unvaried"):
            variance += values[name] * (1.0 - values[name]) / counts[name]
        for name, own in (("unrealistic", fake), (OVERALL, variance / 9.0)):
            width = normal_width(confidence) * float(np.sqrt(own))
            ends[name] = (max(values[name] - width, 0.0), min(values[name] + width, 1.0))
        return ends

    @property
    def badness(self) -> Floats:
        """(A, S) probability of being synthetic, 1 for copies."""
        return np.where(self.is_copy, 1.0, self.fakeness)

    def first(self, slots: int) -> ArmEvidence:
        """The evidence of the first slots alone, by the same detector."""
        arms, count = self.shape
        kept = np.arange(arms * count).reshape(arms, count)[:, :slots].ravel()
        return ArmEvidence(
            patterns=None if self.patterns is None else self.patterns.take(kept),
            pattern_radius=self.pattern_radius,
            strata=None if self.strata is None else self.strata[:slots],
            teaching=None if self.teaching is None else self.teaching.first(slots),
            fakeness=self.fakeness[:, :slots],
            is_copy=self.is_copy[:, :slots],
            covers=[covers[:slots] for covers in self.covers],
            vectors=[vectors[:slots] for vectors in self.vectors],
            repeat_radius=self.repeat_radius,
        )

    def near_pairs(self, *arms: int) -> tuple[Integers, Integers]:
        """Repeats among all images of some arms, those of the second from S on."""
        vectors = np.concatenate([self.vectors[arm] for arm in arms])
        found = [
            (batch.first, batch.second)
            for batch in pairs_within(Directions(vectors), self.repeat_radius)
        ]
        if self.patterns is not None:
            slots = np.arange(self.shape[1])
            rows = np.concatenate([arm * self.shape[1] + slots for arm in arms])
            own = self.patterns.take(rows)
            found += pattern_pairs(own, np.arange(len(rows)), self.pattern_radius)
        first, second = (np.concatenate(ends) for ends in zip(*found, strict=True))
        pairs = np.unique(first * len(vectors) + second)
        return pairs // len(vectors), pairs % len(vectors)


def gather_evidence(
    real: Vectors,
    arms: Sequence[Vectors],
    *,
    patterns: Patterns | None = None,
    strata: Integers | None = None,
    classes: tuple[Integers, Integers] | None = None,
    false_alarms: float = 0.005,
    false_discoveries: float = 0.05,
    folds: int = 5,
    repeats: int = 3,
    seed: int = 0,
) -> ArmEvidence:
    """Measure all arms together.

    Args:
        real: (N, d) embeddings of the real images.
        arms: A arrays (S, d), slot s of each made for the same subject with the same seed.
        patterns: of light of the real images and then of the arms, one after the other.
        strata: see ``ArmEvidence``.
        classes: numbers of the real images (N,) and of the slots (S,), -1 for those that the others
            lack, where it is asked what the arms teach.
        false_alarms: budget of the duplicate radius.
        false_discoveries: share of fresh images among discovered copies.
        folds: of the detector; the images of a slot are never parted.
        repeats: cross-validations that are averaged.
        seed: of the folds.
    """
    slots, count = len(arms[0]), len(real)
    vectors = np.concatenate([real, *arms])
    is_synthetic = np.arange(len(vectors)) >= count
    directions = Directions(vectors)
    found = find_duplicates(
        directions,
        is_synthetic,
        patterns=patterns,
        false_alarms=false_alarms,
        false_discoveries=false_discoveries,
        seed=seed,
    )
    groups = np.full(len(vectors), -1)
    groups[count:] = np.tile(np.arange(slots), len(arms))
    for number, rows in enumerate(identical_groups(directions.unit[:count])):
        groups[rows] = slots + number
    axes = principal_axes(vectors)
    samples = Samples.of(axes, is_synthetic, groups=groups)
    detection = detect(samples, folds=folds, repeats=repeats, seed=seed)
    is_copy = found.is_unoriginal[count:].reshape(len(arms), slots)
    radius = neighbourhood_radius(directions, np.arange(count))
    teaching = None
    if classes is not None:
        near = found.cluster[:count]
        teaching = gather_teaching(axes, is_copy, *classes, groups=near, seed=seed)
    return ArmEvidence(
        fakeness=detection.probability_synthetic[count:].reshape(is_copy.shape),
        is_copy=is_copy,
        covers=[
            covers(directions, count + number * slots, radius, copied)
            for number, copied in enumerate(is_copy)
        ],
        vectors=arms,
        strata=strata,
        teaching=teaching,
        repeat_radius=_repeat_radius(found.radius, slots),
        patterns=None if patterns is None else patterns.take(is_synthetic),
        pattern_radius=_pattern_radius(patterns, count, slots, false_alarms),
    )


def _pattern_radius(
    patterns: Patterns | None, count: int, slots: int, false_alarms: float
) -> float:
    """Up to which ``false_alarms`` of real images lie near another one, among as many as slots."""
    if patterns is None:
        return 0.0
    rows = np.arange(count)
    usual = without_duplicates(match_patterns(patterns, rows[:_HELD_OUT], rows).distance)
    if len(usual) < 2:
        return 0.0
    base, dimension = radius_of_distances(usual, false_alarms=false_alarms)
    radius = denser_radius(
        np.array(base), np.array(dimension), candidates=slots, reference=len(usual)
    )
    return float(radius)


def _repeat_radius(radius: DuplicateRadius, slots: int) -> float:
    if radius.intrinsic_dimension is None:
        return radius.real
    dimension = np.array(radius.intrinsic_dimension)
    base = np.array(radius.real)
    return float(denser_radius(base, dimension, candidates=slots, reference=radius.real_count))
