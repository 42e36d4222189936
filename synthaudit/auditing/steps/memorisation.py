"""Memorisation: which synthetic images copy a real one, by embedding and by patterns of light."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from synthaudit.arrays import Flags, Floats, Integers, Names, Singles
from synthaudit.auditing.context import Context
from synthaudit.auditing.step import Step
from synthaudit.auditing.steps.duplicates import RadiusDuplicates
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
from synthaudit.measures.intervals import either_p_value
from synthaudit.measures.protocol import Column
from synthaudit.measures.randomness import stream
from synthaudit.measures.samples import Samples
from synthaudit.result.section import Section
from synthaudit.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

COLUMNS: Final = (
    Column(
        name="copy_p_value",
        description="probability that a fresh image comes as near to a real one, 0 to 1; "
        "of synthetic images",
    ),
)

# Held-out real images whose patterns are compared: enough for the tail, whatever the set's size.
_HELD_OUT = 2000


@dataclass(frozen=True, kw_only=True)
class PatternChannel:
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
class MemorisationSection(Section):
    """The copies among M synthetic images by two channels.

    Attributes:
        embedding: judged by distance of embeddings.
        authenticity: how often an image is nearer to a real one than that one is to others; None
            with fewer than three real images.
        patterns: judged by patterns of light; None for ready vectors.
        repeats_p_value: how likely fresh images would come as near to one another as the nearest
            synthetic ones do.
        false_discoveries: rate to which the discoveries are held.
    """

    embedding: Memorisation
    authenticity: Authenticity | None
    patterns: PatternChannel | None
    repeats_p_value: float | None
    false_discoveries: float

    @property
    def p_value(self) -> float | None:
        """How likely chance would give as sure a copy by any channel; None where none can judge."""
        channels = (
            [self.embedding] if self.patterns is None else [self.embedding, self.patterns.found]
        )
        return either_p_value(*(channel.any_p_value for channel in channels))

    @property
    def found_by(self) -> Names:
        """(M,) ``both``, ``embedding``, ``pattern``, or empty for what is no copy."""
        by = np.where(self.embedding.is_copy, "embedding", "").astype(object)
        if self.patterns is not None:
            by[self.patterns.is_confirmed] = "both"
            by[self.patterns.found.is_copy & ~self.embedding.is_copy] = "pattern"
        return by

    def columns(self, samples: Samples) -> Mapping[str, npt.NDArray[Any]]:
        """How likely a fresh image comes as near to a real one."""
        p_value = np.full(len(samples), np.nan)
        p_value[samples.synthetic] = self.embedding.p_value
        return {"copy_p_value": p_value}

    def tables(self, samples: Samples) -> Mapping[str, pd.DataFrame]:
        """A row a discovered copy, the surest first."""
        return {"copies": _copy_table(self, samples)}

    def to_dict(self) -> dict[str, Any]:
        """How many copies there are, by which channel."""
        by = self.found_by
        summary: dict[str, Any] = {
            "copies": int((by != "").sum()),
            "share": float((by != "").mean()),
            "p_value": self.p_value,
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
        return {
            "memorisation": summary,
            "duplicates": {"repeats_p_value": self.repeats_p_value},
        }


def judge_copies_of(samples: Samples, context: Context) -> MemorisationSection:
    """Judge every synthetic image by embedding, and by patterns of light where there are files."""
    patterns = None if context.images is None else context.images.patterns()
    context.progress.start("judging copies", 0)
    duplicates = context.section(RadiusDuplicates).found
    return judge_memorisation(samples, duplicates, patterns, settings=context.settings)


def judge_memorisation(
    samples: Samples, duplicates: Duplicates, patterns: Singles | None, *, settings: Settings
) -> MemorisationSection:
    """Judge by the embedding, and by patterns where there are some.

    Args:
        samples: the images.
        duplicates: the search for near-duplicates.
        patterns: (n, f, d) perceptual hashes of the images; None for ready vectors.
        settings: rate of false discoveries and seed.
    """
    synthetic, real = samples.synthetic, samples.real
    near = duplicates.nearest_real.take(synthetic)
    radius = duplicates.radius
    held_out = radius.real_distances
    usual = without_duplicates(held_out) if radius.is_absolute else held_out
    by_embedding = judge_copies(
        near.index[:, 0],
        near.distance[:, 0],
        usual,
        false_discoveries=settings.false_discoveries,
    )
    others = duplicates.nearest_synthetic.take(synthetic)
    # As if there were as many synthetic images as real ones to be near to.
    scale = radius.real / radius.synthetic if radius.is_learnt and radius.synthetic > 0.0 else 1.0
    repeats = judge_copies(
        others.index[:, 0],
        others.distance[:, 0] * scale,
        usual,
        false_discoveries=settings.false_discoveries,
    )
    return MemorisationSection(
        embedding=by_embedding,
        authenticity=authenticity(duplicates.nearest_real, samples.is_synthetic)
        if len(real) >= 3
        else None,
        patterns=None
        if patterns is None
        else _judge_patterns(patterns, real, synthetic, by_embedding, settings),
        repeats_p_value=repeats.any_p_value,
        false_discoveries=settings.false_discoveries,
    )


def _judge_patterns(
    patterns: Singles,
    real: Integers,
    synthetic: Integers,
    by_embedding: Memorisation,
    settings: Settings,
) -> PatternChannel:
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
    return PatternChannel(
        found=found,
        is_mirrored=matched.is_mirrored,
        is_confirmed=is_confirmed,
        pair_distance=pair_distance,
    )


def _copy_table(found: MemorisationSection, samples: Samples) -> pd.DataFrame:
    import pandas as pd

    by, own, patterns = found.found_by, found.embedding, found.patterns
    columns: dict[str, Any] = {
        "path": samples.paths[samples.synthetic].astype(str),
        "original": samples.paths[own.original].astype(str),
        "distance": own.distance,
        "p_value": own.p_value,
        "found_by": by.astype(str),
    }
    if patterns is not None:
        alone = by == "pattern"
        columns["original"] = np.where(
            alone, samples.paths[patterns.found.original].astype(str), columns["original"]
        )
        # The embedding's distance is that to its own nearest, which may be another image here.
        columns["distance"] = np.where(alone, np.nan, own.distance)
        columns["pattern_distance"] = np.where(
            alone, patterns.found.distance, patterns.pair_distance
        )
        columns["pattern_p_value"] = patterns.found.p_value
        columns["is_mirrored"] = patterns.is_mirrored
    table: pd.DataFrame = pd.DataFrame(columns).loc[by != ""]
    order = ["p_value", "distance", "path"]
    return table.sort_values(order, kind="stable", ignore_index=True)


STEP: Final = Step(name="memorisation", run=judge_copies_of, needs=("duplicates",), columns=COLUMNS)
