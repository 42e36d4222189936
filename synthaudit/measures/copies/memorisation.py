"""Memorisation: is a synthetic image nearer to a real one than held-out real images ever are?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from synthaudit.arrays import Flags, Floats, Integers
from synthaudit.measures.copies.radius import DUPLICATE_SHARE
from synthaudit.measures.copies.rates import false_discovery_rates
from synthaudit.measures.search.neighbours import Neighbours, is_near

_TAIL_SHARE: Final = 0.2
_TAIL_LEAST: Final = 20
_TAIL_MOST: Final = 200
_LEAST_P_VALUE: Final = 1e-12
_LEAST_REFERENCE: Final = 5


@dataclass(frozen=True, kw_only=True)
class Memorisation:
    """Which synthetic images are copies, by one channel.

    Attributes:
        original: (M,) row number of the real image that each synthetic one is nearest to.
        distance: (M,) their cosine distance.
        p_value: (M,) probability that a fresh real image comes as near, in (0, 1].
        is_copy: (M,) discoveries at the wanted rate of false ones.
        any_p_value: of the guess that none of them is a copy (Simes, Biometrika 1986); None with
            too few distances of held-out images to judge by.
    """

    original: Integers
    distance: Floats
    p_value: Floats
    is_copy: Flags
    any_p_value: float | None


def judge_copies(
    original: Integers, distance: Floats, held_out: Floats, *, false_discoveries: float = 0.05
) -> Memorisation:
    """Judge nearest distances by those of held-out real images.

    Args:
        original: (M,) row number of the nearest real image of each synthetic one.
        distance: (M,) its cosine distance.
        held_out: (N,) nearest distances of real images, each left out of the others in turn: as
            many candidates, less one, as the synthetic images have.
        false_discoveries: wanted share of fresh images among the discoveries (Benjamini and
            Hochberg 1995).

    Returns:
        ``Memorisation``. With fewer than five held-out distances nothing is discovered.
    """
    if len(held_out) < _LEAST_REFERENCE or len(distance) == 0:
        p_value = np.ones(len(distance))
    else:
        p_value = nearness_p_values(distance, held_out)
    adjusted = false_discovery_rates(p_value)
    is_judged = len(held_out) >= _LEAST_REFERENCE
    return Memorisation(
        original=original,
        distance=distance,
        p_value=p_value,
        is_copy=(adjusted <= false_discoveries) & is_judged,
        any_p_value=float(adjusted.min(initial=1.0)) if is_judged else None,
    )


def nearness_p_values(distance: Floats, held_out: Floats) -> Floats:
    """Probability that a fresh image lies as near to a real one.

    Among the bulk the rank among the held-out distances gives it (Vovk's conformal p-value). Ranks
    end at 1 / (N + 1), too coarse for finding few copies among many images; below the smallest
    fifth (20 to 200 of them) the number of neighbours grows with a power of the Euclidean length,
    so that logarithms of lengths are exponential. Of an exponential with k observations of sum S
    another exceeds x with probability (1 + x / S)^-k, which knows how uncertain the power is.

    Args:
        distance: (M,) cosine distances to judge.
        held_out: (N,) distances of held-out real images, N >= 2.

    Returns:
        (M,) in [1e-12, 1].
    """
    held_out = np.sort(held_out)
    count = len(held_out)
    rank = np.searchsorted(held_out, distance, side="right")
    p_value = (1.0 + rank) / (count + 1.0)
    in_tail = min(max(int(count * _TAIL_SHARE), _TAIL_LEAST), _TAIL_MOST, count - 1)
    edge = held_out[in_tail]
    if edge <= 0.0:
        return np.asarray(p_value)
    floor = edge * 1e-12
    spread = 0.5 * np.log(edge / np.maximum(held_out[:in_tail], floor))
    beyond = 0.5 * np.log(edge / np.clip(distance, floor, edge))
    total = float(spread.sum())
    if total <= 0.0:  # all held-out distances are one: whatever is nearer is out of the ordinary
        tail = np.where(distance < edge, _LEAST_P_VALUE, 1.0)
    else:
        tail = (1.0 + in_tail) / (count + 1.0) * (1.0 + beyond / total) ** -in_tail
    return np.where(distance < edge, np.maximum(tail, _LEAST_P_VALUE), p_value)


@dataclass(frozen=True, kw_only=True)
class Authenticity:
    """Share of images nearer to a real image than that one is to any other.

    Attributes:
        share: of the synthetic images, in [0, 1]; high means copying (Alaa et al., ICML 2022, call
            its complement authenticity).
        held_out_share: the same of real images, each left out in turn. It depends on the dimension
            and has no other null.
    """

    share: float
    held_out_share: float


def authenticity(nearest_real: Neighbours, is_synthetic: Flags) -> Authenticity:
    """Compare each image's distance to its nearest real image with what that one is used to.

    Args:
        nearest_real: (n, 2) the two nearest other real images of each image.
        is_synthetic: (n,) the side of each; N >= 3 are real.

    Returns:
        ``Authenticity``.
    """
    real = np.flatnonzero(~is_synthetic)
    own, near = nearest_real.take(real), nearest_real.take(np.flatnonzero(is_synthetic))
    row_of = np.full(len(is_synthetic), -1)
    row_of[real] = np.arange(len(real))
    usual = own.distance[row_of[near.index[:, 0]], 0]
    # A real image that is left out does not count as its original's neighbour either.
    left_out = np.arange(len(real))
    original = row_of[own.index[:, 0]]
    is_mutual = row_of[own.index[original, 0]] == left_out
    others = np.where(is_mutual, own.distance[original, 1], own.distance[original, 0])
    return Authenticity(
        share=float(is_near(near.distance[:, 0], usual).mean()),
        held_out_share=float(is_near(own.distance[:, 0], others).mean()),
    )


def without_duplicates(distance: Floats) -> Floats:
    """Nearest distances of real images less those that are duplicates of another real image."""
    usual = float(np.median(distance)) if len(distance) else 0.0
    kept: Floats = distance[distance >= DUPLICATE_SHARE * usual]
    return kept[kept > 0.0]
