"""Plots of a page: Bokeh's models, as data for Bokeh's script, each with its numbers in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from synthaudit.result.reading import AuditFiles

if TYPE_CHECKING:
    import pandas as pd
    from bokeh.plotting import figure

_BINS: Final = 40
_ROC_POINTS: Final = 200
_HEIGHT: Final = 300
_FIRST_ID: Final = 1000
SIDES: Final = ("real", "synthetic")


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A plot, and what it shows for those who do not see it.

    Attributes:
        name: of the element that it is put into.
        title: what it shows.
        spoken: the same in a sentence with its main numbers.
        columns: of the table that has its numbers.
        rows: of that table.
        item: what Bokeh's script draws; plain data without any code.
    """

    name: str
    title: str
    spoken: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    item: dict[str, Any]


def audit_plots(files: AuditFiles) -> list[Plot]:
    """The plots of an audit: how the detector tells the sides apart, and all distances."""
    images = files.images
    plots = [_roc(files), _probabilities(images)]
    own = images["nearest_synthetic_distance"].where(
        images["side"] == "synthetic", images["nearest_real_distance"]
    )
    radius = files.scores["duplicates"].get("radius")
    plots += [
        _distances("to-real", "Distance to the nearest real image", images,
                   images["nearest_real_distance"], radius),
        _distances("to-own", "Distance to the nearest image of the same side", images, own, radius),
    ]  # fmt: skip
    return [plot for plot in plots if plot is not None]


@cache
def bokeh_script() -> str:
    """Bokeh's own script, as its package ships it."""
    from bokeh.resources import Resources

    return str(Resources(mode="inline", components=["bokeh"]).js_raw[0])


def new_figure(*, y_start: float | None = None, **options: Any) -> figure:
    """An empty figure; colours come from the page, so that they fit the reader's theme."""
    from bokeh.models.ranges import DataRange1d
    from bokeh.plotting import figure

    if y_start is not None:
        options["y_range"] = DataRange1d(start=y_start)
    return figure(
        **{
            "height": _HEIGHT,
            "sizing_mode": "stretch_width",
            "tools": "",
            "toolbar_location": None,
            "background_fill_color": None,
            "border_fill_color": None,
            **options,
        }
    )


def new_rows(names: Sequence[str], **options: Any) -> tuple[figure, list[int]]:
    """An empty figure with a row a name, and where the rows lie, from the top."""
    from bokeh.models.ranges import Range1d

    rows = list(range(len(names), 0, -1))
    drawn = new_figure(y_range=Range1d(start=0.4, end=len(names) + 0.6), **options)
    drawn.yaxis.ticker = rows
    drawn.yaxis.major_label_overrides = dict(zip(rows, names, strict=True))
    drawn.ygrid.visible = False
    return drawn, rows


def as_item(drawn: figure, name: str) -> dict[str, Any]:
    """A figure as data, with numbers for names that do not depend on what was drawn before."""
    from bokeh.core.types import ID
    from bokeh.embed import json_item

    item: dict[str, Any] = _renumber(dict(json_item(drawn, ID(name))), {})
    return item


def coloured(renderer: Any, role: str) -> None:
    """Give what is drawn a colour role, such as a side or ``soft``; the page has the colours."""
    renderer.glyph.tags = [role]


def legend_above(drawn: figure) -> None:
    """Move the legend out of the way."""
    legend = drawn.legend[0]
    drawn.add_layout(legend, "above")
    legend.orientation = "horizontal"


def _renumber(value: Any, known: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            key: known.setdefault(entry, f"p{_FIRST_ID + len(known)}")
            if key in ("id", "root_id") and isinstance(entry, str)
            else _renumber(entry, known)
            for key, entry in value.items()
        }
    if isinstance(value, list | tuple):
        return [_renumber(entry, known) for entry in value]
    return value


