"""The page of a training: both losses, what the audits saw, samples step by step."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any, Final

from synthaudit.names import write_name
from synthaudit.reporting.html.page import flat, render
from synthaudit.reporting.html.plots import Plot, as_item, coloured, legend_above, new_figure
from synthaudit.sweeping.contact_sheet import contact_sheet
from synthaudit.tuning.result import Tuning, smoothed
from synthaudit.tuning.watching import SAMPLES

_SCRIPTS: Final = ("images.js", "plots.js", "contents.js")
_NO_PICTURES: Final[dict[str, Any]] = {
    "images": [],
    "galleries": [],
    "pictures": {},
    "landmarks": [],
}
_MOST_POINTS: Final = 400
_COLUMNS: Final = 8
_ROWS: Final = 12


def tuning_html(found: Tuning) -> str:
    """The page, in one file that loads nothing."""
    plots = [_losses(found)] if found.losses else []
    plots += [_audits(found)] if len(found.audits) > 1 else []
    return render(
        "tuning.html",
        scripts=_SCRIPTS,
        plots=plots,
        data={"page-data": {"id": "tuning", "served": False, **_NO_PICTURES}},
        verdict=verdict_on(found),
        found=found,
        names=", ".join(write_name(name) for name in found.classes),
        images=sum(found.classes.values()),
        sheet=_sheet(found),
        provenance=flat({"recipe": dict(found.recipe), **dict(found.provenance)}),
    )


def verdict_on(found: Tuning) -> str:
    """What became of it, in a sentence."""
    best = found.recommended
    if found.stop is not None:
        left = "no weights are left to use" if best is None else f"use those of step {best.step:,}"
        text = str(found.stop)
        return f"{text[0].upper()}{text[1:].rstrip('.')}: {left}."
    if best is None:
        return f"{found.steps:,} steps, and no weights were kept."
    looked = "no audit has looked" if best.passed is None else "no audit objects"
    return f"{found.steps:,} steps were taken and {looked}: use the weights of step {best.step:,}."


def _losses(found: Tuning) -> Plot:
    steps = [own.step + 1 for own in found.losses]
    every = max(len(steps) // _MOST_POINTS, 1)
    shown = sorted({*range(0, len(steps), every), len(steps) - 1})
    drawn = new_figure(x_axis_label="step", y_axis_label="mean squared error", y_start=0.0)
    lines = [("real images", smoothed([own.instance for own in found.losses]), "real")]
    if any(own.prior for own in found.losses):
        lines.append(("class images", smoothed([own.prior for own in found.losses]), "synthetic"))
    for title, values, role in lines:
        line = drawn.line(
            [steps[row] for row in shown],
            [values[row] for row in shown],
            line_width=2,
            legend_label=title,
        )
        coloured(line, role)
    legend_above(drawn)
    told = ", ".join(f"{title} {own[0]:.4f} to {own[-1]:.4f}" for title, own, _ in lines)
    return Plot(
        name="plot-losses",
        title="Losses",
        spoken=f"Means over the last twenty steps: {told}.",
        columns=("step", *(title for title, _, _ in lines)),
        rows=[(f"{steps[r]:,}", *(f"{own[r]:.4f}" for _, own, _ in lines)) for r in shown],
        item=as_item(drawn, "plot-losses"),
    )


def _audits(found: Tuning) -> Plot:
    steps = [own.step for own in found.audits]
    drawn = new_figure(x_axis_label="step", y_axis_label="share of the samples", y_range=(0.0, 1.0))
    for name, role in (("unoriginal", "bad"), ("unvaried", "synthetic")):
        shares = [getattr(own, name) / own.samples for own in found.audits]
        coloured(drawn.line(steps, shares, line_width=2, legend_label=name), role)
        coloured(drawn.scatter(steps, shares, size=7, legend_label=name), role)
    legend_above(drawn)
    last = found.audits[-1]
    return Plot(
        name="plot-audits",
        title="Copies and repeats among the samples",
        spoken=f"At step {last.step:,} {last.unoriginal} of {last.samples} samples copy a real "
        f"image and {last.unvaried} repeat another one.",
        columns=("step", "samples", "unoriginal", "unvaried", "distance to the nearest real image"),
        rows=[
            (
                f"{own.step:,}",
                str(own.samples),
                str(own.unoriginal),
                str(own.unvaried),
                f"{own.nearest:.3f}",
            )
            for own in found.audits
        ],
        item=as_item(drawn, "plot-audits"),
    )


def _sheet(found: Tuning) -> str | None:
    """Samples of the same seeds, a row an audit, as a picture in a text."""
    folders = {
        own.step: found.folder / SAMPLES / f"{own.step:06d}"
        for own in found.audits
        if (found.folder / SAMPLES / f"{own.step:06d}").is_dir()
    }
    if not folders:
        return None
    every = max(-(-len(folders) // _ROWS), 1)
    steps = sorted({*list(folders)[::every], max(folders)})
    columns = [str(number + 1) for number in range(_COLUMNS)]
    rows = [(f"step {step:,}", _row(folders[step])) for step in steps]
    buffer = io.BytesIO()
    contact_sheet(rows, columns, label=90).save(buffer, "WEBP", quality=85)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _row(folder: Path) -> dict[str, Path]:
    files = sorted(folder.glob("[0-9]*.png"))[:_COLUMNS]
    return {str(number + 1): file for number, file in enumerate(files)}
