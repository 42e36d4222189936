"""The real image of its own class that each synthetic image is nearest to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from synthaudit.arrays import Floats, Integers
from synthaudit.auditing.context import Context
from synthaudit.auditing.step import Step
from synthaudit.measures.protocol import Column
from synthaudit.measures.samples import Samples
from synthaudit.measures.search.neighbours import Directions, nearest
from synthaudit.result.section import Section

COLUMNS: Final = (
    Column(
        name="nearest_real_of_class",
        description="the nearest real image of its class; of synthetic images",
        missing=None,
    ),
    Column(name="nearest_real_of_class_distance", description="its cosine distance, 0 to 2"),
)


@dataclass(frozen=True, kw_only=True)
class ClassNeighbourSection(Section):
    """Nearest real images within classes.

    Attributes:
        index: (n,) which of the samples; -1 where there is none.
        distance: (n,) cosine distances; NaN where there is none.
    """

    index: Integers = field(repr=False)
    distance: Floats = field(repr=False)

    def columns(self, samples: Samples) -> Mapping[str, npt.NDArray[Any]]:
        """Names and distances."""
        names = samples.paths[self.index]
        names[self.index < 0] = None
        return {"nearest_real_of_class": names, "nearest_real_of_class_distance": self.distance}


def find_class_neighbours(samples: Samples, context: Context) -> ClassNeighbourSection | None:  # noqa: ARG001
    """Search within each class that both sides have; None where they share none."""
    classes, vectors = samples.classes, samples.by_copies
    made, real = (
        {name: rows[classes[rows] == name] for name in set(classes[rows]) - {None}}
        for rows in (samples.synthetic, samples.real)
    )
    shared = sorted(made.keys() & real.keys())
    if not shared:
        return None
    index, distance = np.full(len(samples), -1, np.int64), np.full(len(samples), np.nan)
    for name in shared:
        rows = np.concatenate([made[name], real[name]])
        first, second = np.split(np.arange(len(rows)), [len(made[name])])
        # Class by class, for directions of all would take as much memory as the vectors.
        found = nearest(Directions(vectors[rows]), first, second)
        index[made[name]], distance[made[name]] = rows[found.index[:, 0]], found.distance[:, 0]
    return ClassNeighbourSection(index=index, distance=distance)


STEP: Final = Step(
    name="class_neighbours", run=find_class_neighbours, columns=COLUMNS, is_apart=True
)
