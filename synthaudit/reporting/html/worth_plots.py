"""Plots of what the synthetic images are worth to a classifier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from synthaudit.reporting.html.plots import (
    Plot,
    as_item,
    coloured,
    legend_above,
    new_figure,
    new_rows,
)

_BARS: Final = (
    ("real", "real images", "real"),
    ("synthetic", "synthetic images", "synthetic"),
    ("both", "both", "fine"),
)
_MOST_CLASSES: Final = 30
_LABEL: Final = 30
_ROW: Final = 24


def worth_plots(usefulness: Mapping[str, Any] | None) -> list[Plot]:
    """Accuracies, learning curves and gains by class; nothing without classes."""
    if not usefulness:
        return []
    plots = [_bars(usefulness), _curves(usefulness), _gains(usefulness)]
    return [plot for plot in plots if plot is not None]


def _bars(found: Mapping[str, Any]) -> Plot:
    """Accuracy after training on each side and on both."""
    from bokeh.models import ColumnDataSource
    from bokeh.models.annotations import Span, Whisker

    names = [title for _, title, _ in _BARS]
    drawn = new_figure(
        height=_ROW * 9, y_axis_label="accuracy on real images", x_range=names, y_start=0.0
    )
    for key, title, role in _BARS:
        own = found[key]
        coloured(drawn.vbar(x=[title], top=[own["value"]], width=0.6, fill_alpha=0.6), role)
        if own["low"] is not None:
            source = ColumnDataSource(
                {"base": [title], "lower": [own["low"]], "upper": [own["high"]]}
            )
            whisker = Whisker(base="base", lower="lower", upper="upper", source=source)
            whisker.tags = ["ink"]
            drawn.add_layout(whisker)
    chance = Span(location=found["chance"], dimension="width", line_dash="dashed")
    chance.tags = ["soft"]
    drawn.add_layout(chance)
    told = ", ".join(f"{title} {found[key]['value']:.3f}" for key, title, _ in _BARS)
    return Plot(
        name="plot-worth",
        title="Accuracy on real images after training",
        spoken=f"Bars with intervals: {told}; the dashed line is guessing, {found['chance']:.3f}.",
        columns=("trained on", "accuracy", "interval"),
        rows=[
            (title, f"{found[key]['value']:.3f}", _interval(found[key])) for key, title, _ in _BARS
        ],
        item=as_item(drawn, "plot-worth"),
    )


def _curves(found: Mapping[str, Any]) -> Plot | None:
    """Accuracy by images of each class to learn from."""
    curve = found.get("curve") or {}
    lines = [(title, curve.get(key) or [], role) for key, title, role in _BARS]
    lines = [(title, points, role) for title, points, role in lines if len(points) > 1]
    if not lines:
        return None
    drawn = new_figure(
        x_axis_type="log", x_axis_label="images of each class", y_axis_label="accuracy"
    )
    rows = []
    for title, points, role in lines:
        # Beside all synthetic images none at all may be real: a log scale has no place for that.
        own = [point for point in points if point["images"] > 0]
        x = [point["images"] for point in own]
        y = [point["accuracy"]["value"] for point in own]
        name = "real, besides all synthetic" if title == "both" else title
        coloured(drawn.line(x, y, line_width=2, legend_label=name), role)
        coloured(drawn.scatter(x, y, size=7, legend_label=name), role)
        known = [point for point in own if point["accuracy"]["low"] is not None]
        at = [point["images"] for point in known]
        low, high = ([point["accuracy"][end] for point in known] for end in ("low", "high"))
        coloured(drawn.segment(x0=at, y0=low, x1=at, y1=high), role)
        rows += [
            (name, f"{p['images']:,.0f}", f"{p['accuracy']['value']:.3f}", _interval(p["accuracy"]))
            for p in own
        ]
    legend_above(drawn)
    last = "; ".join(f"{row[0]}: {row[2]} with {row[1]}" for row in _last_of(rows))
    return Plot(
        name="plot-curves",
        title="What more images teach",
        spoken=f"Learning curves. At their ends {last} images of each class.",
        columns=("trained on", "images of each class", "accuracy", "interval"),
        rows=rows,
        item=as_item(drawn, "plot-curves"),
    )


def _last_of(rows: Sequence[Sequence[str]]) -> list[Sequence[str]]:
    return list({row[0]: row for row in rows}.values())


def _gains(found: Mapping[str, Any]) -> Plot:
    """What the synthetic images add to the accuracy of each class."""
    gains = sorted((own["gain"], name) for name, own in found["classes"].items())
    half = _MOST_CLASSES // 2
    shown = gains if len(gains) <= _MOST_CLASSES else [*gains[:half], *gains[-half:]]
    drawn, rows = new_rows(
        [name if len(name) <= _LABEL else f"{name[: _LABEL - 1]}…" for _, name in shown],
        height=_ROW * len(shown) + 80,
        x_axis_label="change of accuracy by the synthetic images",
    )
    for role, is_meant in (("bad", True), ("fine", False)):
        own = [(row, gain) for row, (gain, _) in zip(rows, shown, strict=True)
               if (gain < 0) is is_meant]  # fmt: skip
        bars = drawn.hbar(
            y=[row for row, _ in own], right=[gain for _, gain in own], left=0, height=0.7,
            fill_alpha=0.6,
        )  # fmt: skip
        coloured(bars, role)
    losing = sum(gain < 0 for gain, _ in gains)
    left_out = len(gains) - len(shown)
    more = f" The {left_out} classes between are not drawn." if left_out else ""
    return Plot(
        name="plot-gains",
        title="What they add to each class",
        spoken=f"Bars: {losing} of {len(gains)} classes lose accuracy; {gains[0][1]} changes by "
        f"{gains[0][0]:+.3f}, {gains[-1][1]} by {gains[-1][0]:+.3f}.{more}",
        columns=("class", "change", "trained on real", "trained on both"),
        rows=[
            (
                name,
                f"{gain:+.3f}",
                *(f"{found['classes'][name][key]:.3f}" for key in ("real", "both")),
            )
            for gain, name in gains
        ],
        item=as_item(drawn, "plot-gains"),
    )


def _interval(own: Mapping[str, Any]) -> str:
    return "" if own["low"] is None else f"{own['low']:.3f} to {own['high']:.3f}"
