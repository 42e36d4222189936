"""Near-duplicates: who is too near to whom, by every channel, joined into clusters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from synthaudit.arrays import Flags, Floats, Integers
from synthaudit.measures.copies.discovery import (
    Discoveries,
    discover,
    make_channel,
    without_duplicates,
)
from synthaudit.measures.copies.joining import join_alike, join_near
from synthaudit.measures.copies.patterns import (
    PatternMatches,
    Patterns,
    match_patterns,
    pattern_pairs,
)
from synthaudit.measures.copies.radius import DuplicateRadius, duplicate_radius
from synthaudit.measures.randomness import stream
from synthaudit.measures.search.neighbours import Directions, Neighbours, is_near, nearest
from synthaudit.measures.search.pairs import Pairs

EMBEDDING: Final = "embedding"
PATTERN: Final = "pattern"
# Held-out real images whose patterns are compared: enough for the tail, whatever the set's size.
_HELD_OUT: Final = 2000


@dataclass(frozen=True, kw_only=True)
class NearDuplicates:
    """What is near what, over all n images of both sides, by whichever rule.

    Attributes:
        nearest_real: (n, k) the nearest other real images of each image.
        nearest_synthetic: (n, 1) the nearest other synthetic image of each image.
        is_unvaried: (n,) synthetic images that repeat another one.
        is_unoriginal: (n,) synthetic images that copy a real one.
        cluster: (n,) number of the connected component of near-duplicates, -1 for images alone.
        pairs: the near-duplicate pairs, nearest first, at most a million of them.
        pair_count: how many pairs there are in all.
    """

    nearest_real: Neighbours
    nearest_synthetic: Neighbours
    is_unvaried: Flags
    is_unoriginal: Flags
    cluster: Integers
    pairs: Pairs
    pair_count: int

    @property
    def cluster_count(self) -> int:
        """How many clusters there are."""
        return int(self.cluster.max(initial=-1)) + 1


@dataclass(frozen=True, kw_only=True)
class Duplicates(NearDuplicates):
    """Near-duplicates by every channel, over M synthetic images among the n.

    Of a synthetic image, ``is_unvaried`` says that another synthetic one lies within the radius,
    or that some channel discovers it to be nearer to another than fresh images come;
    ``is_unoriginal`` says so of a real one.

    Attributes:
        radius: the duplicate radius, which the real images decide, and how it came about.
        copies: what the channels discover by comparing with real images.
        repeats: what they discover by comparing the synthetic images with one another.
        original: (M,) row number of the real image that each is likeliest a copy of.
        is_mirrored: (M,) whether the original mirrored or turned is nearer than as it is.
    """

    radius: DuplicateRadius
    copies: Discoveries
    repeats: Discoveries
    original: Integers
    is_mirrored: Flags

    @property
    def search_recall(self) -> float | None:
        """Measured share of near neighbours found; None where every pair was looked at."""
        recalls = [near.recall for near in (self.nearest_real, self.nearest_synthetic)]
        return min((recall for recall in recalls if recall is not None), default=None)


def find_duplicates(
    directions: Directions,
    is_synthetic: Flags,
    *,
    patterns: Patterns | None = None,
    false_alarms: float = 0.005,
    distance: float | None = None,
    false_discoveries: float = 0.05,
    seed: int = 0,
    advance: Callable[[int], None] = lambda _: None,
) -> Duplicates:
    """Find near-duplicates within a radius that only the real images decide, and by patterns.

    Args:
        directions: (n, d) all images.
        is_synthetic: (n,) the side of each.
        patterns: of all images; None for ready vectors.
        false_alarms: share of fresh images from the real distribution that the radius may flag.
        distance: an absolute cosine distance, by which alone embeddings are judged instead.
        false_discoveries: share of fresh images among what the channels discover.
        seed: decides which real images are held out to calibrate patterns.
        advance: told of every image, once for each side that it is looked for on.

    Returns:
        ``Duplicates``.
    """
    everyone = np.arange(len(directions))
    real, synthetic = everyone[~is_synthetic], everyone[is_synthetic]
    nearest_real = nearest(directions, everyone, real, count=2, advance=advance)
    nearest_synthetic = nearest(directions, everyone, synthetic, advance=advance)
    radius = duplicate_radius(
        directions,
        real,
        nearest_real.take(real),
        synthetic_count=len(synthetic),
        false_alarms=false_alarms,
        distance=distance,
    )
    near_real = is_near(nearest_real.distance[:, 0], radius.real)
    near_synthetic = is_near(
        nearest_synthetic.distance[:, 0], np.where(is_synthetic, radius.synthetic, radius.real)
    )
    # Both ends of a pair lie within its radius of something, so only these rows can form pairs.
    joined = join_near(directions, everyone[near_real | near_synthetic], is_synthetic, radius)
    by_pattern = None
    if patterns is not None:
        by_pattern = _compare_patterns(patterns, real, synthetic, seed)
    copies, repeats = (
        _discover(near.take(synthetic), radius, by_pattern, number, false_discoveries)
        for number, near in enumerate((nearest_real, nearest_synthetic))
    )
    edges = [*_discovered_pairs(copies, patterns, synthetic)]
    edges += _discovered_pairs(repeats, patterns, synthetic)
    if edges:
        joined = join_alike(joined, directions, edges, is_synthetic, radius)
    is_unoriginal, is_unvaried = near_real & is_synthetic, near_synthetic & is_synthetic
    is_unoriginal[synthetic] |= copies.is_found
    is_unvaried[synthetic] |= repeats.is_found
    # Whoever is repeated repeats as well, though by another framing it may not look so.
    for channel in repeats.channels:
        is_unvaried[channel.partner[repeats.found_by(channel)]] = True
    return Duplicates(
        radius=radius,
        nearest_real=nearest_real,
        nearest_synthetic=nearest_synthetic,
        is_unvaried=is_unvaried,
        is_unoriginal=is_unoriginal,
        cluster=joined.cluster,
        pairs=joined.pairs,
        pair_count=joined.pair_count,
        copies=copies,
        repeats=repeats,
        original=_originals(nearest_real.index[synthetic, 0], near_real[synthetic], copies),
        is_mirrored=np.zeros(len(synthetic), bool)
        if by_pattern is None
        else by_pattern.matches[0].is_mirrored & ~near_real[synthetic],
    )


@dataclass(frozen=True, kw_only=True)
class Repeats:
    """What repeats what among n images of one set.

    Attributes:
        nearest: (n, 1) the nearest other image of each by embedding.
        partner: (n,) row number of the image that each is likeliest a repeat of; -1 for one alone.
        is_repeat: (n,) whether it is one, within the radius or by any channel.
        p_value: (n,) probability that an image of the set that repeats none comes as near.
        cluster, pairs, pair_count: as those of ``NearDuplicates``.
        radius: learnt from the images themselves, repeats among them collapsed first.
    """

    nearest: Neighbours
    partner: Integers
    is_repeat: Flags
    p_value: Floats
    cluster: Integers
    pairs: Pairs
    pair_count: int
    radius: DuplicateRadius


def find_repeats(
    directions: Directions,
    *,
    patterns: Patterns | None = None,
    false_alarms: float = 0.005,
    distance: float | None = None,
    false_discoveries: float = 0.05,
    advance: Callable[[int], None] = lambda _: None,
) -> Repeats:
    """Find repeats within one set, which itself says how near is too near.

    Args:
        directions: (n, d) the images.
        patterns: of light; None for ready vectors.
        false_alarms: share of images that the radius may flag by chance.
        distance: an absolute cosine distance, by which alone embeddings are judged instead.
        false_discoveries: share of innocent images among what the channels discover.
        advance: told of every image.
    """
    everyone, nobody = np.arange(len(directions)), np.zeros(len(directions), bool)
    near = nearest(directions, everyone, everyone, count=2, advance=advance)
    radius = duplicate_radius(
        directions,
        everyone,
        near,
        synthetic_count=len(directions),
        false_alarms=false_alarms,
        distance=distance,
    )
    is_near_other = is_near(near.distance[:, 0], radius.real)
    joined = join_near(directions, everyone[is_near_other], nobody, radius)
    by_pattern = None
    if patterns is not None:
        matched = match_patterns(patterns, everyone, everyone)
        by_pattern = _PatternComparison(
            held_out=without_duplicates(matched.distance),
            matches=(matched, matched),
            crowding=(1.0, 1.0),
        )
    found = _discover(near, radius, by_pattern, 0, false_discoveries)
    edges = [*_discovered_pairs(found, patterns, everyone)]
    if edges:
        joined = join_alike(joined, directions, edges, nobody, radius)
    return Repeats(
        nearest=near,
        partner=_originals(near.index[:, 0], is_near_other, found),
        is_repeat=is_near_other | (joined.cluster >= 0),
        p_value=found.p_value,
        cluster=joined.cluster,
        pairs=joined.pairs,
        pair_count=joined.pair_count,
        radius=radius,
    )


@dataclass(frozen=True, kw_only=True)
class _PatternComparison:
    """Patterns of the synthetic images: the nearest real one, the nearest other synthetic one.

    ``held_out`` are distances of real images to the nearest other one, ``crowding`` how many times
    more candidates the synthetic images had.
    """

    held_out: Floats
    matches: tuple[PatternMatches, PatternMatches]
    crowding: tuple[float, float]


def _compare_patterns(
    patterns: Patterns, real: Integers, synthetic: Integers, seed: int
) -> _PatternComparison:
    rng = stream(seed, "held-out patterns")
    left_out = np.sort(rng.permutation(real)[:_HELD_OUT])
    matches = [match_patterns(patterns, synthetic, others) for others in (real, synthetic)]
    return _PatternComparison(
        held_out=without_duplicates(match_patterns(patterns, left_out, real).distance),
        matches=(matches[0], matches[1]),
        crowding=(1.0, len(synthetic) / max(len(real), 1)),
    )


def _discover(
    near: Neighbours,
    radius: DuplicateRadius,
    by_pattern: _PatternComparison | None,
    number: int,
    false_discoveries: float,
) -> Discoveries:
    """Discover copies (number 0) or repeats (1) among the synthetic images."""
    count = len(near.distance)
    channels = []
    if not radius.is_absolute:
        crowding = (1.0, count / max(radius.real_count, 1))[number]
        usual = radius.real_distances
        index, distance = near.index[:, 0], near.distance[:, 0]
        channels.append(make_channel(EMBEDDING, index, distance, usual, crowding=crowding))
    if by_pattern is not None:
        found, crowding = by_pattern.matches[number], by_pattern.crowding[number]
        channels.append(
            make_channel(
                PATTERN, found.partner, found.distance, by_pattern.held_out, crowding=crowding
            )
        )
    return discover(channels, count, false_discoveries=false_discoveries)


def _originals(nearest_real: Integers, is_near_real: Flags, copies: Discoveries) -> Integers:
    """By embedding where that says so, else by the channel that is surest."""
    original = nearest_real.copy()
    surest = np.full(len(original), np.inf)
    for channel in copies.channels:
        is_surer = (channel.p_value < surest) & (channel.partner >= 0)
        original[is_surer], surest[is_surer] = channel.partner[is_surer], channel.p_value[is_surer]
    return np.where(is_near_real, nearest_real, original)


def _discovered_pairs(
    found: Discoveries, patterns: Patterns | None, synthetic: Integers
) -> Iterator[tuple[Integers, Integers]]:
    """Both ends of the pairs that channels discover, by parts."""
    for channel in found.channels:
        rows = np.flatnonzero(found.found_by(channel) & (channel.partner >= 0))
        ends = synthetic[rows], channel.partner[rows]
        yield ends
        if channel.name == PATTERN and patterns is not None and len(rows):
            # Each has named its nearest; a group of many has more pairs than that.
            within = float(channel.distance[rows].max())
            yield from pattern_pairs(patterns, np.union1d(*ends), within)
