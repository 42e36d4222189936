"""Harmonising: both sides brought to one size and codec before they are embedded."""

from __future__ import annotations

from typing import Final

import numpy as np

from synthaudit.images.collection import Collection
from synthaudit.images.reencoding import Recipe, reencoded
from synthaudit.images.traits import look_at

_LOOKED_AT: Final = 300
_GOOD_QUALITY: Final = 95
_UNKNOWN: Final = {"width": 224.0, "height": 224.0, "jpeg_quality": 0.0}


def common_recipe(sides: tuple[Collection, Collection], *, max_pixels: int) -> Recipe:
    """A size and a quality that neither side exceeds, so that neither can be told by them.

    A square as large as the smaller of the sides' median shorter edges, JPEG at the lower of their
    median qualities.
    """
    edges, qualities = [], []
    for side in sides:
        found = look_at(side, _LOOKED_AT) or [_UNKNOWN]
        edges.append(np.median([min(f["width"], f["height"]) for f in found]))
        quality = [f["jpeg_quality"] or _GOOD_QUALITY for f in found]
        qualities.append(min(np.median(quality), _GOOD_QUALITY))
    edge = max(int(min(edges)), 8)
    edge = min(edge, int(max_pixels**0.5))
    return Recipe(width=edge, height=edge, codec="JPEG", quality=int(min(qualities)))


def harmonised(
    sides: tuple[Collection, Collection], *, workers: int | None, max_pixels: int
) -> tuple[tuple[Collection, Collection], Recipe]:
    """Both collections with every image at one size and codec, and the recipe."""
    recipe = common_recipe(sides, max_pixels=max_pixels)
    first, second = (
        reencoded(side, [recipe] * len(side.entries), workers=workers, max_pixels=max_pixels)
        for side in sides
    )
    return (first, second), recipe
