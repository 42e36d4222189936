"""The map: a plane for looking at both sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy.typing as npt

from synthaudit.auditing.context import Context
from synthaudit.auditing.step import Step
from synthaudit.measures.projection import Method, Plane, project
from synthaudit.measures.protocol import Column
from synthaudit.measures.samples import Samples
from synthaudit.result.section import Section

COLUMNS: Final = (
    Column(name="map_x", description="place on the map, 0 to 1; none for images not shown"),
    Column(name="map_y", description="likewise, upwards"),
)


@dataclass(frozen=True, kw_only=True)
class MapSection(Section):
    """Where each image lies on the map."""

    plane: Plane = field(repr=False)

    def columns(self, samples: Samples) -> Mapping[str, npt.NDArray[Any]]:  # noqa: ARG002
        """The places."""
        return {"map_x": self.plane.place[:, 0], "map_y": self.plane.place[:, 1]}

    def provenance(self) -> dict[str, Any]:
        """How the map was drawn."""
        return {"map": self.plane.method}


def draw_neighbours(samples: Samples, context: Context) -> MapSection:
    """A map on which neighbours stay together."""
    return _draw(samples, context, "t-SNE")


def draw_axes(samples: Samples, context: Context) -> MapSection:
    """A map of the two principal axes, which takes no time."""
    return _draw(samples, context, "principal axes")


def _draw(samples: Samples, context: Context, method: Method) -> MapSection:
    context.progress.start("drawing the map", 0)
    return MapSection(plane=project(samples, method=method, seed=context.settings.seed))


NEIGHBOURS: Final = Step(name="map", run=draw_neighbours, columns=COLUMNS, is_apart=True)
PRINCIPAL_AXES: Final = Step(name="map", run=draw_axes, columns=COLUMNS, is_apart=True)
