"""Which images lie near which real ones, and which of them together cover the most."""

from __future__ import annotations

from typing import Final

import numpy as np

from synthaudit.arrays import Flags, Floats, Integers
from synthaudit.measures.search.neighbours import Directions, is_near, nearest

_NEIGHBOURHOOD: Final = 5
_ROUNDING: Final = 1e-12


def neighbourhood_radius(directions: Directions, real: Integers) -> Floats:
    """(N,) cosine distance of each real image to its fifth nearest other.

    Args:
        directions: all rows.
        real: (N,) row numbers of the real images.
    """
    k = min(_NEIGHBOURHOOD, len(real) - 1)
    radius: Floats = nearest(directions, real, real, count=k).distance[:, -1]
    return radius


def covers(directions: Directions, start: int, radius: Floats, is_copy: Flags) -> Flags:
    """(S, N) which of S images, from a row on, lie in the neighbourhood of which real ones.

    Row by row: all distances at once would be as large as the real set squared. Copies cover
    nothing: else copying the real images would be the best way to cover them.

    Args:
        directions: the N real images, and further rows.
        start: row of the first image.
        radius: (N,) of the neighbourhoods.
        is_copy: (S,) images that copy a real one.
    """
    real = directions.rows(np.arange(len(radius)))
    found = np.zeros((len(is_copy), len(radius)), bool)
    for row in np.flatnonzero(~is_copy):
        distance = 1.0 - real @ directions.rows(np.array([start + row]))[0]
        distance[distance < _ROUNDING] = 0.0
        found[row] = is_near(distance, radius)
    return found


def choose_covering(covering: Flags, cost: Floats, count: int) -> Integers:
    """The images to keep of too many: those that together cover the most, then the cheapest.

    Greedy, which covers at least 63 % of what the best choice would (Nemhauser et al. 1978). Of
    images that add as much the cheaper one is taken, of equal ones the earlier.

    Args:
        covering: (S, N) which image covers what.
        cost: (S,) lower is better.
        count: how many to keep.

    Returns:
        Rows, sorted; all of them where there are no more than ``count``.

    Examples:
        >>> covering = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 1]], bool)
        >>> choose_covering(covering, np.array([0.5, 0.1, 0.9]), 2)
        array([0, 2])
    """
    if len(covering) <= count:
        return np.arange(len(covering))
    order = np.lexsort((np.arange(len(cost)), cost))
    left = covering[order]
    gains = left.sum(axis=1)
    is_open = np.ones(covering.shape[1], bool)
    chosen: list[int] = []
    while len(chosen) < count:
        best = int(np.argmax(gains))
        if gains[best] <= 0:
            break
        chosen.append(best)
        # Only what is newly covered changes anything, so that all of it is looked at once.
        newly = left[best] & is_open
        is_open &= ~newly
        gains = gains - left[:, newly].sum(axis=1)
    others = np.setdiff1d(np.arange(len(order)), chosen)
    chosen += others[: count - len(chosen)].tolist()
    rows: Integers = np.sort(order[chosen])
    return rows
