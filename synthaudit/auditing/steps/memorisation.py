"""Memorisation: which synthetic images copy a real one, and by which channel that is seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from synthaudit.arrays import Flags, Floats, Names
from synthaudit.auditing.context import Context
from synthaudit.auditing.step import Step
from synthaudit.auditing.steps.duplicates import RadiusDuplicates
from synthaudit.measures.copies.authenticity import Authenticity, authenticity
from synthaudit.measures.copies.duplicates import EMBEDDING, PATTERN, Duplicates
from synthaudit.measures.protocol import Column
from synthaudit.measures.samples import Samples
from synthaudit.measures.search.neighbours import Directions, is_near
from synthaudit.result.section import Section

if TYPE_CHECKING:
    import pandas as pd

COLUMNS: Final = (
    Column(
        name="copy_p_value",
        description="probability that a fresh image comes as near to a real one, 0 to 1; "
        "of synthetic images",
    ),
    Column(name="original", description="the real image that a copy is of", missing=None),
)


@dataclass(frozen=True, kw_only=True)
class MemorisationSection(Section):
    """The copies among M synthetic images, channel by channel.

    Attributes:
        found: all near-duplicates.
        is_copy: (M,) the copies.
        by_channel: (M,) which of them each channel sees.
        distance: (M,) of the copies, that of the embeddings to the original; NaN of others.
        authenticity: how often an image is nearer to a real one than that one is to others; None
            with fewer than three real images.
        false_discoveries: rate to which the discoveries are held.
    """

    found: Duplicates
    is_copy: Flags
    by_channel: Mapping[str, Flags]
    distance: Floats
    authenticity: Authenticity | None
    false_discoveries: float

    @property
    def found_by(self) -> Names:
        """(M,) ``both``, the name of a channel, or empty for what is no copy."""
        by = np.full(len(self.is_copy), "", object)
        for name, seen in self.by_channel.items():
            by[seen] = np.where(by[seen] == "", name, "both")
        return by

    def columns(self, samples: Samples) -> Mapping[str, npt.NDArray[Any]]:
        """How likely a fresh image comes as near to a real one, and what copies are of."""
        p_value = np.full(len(samples), np.nan)
        p_value[samples.synthetic] = self.found.copies.p_value
        original = np.full(len(samples), None, object)
        copies = self.is_copy
        original[samples.synthetic[copies]] = samples.paths[self.found.original[copies]]
        return {"copy_p_value": p_value, "original": original}

    def tables(self, samples: Samples) -> Mapping[str, pd.DataFrame]:
        """A row a copy, the surest first."""
        import pandas as pd

        copies, found = self.is_copy, self.found
        columns: dict[str, Any] = {
            "path": samples.paths[samples.synthetic].astype(str),
            "original": samples.paths[found.original].astype(str),
            "distance": self.distance,
            "p_value": found.copies.p_value,
            "found_by": self.found_by.astype(str),
        }
        for channel in found.copies.channels:
            if channel.name != EMBEDDING:
                columns[f"{channel.name}_distance"] = channel.distance
                columns[f"{channel.name}_p_value"] = channel.p_value
        if PATTERN in self.by_channel:
            columns["is_mirrored"] = found.is_mirrored
        table = pd.DataFrame(columns).loc[copies]
        order = ["p_value", "distance", "path"]
        return {"copies": table.sort_values(order, kind="stable", ignore_index=True)}

    def to_dict(self) -> dict[str, Any]:
        """How many copies there are, by which channel."""
        by = self.found_by
        summary: dict[str, Any] = {
            "copies": int(self.is_copy.sum()),
            "share": float(self.is_copy.mean()),
            "p_value": self.found.copies.any_p_value,
            "false_discoveries": self.false_discoveries,
        }
        if PATTERN in self.by_channel:
            mirrored = self.is_copy & self.found.is_mirrored
            summary |= {
                "by_both": int((by == "both").sum()),
                "by_embedding_only": int((by == EMBEDDING).sum()),
                "by_pattern_only": int((by == PATTERN).sum()),
                "mirrored": int(mirrored.sum()),
            }
        if self.authenticity is not None:
            summary |= {
                "not_authentic": self.authenticity.share,
                "not_authentic_held_out": self.authenticity.held_out_share,
            }
        return {"memorisation": summary}


def describe_copies(samples: Samples, context: Context) -> MemorisationSection:
    """Say of the copies which channel sees them, and what they are of."""
    found, synthetic = context.section(RadiusDuplicates).found, samples.synthetic
    is_copy = found.is_unoriginal[synthetic]
    near = found.nearest_real.take(synthetic)
    within = is_copy & is_near(near.distance[:, 0], found.radius.real)
    by_channel = {EMBEDDING: within}
    for channel in found.copies.channels:
        seen = is_copy & found.copies.found_by(channel)
        by_channel[channel.name] = seen | (within if channel.name == EMBEDDING else False)
    distance = np.full(len(synthetic), np.nan)
    rows, originals = synthetic[is_copy], found.original[is_copy]
    pairs = Directions(samples.by_copies[np.concatenate([rows, originals])])
    place = np.arange(len(rows))
    distance[is_copy] = pairs.distance(place, len(rows) + place)
    return MemorisationSection(
        found=found,
        is_copy=is_copy,
        by_channel=by_channel,
        distance=distance,
        authenticity=authenticity(found.nearest_real, samples.is_synthetic)
        if len(samples.real) >= 3
        else None,
        false_discoveries=context.settings.false_discoveries,
    )


STEP: Final = Step(name="memorisation", run=describe_copies, needs=("duplicates",), columns=COLUMNS)
