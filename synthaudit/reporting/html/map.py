"""The map of both sets: where each image lies, what colours it, and its picture."""

from __future__ import annotations

import base64
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from synthaudit.reporting.html.plots import SIDES, as_item, new_figure
from synthaudit.result.reading import AuditFiles

if TYPE_CHECKING:
    import pandas as pd

FAULTS: Final = ("none", "copy", "repeat", "wrong label", "broken", "obvious fake", "not covered")
"""What may be wrong with an image; where several things are, the first of them counts."""


@dataclass(frozen=True, kw_only=True)
class Map:
    """The map of an audit.

    Attributes:
        item: what Bokeh's script draws.
        data: of each point, by name, in the order of the drawn points; ``pictures`` by its number.
        spoken: what it shows for those who do not see it.
        shown: how many images have a point.
        pictures: how many of them have a picture.
        total: how many images there are.
        method: how the plane came about.
        is_alone: whether there is one set of images rather than two sides.
    """

    item: dict[str, Any]
    data: dict[str, Any]
    spoken: str
    shown: int
    pictures: int
    total: int
    method: str
    is_alone: bool = False


def map_of(
    files: AuditFiles, *, elsewhere: Collection[tuple[str, str]], is_alone: bool = False
) -> Map | None:
    """The map of an audit; None where its tables have no coordinates.

    Args:
        files: of the audit.
        elsewhere: pictures that the page has already, which are not given again.
        is_alone: whether there is one set of images, which then plays the synthetic side.
    """
    if "map_x" not in files.images:
        return None
    points = points_of(files.images)
    if points.empty:
        return None
    classes = sorted(points["class"].dropna().unique())
    number = {name: place for place, name in enumerate(classes)}
    keys = list(zip(points["side"], points["path"], strict=True))
    pictures = {
        place: base64.b64encode(files.thumbnails[key]).decode()
        for place, key in enumerate(keys)
        if key in files.thumbnails and key not in elsewhere
    }
    obvious = float(files.scores["provenance"]["settings"].get("obvious", 0.95))
    data = {
        "x": points["map_x"].round(4).tolist(),
        "y": points["map_y"].round(4).tolist(),
        "path": points["path"].tolist(),
        "side": (points["side"] == "synthetic").astype(int).tolist(),
        "label": [number.get(name, -1) for name in points["class"]],
        "classes": classes,
        "probability": points["probability_synthetic"].round(3).tolist(),
        "fault": _faults(points, obvious).tolist(),
        "faults": FAULTS,
        "pictures": pictures,
        "sides": ("real", "image") if is_alone else SIDES,
    }
    counts = [int((points["side"] == side).sum()) for side in SIDES]
    return Map(
        item=_item(points),
        data=data,
        spoken=f"Map of {_counted(counts, is_alone=is_alone)} images, similar ones near "
        "each other. With the arrow keys move from point to point; Enter selects the nearest "
        "images, Escape selects nothing.",
        shown=len(points),
        pictures=sum(key in files.thumbnails for key in keys),
        total=len(files.images),
        method=str(files.scores["provenance"].get("map", "")),
        is_alone=is_alone,
    )


def _counted(counts: list[int], *, is_alone: bool) -> str:
    return f"{counts[1]:,}" if is_alone else f"{counts[0]:,} real and {counts[1]:,} synthetic"


def points_of(images: pd.DataFrame) -> pd.DataFrame:
    """The images that have a place on the map."""
    if "map_x" not in images:
        return images.iloc[:0]
    return images[images["map_x"].notna() & images["map_y"].notna()]


def _faults(points: pd.DataFrame, obvious: float) -> np.ndarray[Any, np.dtype[np.int64]]:
    is_synthetic = points["side"] == "synthetic"
    conditions = [
        is_synthetic & points["is_unoriginal"],
        is_synthetic & points["is_unvaried"],
        points["is_wrong_label"],
        is_synthetic & points.get("is_broken", False),
        is_synthetic & (points["probability_synthetic"] >= obvious),
        ~is_synthetic & (points["uncoveredness"] > 1.0),
    ]
    return np.select([c.to_numpy(bool) for c in conditions], range(1, len(FAULTS)), default=0)


def _item(points: pd.DataFrame) -> dict[str, Any]:
    """The empty map: its script fills it, for colours depend on the reader's theme and choice."""
    from bokeh.models import BoxSelectTool, ColumnDataSource, HoverTool, PanTool, TapTool
    from bokeh.models.tools import WheelZoomTool

    names = ("x", "y", "colour", "alpha")
    source = ColumnDataSource({name: [] for name in names}, name="map-points")
    mark = ColumnDataSource({"x": [], "y": []}, name="map-mark")
    size = float(np.clip(240.0 / np.sqrt(len(points)), 3.0, 9.0))
    drawn = new_figure(
        sizing_mode="stretch_both",
        name="map",
        lod_threshold=None,
        x_range=_extent(points["map_x"]),
        y_range=_extent(points["map_y"]),
    )
    drawn.axis.visible = False
    drawn.grid.visible = False
    dots = drawn.scatter(
        "x",
        "y",
        source=source,
        size=size,
        line_color=None,
        fill_color="colour",
        fill_alpha="alpha",
        nonselection_fill_alpha=0.15,
    )
    ring = drawn.scatter("x", "y", source=mark, size=size + 9, fill_color=None, line_width=3)
    ring.glyph.tags = ["ink"]
    drag = BoxSelectTool(name="map-select", renderers=[dots])
    drawn.add_tools(drag, PanTool(name="map-move"), WheelZoomTool())
    drawn.add_tools(TapTool(renderers=[dots]), HoverTool(tooltips=None, renderers=[dots]))
    drawn.toolbar.active_drag = drag
    drawn.toolbar.active_scroll = None
    return as_item(drawn, "map-plot")


def _extent(values: pd.Series) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    margin = 0.03 * (high - low) or 0.5
    return low - margin, high + margin
