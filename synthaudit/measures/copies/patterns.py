"""A second channel for copies: patterns of light, compared in several framings and mirrored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from synthaudit.measures.neighbours import Directions, Flags, Floats, Integers, nearest

Patterns = npt.NDArray[np.floating[Any]]
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
    original, distance = np.full(len(asked), -1), np.full(len(asked), np.inf)
    is_mirrored = np.zeros(len(asked), bool)
    for own, other in comparisons:
        for mirrored in (False, True):
            queries = patterns[asked, own] * mirror if mirrored else patterns[asked, own]
            rows, near = _nearest_other(queries, asked, patterns[real, other], real)
            better = near < distance
            original[better], distance[better] = rows[better], near[better]
            is_mirrored[better] = mirrored
    return PatternMatches(original=original, distance=distance, is_mirrored=is_mirrored)


def _nearest_other(
    queries: Patterns, asked: Integers, candidates: Patterns, real: Integers
) -> tuple[Integers, Floats]:
    """Row number and distance of each query's nearest candidate that is not the image itself."""
    both = Directions(np.concatenate([candidates, queries]))
    count = len(candidates)
    found = nearest(both, count + np.arange(len(queries)), np.arange(count), count=2)
    rows = np.where(found.index >= 0, real[found.index], -1)
    near = np.where(rows == asked[:, None], np.inf, found.distance)
    best = near.argmin(axis=1)[:, None]
    return (
        np.take_along_axis(rows, best, axis=1)[:, 0],
        np.take_along_axis(near, best, axis=1)[:, 0],
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
    for start in range(0, len(first), _BLOCK):
        block = slice(start, start + _BLOCK)
        for own, other in comparisons:
            a = patterns[first[block], own].astype(np.float64)
            b = patterns[second[block], other].astype(np.float64)
            for signs in (1.0, mirror):
                difference = a * signs - b
                near = 0.5 * np.einsum("ij,ij->i", difference, difference)
                distance[block] = np.minimum(distance[block], near)
    return distance