def _roc(files: AuditFiles) -> Plot | None:
    from sklearn.metrics import roc_curve

    images = files.images
    false, true, _ = roc_curve(images["side"] == "synthetic", images["probability_synthetic"])
    if len(false) > _ROC_POINTS:
        kept = np.unique(np.linspace(0, len(false) - 1, _ROC_POINTS).round().astype(int))
        false, true = false[kept], true[kept]
    auc = files.scores["detector"]["auc"]
    drawn = new_figure(
        x_axis_label="real images called synthetic",
        y_axis_label="synthetic images found",
        x_range=(0, 1),
        y_range=(0, 1.01),
    )
    coloured(drawn.line([0, 1], [0, 1], line_dash="dashed"), "soft")
    coloured(drawn.line(false, true, line_width=2), "synthetic")
    at = [0.01, 0.05, 0.1, 0.2, 0.5]
    found = np.interp(at, false, true)
    return Plot(
        name="plot-roc",
        title="How well a detector tells the sides apart (ROC)",
        spoken=f"ROC curve; the area under it is {auc:.3f}, where 0.5 is chance. At 5 % of real "
        f"images called synthetic, {found[1]:.0%} of the synthetic ones are found.",
        columns=("real images called synthetic", "synthetic images found"),
        rows=[(f"{x:.0%}", f"{y:.1%}") for x, y in zip(at, found, strict=True)],
        item=as_item(drawn, "plot-roc"),
    )


def _probabilities(images: pd.DataFrame) -> Plot:
    edges = np.linspace(0.0, 1.0, _BINS + 1)
    own = images["probability_synthetic"]
    above = {side: float((own[images["side"] == side] > 0.5).mean()) for side in SIDES}
    drawn = new_figure(
        x_axis_label="probability of being synthetic, by the detector",
        y_axis_label="share of the side",
        y_start=0.0,
    )
    rows = _histogram(drawn, images, own, edges)
    return Plot(
        name="plot-probability",
        title="What the detector says of each image",
        spoken=f"Histogram. The detector calls {above['synthetic']:.0%} of the synthetic images "
        f"synthetic, and {above['real']:.0%} of the real ones.",
        columns=("probability from", *SIDES),
        rows=rows,
        item=as_item(drawn, "plot-probability"),
    )


def _distances(
    name: str, title: str, images: pd.DataFrame, distance: pd.Series, radius: float | None
) -> Plot | None:
    from bokeh.models.annotations import Span

    known = distance.dropna()
    if known.empty:
        return None
    top = max(float(known.quantile(0.995)), 1.5 * (radius or 0.0), 1e-9)
    drawn = new_figure(
        x_axis_label="cosine distance", y_axis_label="share of the side", y_start=0.0
    )
    rows = _histogram(drawn, images, distance.clip(upper=top), np.linspace(0.0, top, _BINS + 1))
    medians = [f"{distance[images['side'] == side].median():.3f} ({side})" for side in SIDES]
    spoken = f"Histogram. Median distance {' and '.join(medians)}."
    if radius is not None:
        line = Span(location=radius, dimension="height", line_width=2, line_dash="dotted")
        line.tags = ["ink"]
        drawn.add_layout(line)
        near = known <= radius
        shares = [f"{near[images['side'] == side].mean():.1%} ({side})" for side in SIDES]
        spoken += f" Nearer than the duplicate radius {radius:.4f}, the dotted line: "
        spoken += f"{' and '.join(shares)}."
    return Plot(
        name=f"plot-{name}",
        title=title,
        spoken=spoken,
        columns=("distance from", *SIDES),
        rows=rows,
        item=as_item(drawn, f"plot-{name}"),
    )


def _histogram(
    drawn: figure, images: pd.DataFrame, values: pd.Series, edges: Any
) -> list[list[str]]:
    """Draw both sides; the shares in words, leaving out where there is nothing."""
    return draw_shares(drawn, side_shares(images, values, edges), edges)


def side_shares(images: pd.DataFrame, values: pd.Series, edges: Any) -> list[Any]:
    """Of each side the shares of its known values between edges."""
    shares = []
    for side in SIDES:
        own = values[(images["side"] == side) & values.notna()]
        counts, _ = np.histogram(own, edges)
        shares.append(counts / max(len(own), 1))
    return shares


def draw_shares(drawn: figure, shares: Sequence[Any], edges: Any) -> list[list[str]]:
    """Draw the shares of both sides between edges; the same in words."""
    for side, own in zip(SIDES, shares, strict=True):
        bars = drawn.quad(
            left=edges[:-1],
            right=edges[1:],
            bottom=0,
            top=own,
            fill_alpha=0.35,
            line_width=1,
            legend_label=side,
        )
        coloured(bars, side)
    legend_above(drawn)
    return [
        [f"{left:.3g}", *(f"{share:.1%}" for share in both)]
        for left, *both in zip(edges[:-1], *shares, strict=True)
        if any(both)
    ]
