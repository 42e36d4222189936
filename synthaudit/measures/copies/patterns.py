"""A channel for copies and repeats: patterns of light, in several framings and mirrored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from synthaudit.arrays import Flags, Floats, Integers, Singles
from synthaudit.measures.blocks import blocks
from synthaudit.threads import in_threads

_BLOCK: Final = 4096
_ROWS: Final = 256
_COLUMNS: Final = 8192
_ROUNDING: Final = 1e-6
_MANY_PAIRS: Final = 400_000_000
_FEW_COMPARISONS: Final = 6
_NO_PATTERN: Final = 1e-3


@dataclass(frozen=True, kw_only=True, eq=False)
class Patterns:
    """Patterns of light of n images, and how they are compared.

    Attributes:
        values: (n, f, d) unit vectors, f framings of each image, in half precision; zeros where an
            image has no pattern, which is like no other one.
        comparisons: which framing of an asked image is compared with which of another one, those
            that matter most first. The first is of whole images, and in all poses.
        poses: order (d,) and signs (d,) that turn a pattern into that of the image in another pose;
            the first two are the image as it is and mirrored, in which all framings are compared.
    """

    values: npt.NDArray[np.float16] = field(repr=False)
    comparisons: Sequence[tuple[int, int]]
    poses: Sequence[tuple[Integers, Floats]] = field(repr=False)

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: Integers | Flags) -> Self:
        """The patterns of some images."""
        return replace(self, values=self.values[rows])

    def first(self, comparisons: int) -> Self:
        """Compared in fewer ways."""
        return replace(self, comparisons=self.comparisons[:comparisons])

    def ways(self) -> Iterator[tuple[int, int, int]]:
        """All ways in which two images are compared: both framings, and the pose of the first."""
        for number, (own, other) in enumerate(self.comparisons):
            for pose in range(len(self.poses) if number == 0 else 2):
                yield own, other, pose

    def posed(self, rows: Integers | slice, framing: int, pose: int) -> Singles:
        """(m, d) a framing of some images in a pose."""
        order, signs = self.poses[pose]
        own = self.values[rows, framing].astype(np.float32)
        # Half precision has left lengths that are not quite 1.
        own /= np.maximum(np.sqrt(np.einsum("ij,ij->i", own, own)), _NO_PATTERN)[:, None]
        return own if pose == 0 else (own[:, order] * signs).astype(np.float32)


@dataclass(frozen=True, kw_only=True)
class PatternMatches:
    """The other image whose pattern is most like that of each asked image.

    Attributes:
        partner: (m,) its row number.
        distance: (m,) cosine distance of the nearest framings.
        is_mirrored: (m,) whether another pose of the image, such as mirrored, is the nearer one.
    """

    partner: Integers
    distance: Floats
    is_mirrored: Flags


def match_patterns(patterns: Patterns, asked: Integers, candidates: Integers) -> PatternMatches:
    """Find the nearest other pattern in any framing, mirrored or not.

    Of very many pairs only the comparisons that matter most are made.

    Args:
        patterns: of all images.
        asked: (m,) row numbers of the images to judge.
        candidates: (N,) row numbers of the images to look among.

    Returns:
        ``PatternMatches``; infinite distances and -1 where there is no other candidate.
    """
    if len(asked) * len(candidates) > _MANY_PAIRS:
        patterns = patterns.first(_FEW_COMPARISONS)
    parts = [asked[block] for block in blocks(len(asked), _ROWS)]
    found = in_threads(lambda rows: _nearest_others(patterns, rows, candidates), parts)
    partner = np.concatenate([own for own, _ in found] or [np.empty(0, np.int64)])
    cosine = np.concatenate([own for _, own in found] or [np.empty(0, np.float32)])
    partner[np.isneginf(cosine)] = -1
    distance, is_mirrored = np.full(len(asked), np.inf), np.zeros(len(asked), bool)
    known = partner >= 0
    distance[known], pose = _pairs_in_detail(patterns, asked[known], partner[known])
    is_mirrored[known] = pose > 0
    return PatternMatches(partner=partner, distance=distance, is_mirrored=is_mirrored)


def _nearest_others(
    patterns: Patterns, asked: Integers, candidates: Integers
) -> tuple[Integers, Singles]:
    """The candidate of the highest cosine that is not the image itself, and that cosine."""
    best, partner = np.full(len(asked), -np.inf, np.float32), np.full(len(asked), -1)
    for block in blocks(len(candidates), _COLUMNS):
        rows = candidates[block]
        cosine = _cosines(patterns, asked, rows)
        cosine[asked[:, None] == rows[None]] = -np.inf
        place = cosine.argmax(axis=1)
        own = cosine[np.arange(len(asked)), place]
        is_better = own > best
        best[is_better], partner[is_better] = own[is_better], rows[place[is_better]]
    return partner, best


def _cosines(patterns: Patterns, first: Integers, second: Integers) -> Singles:
    """(a, b) the highest cosine of any comparison of each of the first with each of the second."""
    best = np.full((len(first), len(second)), -np.inf, np.float32)
    scratch = np.empty_like(best)
    others: dict[int, Singles] = {}
    for own, other, pose in patterns.ways():
        if other not in others:
            others = {other: np.ascontiguousarray(patterns.posed(second, other, 0).T)}
        np.matmul(patterns.posed(first, own, pose), others[other], out=scratch)
        np.maximum(best, scratch, out=best)
    return best


def pattern_distances(patterns: Patterns, first: Integers, second: Integers) -> Floats:
    """Cosine distances (m,) of given pairs, as ``match_patterns`` measures them."""
    return _pairs_in_detail(patterns, first, second)[0]


def _pairs_in_detail(
    patterns: Patterns, first: Integers, second: Integers
) -> tuple[Floats, Integers]:
    """Distances of given pairs in double precision, and the pose of the nearest comparison."""
    distance, pose_of = np.full(len(first), np.inf), np.zeros(len(first), np.int64)
    for block in blocks(len(first), _BLOCK):
        for own, other, pose in patterns.ways():
            a = patterns.posed(first[block], own, pose).astype(np.float64)
            b = patterns.posed(second[block], other, 0).astype(np.float64)
            near = 0.5 * np.einsum("ij,ij->i", a - b, a - b)
            near[~(a.any(axis=1) & b.any(axis=1))] = 1.0
            is_nearer = near < distance[block]
            distance[block] = np.where(is_nearer, near, distance[block])
            pose_of[block] = np.where(is_nearer, pose, pose_of[block])
    return distance, pose_of


def pattern_pairs(
    patterns: Patterns, rows: Integers, within: float
) -> Iterator[tuple[Integers, Integers]]:
    """All pairs of some rows whose patterns are as near as this, by blocks: both row numbers.

    Whichever of the two is taken for the asked one.
    """
    if len(rows) ** 2 > _MANY_PAIRS:
        patterns = patterns.first(_FEW_COMPARISONS)
    for block in blocks(len(rows), _ROWS):
        cosine = _cosines(patterns, rows[block], rows)
        np.maximum(cosine, _cosines(patterns, rows, rows[block]).T, out=cosine)
        one, another = np.nonzero(1.0 - cosine <= within + _ROUNDING)
        later = one + block.start < another
        yield rows[one[later] + block.start], rows[another[later]]
