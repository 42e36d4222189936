"""The map of both sets: an empty plot that the page's script fills, and examples on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from synthaudit.reporting.html.galleries import Key
from synthaudit.reporting.html.page_images import PageImages
from synthaudit.reporting.html.plots import SIDES, as_item, new_figure
from synthaudit.result.reading import AuditFiles
from synthaudit.threads import single_matrix_thread

if TYPE_CHECKING:
    import pandas as pd

_LANDMARKS: Final = 12
_PER_LANDMARK: Final = 25
_EDGE: Final = 40


@dataclass(frozen=True, kw_only=True)
class Map:
    """The map of an audit.

    Attributes:
        item: what Bokeh's script draws.
        spoken: what it shows for those who do not see it.
        shown: how many images have a point.
        total: how many images there are.
        method: how the plane came about.
        is_alone: whether there is one set of images rather than two sides.
    """

    item: dict[str, Any]
    spoken: str
    shown: int
    total: int
    method: str
    is_alone: bool = False


def map_of(files: AuditFiles, images: PageImages, *, is_alone: bool = False) -> Map | None:
    """The map of an audit; None where its tables have no coordinates.

    Args:
        files: of the audit.
        images: that the page knows of.
        is_alone: whether there is one set of images, which then plays the synthetic side.
    """
    points = points_of(images.table)
    if points.empty:
        return None
    counts = [int((points["side"] == side).sum()) for side in SIDES]
    counted = f"{counts[1]:,}" if is_alone else f"{counts[0]:,} real and {counts[1]:,} synthetic"
    return Map(
        item=_item(points),
        spoken=f"Map of {counted} images, similar ones near each other. With the arrow keys move "
        "from point to point; Enter selects the nearest images, Escape selects nothing.",
        shown=len(points),
        total=len(files.images),
        method=str(files.scores["provenance"].get("map", "")),
        is_alone=is_alone,
    )


def points_of(images: pd.DataFrame) -> pd.DataFrame:
    """The images that have a place on the map."""
    if "map_x" not in images:
        return images.iloc[:0]
    return images[images["map_x"].notna() & images["map_y"].notna()]


def landmarks_of(images: PageImages, pictures: Mapping[Key, bytes] | None = None) -> list[int]:
    """Of each cluster of points the image that is nearest to its middle.

    Args:
        images: that the page knows of.
        pictures: of those that may be taken; None where all have one.
    """
    from sklearn.cluster import KMeans

    points = points_of(images.table)
    place = points[["map_x", "map_y"]].to_numpy(float) if len(points) else np.empty((0, 2))
    distinct = len(np.unique(place.round(4), axis=0))
    count = min(_LANDMARKS, len(points) // _PER_LANDMARK, distinct)
    keys = list(zip(points["side"], points["path"], strict=True))
    candidates = [row for row, key in enumerate(keys) if pictures is None or key in pictures]
    if count < 2 or not candidates:
        return []
    with single_matrix_thread():
        middles = KMeans(count, n_init=1, random_state=0).fit(place).cluster_centers_
    nearest = [
        candidates[int(np.square(place[candidates] - middle).sum(axis=1).argmin())]
        for middle in middles
    ]
    return [images.numbers[keys[row]] for row in dict.fromkeys(nearest)]


def _item(points: pd.DataFrame) -> dict[str, Any]:
    """The empty map: its script fills it, for colours depend on the reader's theme and choice."""
    from bokeh.models import ColumnDataSource

    size = float(np.clip(240.0 / np.sqrt(len(points)), 3.5, 9.0))
    source = ColumnDataSource(
        {name: [] for name in ("x", "y", "colour", "alpha", "shape")}, name="map-points"
    )
    mark = ColumnDataSource({"x": [], "y": []}, name="map-mark")
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
        marker="shape",
        size=size,
        line_color=None,
        fill_color="colour",
        fill_alpha="alpha",
        nonselection_fill_alpha=0.15,
    )
    ring = drawn.scatter("x", "y", source=mark, size=size + 9, fill_color=None, line_width=3)
    ring.glyph.tags = ["ink"]
    _add_landmarks(drawn)
    _add_tools(drawn, dots)
    return as_item(drawn, "map-plot")


def _add_landmarks(drawn: Any) -> None:
    from bokeh.models import ColumnDataSource

    source = ColumnDataSource(
        {name: [] for name in ("x", "y", "url", "name")}, name="map-landmarks"
    )
    drawn.image_url(
        url="url",
        x="x",
        y="y",
        w=_EDGE,
        h=_EDGE,
        w_units="screen",
        h_units="screen",
        anchor="center",
        source=source,
        name="map-marks-pictures",
    )
    words = drawn.text(
        "x",
        "y",
        text="name",
        source=source,
        name="map-marks-names",
        y_offset=_EDGE // 2 + 2,
        text_align="center",
        text_baseline="top",
        text_font_size="12px",
        text_font_style="bold",
        background_fill_alpha=0.75,
    )
    words.glyph.tags = ["label"]


def _add_tools(drawn: Any, dots: Any) -> None:
    from bokeh.models import BoxSelectTool, HoverTool, LassoSelectTool, PanTool, TapTool
    from bokeh.models.tools import WheelZoomTool

    drag = BoxSelectTool(name="map-select", renderers=[dots])
    lasso = LassoSelectTool(name="map-lasso", renderers=[dots], continuous=False)
    drawn.add_tools(drag, lasso, PanTool(name="map-move"), WheelZoomTool())
    drawn.add_tools(TapTool(renderers=[dots]), HoverTool(tooltips=None, renderers=[dots]))
    drawn.toolbar.active_drag = drag
    drawn.toolbar.active_scroll = None


def _extent(values: pd.Series) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    margin = 0.03 * (high - low) or 0.5
    return low - margin, high + margin
