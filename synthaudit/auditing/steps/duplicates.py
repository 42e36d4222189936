"""Near-duplicates, by either definition, and the clusters that no fold may cut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from synthaudit.arrays import Integers
from synthaudit.auditing.context import Context
from synthaudit.auditing.step import Step
from synthaudit.measures.copies.duplicates import Duplicates, NearDuplicates, find_duplicates
from synthaudit.measures.copies.studio import StudioDuplicates, find_studio_duplicates
from synthaudit.measures.detection.folds import fold_groups
from synthaudit.measures.protocol import Column
from synthaudit.measures.samples import Samples
from synthaudit.measures.search.neighbours import Directions
from synthaudit.result.section import Section
from synthaudit.result.tables import pair_table

if TYPE_CHECKING:
    import pandas as pd

COLUMNS: Final = (
    Column(name="nearest_real", description="the nearest other real image", missing=None),
    Column(name="nearest_real_distance", description="its cosine distance, 0 to 2"),
    Column(name="nearest_synthetic", description="the nearest other synthetic image", missing=None),
    Column(name="nearest_synthetic_distance", description="its cosine distance, 0 to 2"),
    Column(
        name="duplicate_cluster",
        description="number of its cluster of near-duplicates; none for images alone",
    ),
    Column(name="is_unvaried", description="a synthetic image that repeats another", missing=False),
    Column(
        name="is_unoriginal", description="a synthetic image that copies a real one", missing=False
    ),
)
_NO_RADIUS: Final = (
    "The real side has fewer than two distinct images, so no duplicate radius can be learnt from "
    "it: only identical images count as repeats and copies."
)
_STUDIO: Final = (
    "These are Cleanlab Studio's definitions: they move with the ratio of the sides and are not to "
    "be compared with the default ones."
)


@dataclass(frozen=True, kw_only=True)
class DuplicateSection(Section):
    """What is near what.

    Attributes:
        found: by whichever rule.
        chance: share of fresh images that it flags; None where that is not known.
    """

    found: NearDuplicates
    chance: float | None

    def columns(self, samples: Samples) -> Mapping[str, npt.NDArray[Any]]:
        """Nearest images, clusters and flags."""
        found = self.found
        columns: dict[str, Any] = {
            "duplicate_cluster": found.cluster,
            "is_unvaried": found.is_unvaried,
            "is_unoriginal": found.is_unoriginal,
        }
        for side, near in (("real", found.nearest_real), ("synthetic", found.nearest_synthetic)):
            index, distance = near.index[:, 0], near.distance[:, 0]
            names = samples.paths[index]
            names[index < 0] = None
            columns[f"nearest_{side}"] = names
            columns[f"nearest_{side}_distance"] = np.where(np.isinf(distance), np.nan, distance)
        return columns

    def tables(self, samples: Samples) -> Mapping[str, pd.DataFrame]:
        """The pairs, nearest first."""
        return {"duplicates": pair_table(samples, self.found.pairs)}

    def _counts(self) -> dict[str, Any]:
        found = self.found
        return {
            "pairs": found.pair_count,
            "pairs_listed": len(found.pairs),
            "clusters": found.cluster_count,
        }


@dataclass(frozen=True, kw_only=True)
class RadiusDuplicates(DuplicateSection):
    """Near-duplicates by every channel, calibrated by the real images.

    Attributes:
        groups: (n,) clusters that no fold cuts, -1 for images alone.
    """

    found: Duplicates
    groups: Integers

    def to_dict(self) -> dict[str, Any]:
        """The radius and how it came about, and how many pairs there are."""
        radius = self.found.radius
        return {
            "duplicates": {
                "radius": radius.real,
                "synthetic_radius": radius.synthetic,
                "intrinsic_dimension": radius.intrinsic_dimension,
                "distinct_real": radius.real_count,
                **self._counts(),
                "search_recall": self.found.search_recall,
                "repeats_p_value": self.found.repeats.any_p_value,
            }
        }

    def notes(self) -> tuple[str, ...]:
        """Where the radius or the search is not what readers expect."""
        notes = []
        radius, recall = self.found.radius, self.found.search_recall
        if not radius.is_absolute and not radius.is_learnt:
            notes.append(_NO_RADIUS)
        if recall is not None:
            notes.append(
                "There are too many pairs to look at every one: of near neighbours that were "
                f"checked, the search finds {recall:.1%}."
            )
        return tuple(notes)

    def regroup(self, samples: Samples) -> Samples:
        """From here on no fold cuts through a cluster."""
        return samples.grouped(self.groups)


@dataclass(frozen=True, kw_only=True)
class StudioSection(DuplicateSection):
    """Near-duplicates by Cleanlab's rule, which takes no notice of copies when it deals folds."""

    found: StudioDuplicates

    def to_dict(self) -> dict[str, Any]:
        """The threshold, and how many pairs there are."""
        found = self.found
        summary = {"radius": found.threshold, "metric": found.metric, **self._counts()}
        return {"duplicates": summary}

    def notes(self) -> tuple[str, ...]:
        """That the numbers are of another definition."""
        return (_STUDIO,)


def search_by_radius(samples: Samples, context: Context) -> RadiusDuplicates:
    """Find near-duplicates by every channel, calibrated by the real images alone."""
    settings, engine = context.settings, context.engine
    # Everyone is looked for among the real images, and among the synthetic ones.
    context.progress.start("searching near-duplicates", 2 * len(samples))
    directions = Directions(samples.by_copies, engine.search, engine.allocate)
    found = find_duplicates(
        directions,
        samples.is_synthetic,
        patterns=samples.patterns,
        false_alarms=settings.false_alarms,
        distance=settings.duplicate_distance,
        false_discoveries=settings.false_discoveries,
        seed=settings.seed,
        advance=context.progress.advance,
    )
    return RadiusDuplicates(
        found=found,
        chance=settings.false_alarms if found.radius.is_learnt else None,
        groups=fold_groups(
            directions,
            found.cluster,
            samples.is_synthetic,
            radius=found.radius.largest,
            folds=settings.folds,
        ),
    )


def search_as_studio(samples: Samples, context: Context) -> StudioSection:
    """Find near-duplicates by Cleanlab's rule."""
    context.progress.start("searching near-duplicates", 0)
    return StudioSection(found=find_studio_duplicates(samples), chance=None)


BY_RADIUS: Final = Step(name="duplicates", run=search_by_radius, columns=COLUMNS)
AS_STUDIO: Final = Step(name="duplicates", run=search_as_studio, columns=COLUMNS)
