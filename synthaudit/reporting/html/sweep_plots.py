"""Plots of a sweep: what the axis values change, and what the arms trade for what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from synthaudit.measures.comparison.evidence import MEASURES
from synthaudit.measures.intervals import normal_width
from synthaudit.reporting.html.plots import (
    Plot,
    as_item,
    coloured,
    legend_above,
    new_figure,
    new_rows,
)
from synthaudit.sweeping.reading import SweepFiles

_LEVEL: Final = 0.05
_MOST: Final = 40
_LABEL: Final = 34
_ROW: Final = 26


def sweep_plots(files: SweepFiles) -> list[Plot]:
    """The effects by measure, then the Pareto front."""
    effects = files.contents["effects"]
    plots = [_effects(name, [e for e in effects if e["measure"] == name]) for name in MEASURES]
    return [*(plot for plot in plots if plot is not None), _pareto(files.contents)]


def _effects(measure: str, effects: Sequence[dict[str, Any]]) -> Plot | None:
    """Differences against the first value of each axis, with their intervals."""
    if not effects:
        return None
    shown = [_corrected(e, len(effects)) for e in sorted(effects, key=_by_difference)[:_MOST]]
    names = [_cut(f"{effect['axis']}: {effect['value'] or '(empty)'}") for effect in shown]
    drawn, rows = new_rows(
        names,
        height=_ROW * len(shown) + 80,
        x_axis_label=f"change of {measure}, negative is better",
    )
    coloured(drawn.line([0, 0], [0, len(shown) + 1], line_dash="dashed"), "soft")
    for role, is_meant in (("fine", _is_better), ("bad", _is_worse), ("soft", _is_noise)):
        own = [(y, effect) for y, effect in zip(rows, shown, strict=True) if is_meant(effect)]
        if own:
            y = [place for place, _ in own]
            ends = [[effect[end] for _, effect in own] for end in ("low", "high")]
            x = [effect["difference"] for _, effect in own]
            coloured(drawn.segment(x0=ends[0], y0=y, x1=ends[1], y1=y, line_width=2), role)
            coloured(drawn.scatter(x, y, size=9), role)
    better, worse = ([e["value"] for e in shown if f(e)] for f in (_is_better, _is_worse))
    return Plot(
        name=f"plot-effect-{measure}",
        title=f"What the axis values change: {measure}",
        spoken=f"Differences with intervals of {len(shown)} axis values against the first value of "
        f"their axis, corrected for all comparisons: {len(better)} better, {len(worse)} worse, "
        f"{len(shown) - len(better) - len(worse)} within noise.",
        columns=("axis", "value", "difference", "interval", "adjusted p"),
        rows=[
            (
                e["axis"],
                e["value"] or "(empty)",
                f"{e['difference']:+z.3f}",
                f"{e['low']:+z.3f} to {e['high']:+z.3f}",
                f"{e['adjusted']:.2g}",
            )
            for e in shown
        ],
        item=as_item(drawn, f"plot-effect-{measure}"),
    )


def _by_difference(effect: dict[str, Any]) -> float:
    return float(effect["difference"])


def _corrected(effect: dict[str, Any], count: int) -> dict[str, Any]:
    """With an interval that holds for all ``count`` effects of a measure together (Bonferroni)."""
    wider = normal_width(1.0 - _LEVEL / count) / normal_width(1.0 - _LEVEL)
    middle = effect["difference"]
    ends = {end: middle + wider * (effect[end] - middle) for end in ("low", "high")}
    return {**effect, **ends}


def _is_better(effect: dict[str, Any]) -> bool:
    return bool(effect["adjusted"] <= _LEVEL and effect["difference"] < 0)


def _is_worse(effect: dict[str, Any]) -> bool:
    return bool(effect["adjusted"] <= _LEVEL and effect["difference"] > 0)


def _is_noise(effect: dict[str, Any]) -> bool:
    return not (_is_better(effect) or _is_worse(effect))


def _pareto(contents: Any) -> Plot:
    """Arms by two measures, which the page lets its reader choose."""
    from bokeh.models import ColumnDataSource
    from bokeh.models.ranges import DataRange1d

    arms = [(rank, arm) for rank, arm in enumerate(contents["arms"], 1) if arm["measures"]]
    drawn = new_figure(
        height=420,
        x_axis_label=MEASURES[0],
        y_axis_label=MEASURES[1],
        name="pareto",
        # Names stand beside the points, and above the highest.
        x_range=DataRange1d(range_padding=0.3),
        y_range=DataRange1d(range_padding=0.3),
    )
    best = contents["recommended"]["arm"]
    others = [a for a in arms if a[1]["arm"] != best]
    groups = (
        ("fine", "recommended", [a for a in arms if a[1]["arm"] == best]),
        ("synthetic", "on the front", [a for a in others if a[1]["is_pareto"]]),
        ("soft", "beaten", [a for a in others if not a[1]["is_pareto"]]),
    )
    for role, name, own in groups:
        if not own:
            continue
        columns: dict[str, list[Any]] = {
            measure: [arm["measures"][measure] for _, arm in own] for measure in MEASURES
        }
        source = ColumnDataSource({**columns, "label": [_cut(arm["arm"]) for _, arm in own]})
        where: dict[str, Any] = {"x": MEASURES[0], "y": MEASURES[1], "source": source}
        coloured(drawn.scatter(**where, size=10, legend_label=name, name="pareto-dots"), role)
        words = drawn.text(**where, text="label", x_offset=8, y_offset=-4, text_font_size="12px",
                           name="pareto-words")  # fmt: skip
        coloured(words, "ink")
    legend_above(drawn)
    front = [arm["arm"] for _, arm in arms if arm["is_pareto"]]
    return Plot(
        name="plot-pareto",
        title="What the arms trade for what",
        spoken=f"{len(front)} of {len(arms)} arms are beaten by no other in all measures. Nearer "
        "to the lower left corner is better.",
        columns=("rank", "arm", *MEASURES, "on the front"),
        rows=[
            (
                str(rank),
                arm["arm"],
                *(f"{arm['measures'][name]:.3f}" for name in MEASURES),
                "yes" if arm["is_pareto"] else "no",
            )
            for rank, arm in arms
        ],
        item=as_item(drawn, "plot-pareto"),
    )


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LABEL else text[: _LABEL - 1] + "…"
