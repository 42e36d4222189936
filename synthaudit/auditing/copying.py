"""Which synthetic images copy a real one: by the embedding, and by patterns of light."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from synthaudit.arrays import Flags, Floats, Integers, Names, Singles
from synthaudit.images.perceptual_hash import COMPARISONS, MIRROR
from synthaudit.measures.copies.duplicates import Duplicates
from synthaudit.measures.copies.memorisation import (
    Authenticity,
    Memorisation,
    authenticity,
    judge_copies,
    without_duplicates,
)
from synthaudit.measures.copies.patterns import match_patterns, pattern_distances
from synthaudit.measures.randomness import stream
from synthaudit.settings import Settings

# Held-out real images whose patterns are compared: enough for the tail, whatever the set's size.
_HELD_OUT = 2000


@dataclass(frozen=True, kw_only=True)
class PatternVerdict:
    """The second channel, over the M synthetic images.

    Attributes:
        found: what patterns of light discover by themselves.
        is_mirrored: (M,) whether the mirrored image is nearer to the original.
        is_confirmed: (M,) copies by the embedding whose very pair is alike in pattern too.
        pair_distance: (M,) distance of that pair's patterns; NaN elsewhere.
    """

    found: Memorisation
    is_mirrored: Flags
    is_confirmed: Flags
    pair_distance: Floats


@dataclass(frozen=True, kw_only=True)
class Copying:
    """The copies among M synthetic images by two channels.

    Attributes:
        embedding: judged by distance of embeddings.
        authenticity: how often an image is nearer to a real one than that one is to others; None
            with fewer than three real images.
        patterns: judged by patterns of light; None for ready vectors.
        false_discoveries: rate to which the discoveries are held.
    """

    embedding: Memorisation
    authenticity: Authenticity | None
    patterns: PatternVerdict | None
    false_discoveries: float

    @property
    def found_by(self) -> Names:
        """(M,) ``both``, ``embedding``, ``pattern``, or empty for what is no copy."""
        by = np.where(self.embedding.is_copy, "embedding", "").astype(object)
        if self.patterns is not None:
            by[self.patterns.is_confirmed] = "both"
            by[self.patterns.found.is_copy & ~self.embedding.is_copy] = "pattern"
        return by

    def to_dict(self) -> dict[str, Any]:
        """What ``scores.json`` says of memorisation."""
        by = self.found_by
        summary: dict[str, Any] = {
            "copies": int((by != "").sum()),
            "share": float((by != "").mean()),
            "false_discoveries": self.false_discoveries,
        }
        if self.patterns is not None:
            mirrored = self.patterns.is_mirrored & ((by == "both") | (by == "pattern"))
            summary |= {
                "by_both": int((by == "both").sum()),
                "by_embedding_only": int((by == "embedding").sum()),
                "by_pattern_only": int((by == "pattern").sum()),
                "mirrored": int(mirrored.sum()),
            }
        if self.authenticity is not None:
            summary |= {
                "not_authentic": self.authenticity.share,
                "not_authentic_held_out": self.authenticity.held_out_share,
            }
        return summary


def judge_copying(
    is_synthetic: Flags,
    duplicates: Duplicates,
    patterns: Singles | None,
    *,
    settings: Settings,
) -> Copying:
    """Judge by the embedding, and by patterns where there are some.

    Args:
        is_synthetic: (n,) the side of each.
        duplicates: the search for near-duplicates.
        patterns: (n, f, d) perceptual hashes of the images; None for ready vectors.
        settings: rate of false discoveries and seed.
    """
    synthetic, real = np.flatnonzero(is_synthetic), np.flatnonzero(~is_synthetic)
    near = duplicates.nearest_real.take(synthetic)
    radius = duplicates.radius
    held_out = radius.real_distances
    by_embedding = judge_copies(
        near.index[:, 0],
        near.distance[:, 0],
        without_duplicates(held_out) if radius.is_absolute else held_out,
        false_discoveries=settings.false_discoveries,
    )
    return Copying(
        embedding=by_embedding,
        authenticity=authenticity(duplicates.nearest_real, is_synthetic)
        if len(real) >= 3
        else None,
        patterns=None
        if patterns is None
        else _judge_patterns(patterns, real, synthetic, by_embedding, settings),
        false_discoveries=settings.false_discoveries,
    )


def _judge_patterns(
    patterns: Singles,
    real: Integers,
    synthetic: Integers,
    by_embedding: Memorisation,
    settings: Settings,
) -> PatternVerdict:
    how: dict[str, Any] = {"comparisons": COMPARISONS, "mirror": MIRROR}
    rng = stream(settings.seed, "held-out patterns")
    left_out = np.sort(rng.permutation(real)[:_HELD_OUT])
    usual = match_patterns(patterns, left_out, real, **how).distance
    held_out = without_duplicates(usual[np.isfinite(usual)])
    matched = match_patterns(patterns, synthetic, real, **how)
    found = judge_copies(
        matched.original,
        matched.distance,
        held_out,
        false_discoveries=settings.false_discoveries,
    )
    suspects = np.flatnonzero(by_embedding.is_copy)
    originals = by_embedding.original[suspects]
    pairs = pattern_distances(patterns, synthetic[suspects], originals, **how)
    confirmed = judge_copies(
        originals, pairs, held_out, false_discoveries=settings.false_discoveries
    )
    is_confirmed = np.zeros(len(synthetic), bool)
    is_confirmed[suspects] = confirmed.is_copy
    pair_distance = np.full(len(synthetic), np.nan)
    pair_distance[suspects] = pairs
    return PatternVerdict(
        found=found,
        is_mirrored=matched.is_mirrored,
        is_confirmed=is_confirmed,
        pair_distance=pair_distance,
    )
