"""Discovery: which synthetic images are nearer to others than fresh images come, by any channel.

A channel is a way of comparing two images: by embedding, by patterns of light. Each is calibrated
by itself on held-out real images, so that its p-values are those of fresh ones; one rate of false
discoveries then holds for all channels together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from synthaudit.arrays import Flags, Floats, Integers
from synthaudit.measures.copies.radius import DUPLICATE_SHARE
from synthaudit.measures.copies.rates import false_discovery_rates

_TAIL_SHARE: Final = 0.2
_TAIL_LEAST: Final = 20
_TAIL_MOST: Final = 200
_LEAST_P_VALUE: Final = 1e-12
_LEAST_REFERENCE: Final = 5


@dataclass(frozen=True, kw_only=True)
class Channel:
    """How near each of M images comes to others, by one way of comparing.

    Attributes:
        name: of the way.
        partner: (M,) row number of the image that each is nearest to.
        distance: (M,) their distance, in the channel's own measure.
        p_value: (M,) probability that a fresh image comes as near, in (0, 1].
    """

    name: str
    partner: Integers
    distance: Floats
    p_value: Floats


@dataclass(frozen=True, kw_only=True)
class Discoveries:
    """What several channels discover together among M images.

    Attributes:
        channels: those that could judge.
        p_value: (M,) of the guess that an image is a fresh one: of its surest channel, corrected
            for their number (Bonferroni).
        is_found: (M,) discoveries at the wanted rate of false ones.
        limit: the largest p-value among them; 0 without any.
        any_p_value: of the guess that all are fresh (Simes, Biometrika 1986); None where no channel
            could judge.
    """

    channels: Sequence[Channel]
    p_value: Floats
    is_found: Flags
    limit: float
    any_p_value: float | None

    def found_by(self, channel: Channel) -> Flags:
        """(M,) which discoveries a channel would make by itself."""
        return self.is_found & (channel.p_value * len(self.channels) <= self.limit)


def make_channel(
    name: str,
    partner: Integers,
    distance: Floats,
    held_out: Floats,
    *,
    crowding: float = 1.0,
) -> Channel | None:
    """Calibrate the distances of a channel by those of held-out real images.

    Args:
        name: of the channel.
        partner: (M,) row number of the image that each is nearest to.
        distance: (M,) its distance.
        held_out: (N,) nearest distances of real images, each left out of the others in turn.
        crowding: how many times more candidates the M images have than the held-out ones had; the
            chance of one as near grows with it.

    Returns:
        ``Channel``; None with fewer than five held-out distances, which tell nothing.
    """
    if len(held_out) < _LEAST_REFERENCE:
        return None
    p_value = np.ones(len(distance))
    if len(distance):
        p_value = np.minimum(nearness_p_values(distance, held_out) * max(crowding, 1.0), 1.0)
    return Channel(name=name, partner=partner, distance=distance, p_value=p_value)


def discover(
    channels: Sequence[Channel | None], count: int, *, false_discoveries: float = 0.05
) -> Discoveries:
    """Discover by all channels together.

    Args:
        channels: over the same images; None for one that cannot judge.
        count: M.
        false_discoveries: wanted share of fresh images among the discoveries (Benjamini and
            Hochberg, Journal of the Royal Statistical Society B, 1995).

    Returns:
        ``Discoveries``.
    """
    judging = [channel for channel in channels if channel is not None]
    p_value = np.ones(count)
    for channel in judging:
        p_value = np.minimum(p_value, channel.p_value * len(judging))
    adjusted = false_discovery_rates(p_value)
    is_found = (adjusted <= false_discoveries) & bool(judging)
    return Discoveries(
        channels=judging,
        p_value=p_value,
        is_found=is_found,
        limit=float(p_value[is_found].max(initial=0.0)),
        any_p_value=float(adjusted.min(initial=1.0)) if judging else None,
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


def without_duplicates(distance: Floats) -> Floats:
    """Nearest distances of real images less those of duplicates, and of images without another."""
    distance = distance[np.isfinite(distance)]
    usual = float(np.median(distance)) if len(distance) else 0.0
    kept: Floats = distance[distance >= DUPLICATE_SHARE * usual]
    return kept[kept > 0.0]
