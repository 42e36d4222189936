"""A channel for copies and repeats: patterns of light, in several framings and mirrored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Self

import numpy as np

from synthaudit.arrays import Flags, Floats, Integers, Singles
from synthaudit.measures.blocks import blocks
from synthaudit.measures.search.neighbours import look_at_all

_BLOCK: Final = 4096
_ROWS: Final = 256
_ROUNDING: Final = 1e-6


@dataclass(frozen=True, kw_only=True, eq=False)
class Patterns:
    """Patterns of light of n images, and how they are compared.

    Attributes:
        values: (n, f, d) unit vectors, f framings of each image.
        comparisons: which framing of an asked image is compared with which of another one.
        mirror: (d,) signs that turn a pattern into that of the mirrored image.
    """

    values: Singles = field(repr=False)
    comparisons: Sequence[tuple[int, int]]
    mirror: Floats = field(repr=False)

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: Integers | Flags) -> Self:
        """The patterns of some images."""
        return replace(self, values=self.values[rows])


@dataclass(frozen=True, kw_only=True)
class PatternMatches:
    """The other image whose pattern is most like that of each asked image.

    Attributes:
        partner: (m,) its row number.
        distance: (m,) cosine distance of the nearest framings.
        is_mirrored: (m,) whether the mirrored image is the nearer one.
    """

    partner: Integers
    distance: Floats
    is_mirrored: Flags


def match_patterns(patterns: Patterns, asked: Integers, candidates: Integers) -> PatternMatches:
    """Find the nearest other pattern in any framing, mirrored or not.

    Args:
        patterns: of all images.
        asked: (m,) row numbers of the images to judge.
        candidates: (N,) row numbers of the images to look among.

    Returns:
        ``PatternMatches``; infinite distances and -1 where there is no other candidate.
    """
    values = patterns.values
    partner, cosine = np.full(len(asked), -1), np.full(len(asked), -np.inf, np.float32)
    is_mirrored = np.zeros(len(asked), bool)
    others = len(candidates) - np.isin(asked, candidates)
    for own, other in patterns.comparisons:
        for mirrored in (False, True):
            queries = values[asked, own] * (patterns.mirror if mirrored else 1.0)
            position, near = _nearest_other(queries, asked, values[candidates, other], candidates)
            better = (near > cosine) & (others > 0)
            partner[better], cosine[better] = candidates[position[better]], near[better]
            is_mirrored[better] = mirrored
    distance = np.full(len(asked), np.inf)
    found = partner >= 0
    distance[found] = pattern_distances(patterns, asked[found], partner[found])
    return PatternMatches(partner=partner, distance=distance, is_mirrored=is_mirrored)


def _nearest_other(
    queries: Singles, asked: Integers, patterns: Singles, candidates: Integers
) -> tuple[Integers, Singles]:
    """Position and cosine of each query's nearest candidate that is not the image itself."""
    unit = np.concatenate([queries, patterns]).astype(np.float32)
    first, width = len(asked), min(2, len(candidates))
    cosine, row = look_at_all(unit, np.arange(first), np.arange(first, len(unit)), width)
    position = row - first
    cosine[candidates[position] == asked[:, None]] = -np.inf
    best = cosine.argmax(axis=1)[:, None]
    return (
        np.take_along_axis(position, best, axis=1)[:, 0],
        np.take_along_axis(cosine, best, axis=1)[:, 0],
    )


def pattern_distances(patterns: Patterns, first: Integers, second: Integers) -> Floats:
    """Cosine distances (m,) of given pairs, as ``match_patterns`` measures them."""
    distance = np.full(len(first), np.inf)
    for block in blocks(len(first), _BLOCK):
        for own, other in patterns.comparisons:
            a = patterns.values[first[block], own].astype(np.float64)
            b = patterns.values[second[block], other].astype(np.float64)
            for signs in (1.0, patterns.mirror):
                difference = a * signs - b
                near = 0.5 * np.einsum("ij,ij->i", difference, difference)
                distance[block] = np.minimum(distance[block], near)
    return distance


def pattern_pairs(
    patterns: Patterns, rows: Integers, within: float
) -> Iterator[tuple[Integers, Integers]]:
    """All pairs of some rows whose patterns are as near as this, by blocks: both row numbers.

    Whichever of the two is taken for the asked one.
    """
    values = patterns.values[rows]
    for block in blocks(len(rows), _ROWS):
        cosine = np.full((block.stop - block.start, len(rows)), -np.inf, np.float32)
        for own, other in patterns.comparisons:
            for a, b in {(own, other), (other, own)}:
                for signs in (1.0, patterns.mirror):
                    asked = (values[block, a] * signs).astype(np.float32)
                    np.maximum(cosine, asked @ values[:, b].T, out=cosine)
        one, another = np.nonzero(1.0 - cosine <= within + _ROUNDING)
        later = one + block.start < another
        yield rows[one[later] + block.start], rows[another[later]]
