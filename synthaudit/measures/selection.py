"""Which synthetic images are worth keeping, and why the others are not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from synthaudit.arrays import Flags, Floats, Integers, Names

KEPT: Final = ""
COPIES: Final = "it copies a real image"
OTHER_CLASS: Final = "it does not show its class"
OBVIOUS: Final = "it is an obvious fake"
UNFAITHFUL: Final = "it does not show its prompt"
REPEATED: Final = "it repeats another image, which is kept"


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The verdict on each image.

    Attributes:
        is_kept: (n,) synthetic images worth keeping; False for real ones.
        reason: (n,) why a synthetic image is dropped, empty for those kept and for real ones.
    """

    is_kept: Flags
    reason: Names


def select(
    *,
    is_synthetic: Flags,
    is_unoriginal: Flags,
    is_wrong_label: Flags,
    defect: Names,
    probability_synthetic: Floats,
    cluster: Integers,
    is_unfaithful: Flags | None = None,
    is_chosen: Flags | None = None,
    obvious: float = 0.95,
) -> Selection:
    """Drop what is at fault in itself, and all but the best of each cluster.

    The first reason that applies is given. Of a cluster's remaining images the one that the
    detector finds least synthetic is kept, the earliest where they tie; those that a person chose
    are kept whatever is found, and before others of their cluster.

    Args:
        is_synthetic: (n,) the side of each image.
        is_unoriginal: (n,) copies of real images.
        is_wrong_label: (n,) images of another class than intended.
        defect: (n,) what is wrong with broken pictures, None for others.
        probability_synthetic: (n,) what the detector says.
        cluster: (n,) near-duplicate cluster, -1 for images alone.
        is_unfaithful: (n,) images that do not show their prompts; None for none.
        is_chosen: (n,) images that a person chose to keep; None for none.
        obvious: probability from which an image is an obvious fake.

    Returns:
        ``Selection``.
    """
    reason = np.full(len(cluster), KEPT, object)
    reasons = (
        (is_unoriginal, COPIES),
        (is_wrong_label, OTHER_CLASS),
        (np.zeros(len(cluster), bool) if is_unfaithful is None else is_unfaithful, UNFAITHFUL),
        (probability_synthetic >= obvious, OBVIOUS),
    )
    is_broken = is_synthetic & (defect != None)  # noqa: E711 - element by element
    reason[is_broken] = [f"it is broken: {name}" for name in defect[is_broken]]
    for dropped, text in reasons:
        reason[is_synthetic & dropped & (reason == KEPT)] = text
    chosen = np.zeros(len(cluster), bool) if is_chosen is None else is_chosen
    reason[chosen] = KEPT
    candidates = np.flatnonzero(is_synthetic & (reason == KEPT) & (cluster >= 0))
    keys = (candidates, probability_synthetic[candidates], ~chosen[candidates], cluster[candidates])
    order = candidates[np.lexsort(keys)]
    _, first = np.unique(cluster[order], return_index=True)
    repeats = np.delete(order, first)
    repeats = repeats[~chosen[repeats]]
    reason[repeats] = REPEATED
    return Selection(is_kept=is_synthetic & (reason == KEPT), reason=reason)
