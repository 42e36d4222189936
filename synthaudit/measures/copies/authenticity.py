"""Authenticity: is an image nearer to a real one than that one is to the other real ones?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synthaudit.arrays import Flags
from synthaudit.measures.search.neighbours import Neighbours, is_near


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
