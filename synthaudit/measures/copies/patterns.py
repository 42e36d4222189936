"""A second channel for copies: patterns of light, compared in several framings and mirrored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from synthaudit.arrays import Flags, Floats, Integers, Singles, Vectors
from synthaudit.measures.blocks import blocks
from synthaudit.measures.search.neighbours import look_at_all

Patterns = Vectors
Comparisons = Sequence[tuple[int, int]]

_BLOCK: Final = 4096


@dataclass(frozen=True, kw_only=True)
class PatternMatches:
    """The real image whose pattern is most like that of each asked image.

    Attributes:
        original: (m,) its row number.
        distance: (m,) cosine distance of the nearest framings.
        is_mirrored: (m,) whether the mirrored image is the nearer one.
    """

    original: Integers
    distance: Floats
    is_mirrored: Flags


def match_patterns(
    patterns: Patterns,
    asked: Integers,
    real: Integers,
    *,
    comparisons: Comparisons,
    mirror: Floats,
) -> PatternMatches:
    """Find the nearest real pattern in any framing, mirrored or not; never an image's own.

    Args:
        patterns: (n, f, d) unit vectors, f framings of each image.
        asked: (m,) row numbers of the images to judge.
        real: (N,) row numbers of the real images.
        comparisons: which framing of an asked image is compared with which of a real one.
        mirror: (d,) signs that turn a pattern into that of the mirrored image.

    Returns:
        ``PatternMatches``; infinite distances and -1 where there is no other real image.
    """
    original, cosine = np.full(len(asked), -1), np.full(len(asked), -np.inf, np.float32)
    is_mirrored = np.zeros(len(asked), bool)
    others = len(real) - np.isin(asked, real)
    for own, other in comparisons:
        for mirrored in (False, True):
            queries = patterns[asked, own] * (mirror if mirrored else 1.0)
            position, near = _nearest_other(queries, asked, patterns[real, other], real)
            better = (near > cosine) & (others > 0)
            original[better], cosine[better] = real[position[better]], near[better]
            is_mirrored[better] = mirrored
    distance = np.full(len(asked), np.inf)
    found = original >= 0
    distance[found] = pattern_distances(
        patterns, asked[found], original[found], comparisons=comparisons, mirror=mirror
    )
    return PatternMatches(original=original, distance=distance, is_mirrored=is_mirrored)


def _nearest_other(
    queries: Patterns, asked: Integers, candidates: Patterns, real: Integers
) -> tuple[Integers, Singles]:
    """Position and cosine of each query's nearest candidate that is not the image itself."""
    unit = np.concatenate([queries, candidates]).astype(np.float32)
    first, width = len(asked), min(2, len(real))
    cosine, row = look_at_all(unit, np.arange(first), np.arange(first, len(unit)), width)
    position = row - first
    cosine[real[position] == asked[:, None]] = -np.inf
    best = cosine.argmax(axis=1)[:, None]
    return (
        np.take_along_axis(position, best, axis=1)[:, 0],
        np.take_along_axis(cosine, best, axis=1)[:, 0],
    )


def pattern_distances(
    patterns: Patterns,
    first: Integers,
    second: Integers,
    *,
    comparisons: Comparisons,
    mirror: Floats,
) -> Floats:
    """Cosine distances (m,) of given pairs, as ``match_patterns`` measures them."""
    distance = np.full(len(first), np.inf)
    for block in blocks(len(first), _BLOCK):
        for own, other in comparisons:
            a = patterns[first[block], own].astype(np.float64)
            b = patterns[second[block], other].astype(np.float64)
            for signs in (1.0, mirror):
                difference = a * signs - b
                near = 0.5 * np.einsum("ij,ij->i", difference, difference)
                distance[block] = np.minimum(distance[block], near)
    return distance
