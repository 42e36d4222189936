"""Why the sides are told apart: blocks, parts of single pictures, and traits with their ends."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from synthaudit.images.trait_titles import trait_title
from synthaudit.reporting.html.galleries import Gallery, Group
from synthaudit.reporting.html.plots import (
    SIDES,
    Plot,
    as_item,
    draw_shares,
    new_figure,
    side_shares,
)
from synthaudit.result.reading import AuditFiles

_TRAITS: Final = 3
_FIGURES: Final = 3
_BINS: Final = 24
_LOOKS: Final = "look_"
_SHIFTED: Final = 0.3


@dataclass(frozen=True, kw_only=True)
class Patches:
    """A picture with what its parts say.

    Attributes:
        path: of the synthetic image.
        picture: as part of a page.
        cells: row by row, from -1 (the part speaks for real) to 1 (for synthetic).
        parts: of a side.
    """

    path: str
    picture: str
    cells: Sequence[float]
    parts: int


@dataclass(frozen=True, kw_only=True)
class Why:
    """The section.

    Attributes:
        blocks: by name, the AUC of a detector with this block alone, the best first.
        patches: the pictures that the detector is surest of.
        plots: histograms of the traits that differ most.
        galleries: by name of a plot, that of the images with the least and the most of it.
    """

    blocks: Sequence[tuple[str, float]]
    patches: Sequence[Patches]
    plots: Sequence[Plot]
    galleries: Mapping[str, Gallery]


def why_of(files: AuditFiles) -> Why | None:
    """What there is to tell; None where the detector found nothing, or looked at vectors."""
    blocks = (files.scores.get("explanation") or {}).get("blocks", {})
    found = [*_file_traits(files), *_appearances(files)]
    patches = _patches(files)
    if not blocks and not patches and not found:
        return None
    return Why(
        blocks=sorted(blocks.items(), key=lambda own: -own[1]),
        patches=patches,
        plots=[plot for plot, _ in found],
        galleries={plot.name: gallery for plot, gallery in found},
    )


def _patches(files: AuditFiles) -> list[Patches]:
    if files.explanation is None:
        return []
    found = []
    for row in files.explanation.to_dict("records"):
        cells = np.asarray(row["parts"], float)
        parts = round(len(cells) ** 0.5)
        if parts * parts != len(cells) or not np.isfinite(cells).all():
            raise ValueError("explanation.parquet has parts that fill no square")
        strongest = max(float(np.abs(cells).max()), 1e-9)
        picture = base64.b64encode(row["webp"]).decode()
        found.append(
            Patches(
                path=str(row["path"]),
                picture=f"data:image/webp;base64,{picture}",
                cells=(cells / strongest).round(2).tolist(),
                parts=parts,
            )
        )
    return found


def _file_traits(files: AuditFiles) -> list[tuple[Plot, Gallery]]:
    """The traits of the files that tell most."""
    # Of traits that are called the same, such as two neighbouring frequencies, the first.
    best = (files.scores.get("artefacts") or {}).get("best", [])
    traits = list({trait_title(own["name"]): own for own in reversed(best)}.values())[::-1][
        :_TRAITS
    ]
    return [
        _told(
            f"trait-{trait['name']}",
            trait_title(trait["name"]),
            np.asarray(histogram["edges"]),
            [np.asarray(histogram[side]) for side in SIDES],
            {side: trait["extremes"][side] for side in SIDES},
            f"alone it tells the sides apart with AUC {trait['auc']:.3f}",
        )
        for trait in traits
        if (histogram := trait.get("histogram")) and trait.get("extremes")
    ]


def _appearances(files: AuditFiles) -> list[tuple[Plot, Gallery]]:
    """The figures of the pictures as a whole that are shifted most, surely so."""
    shifts = files.scores.get("appearance") or {}
    sure = {
        name: own
        for name, own in shifts.items()
        if own["low"] * own["high"] > 0
        and abs(own["shift"]) >= _SHIFTED
        and f"{_LOOKS}{name}" in files.images
    }
    order = sorted(sure, key=lambda name: -abs(sure[name]["shift"]))[:_FIGURES]
    return [_appearance(files, name, sure[name]["shift"]) for name in order]


def _appearance(files: AuditFiles, name: str, shift: float) -> tuple[Plot, Gallery]:
    table = files.images
    column = table[f"{_LOOKS}{name}"]
    low, high = column.quantile(0.005), column.quantile(0.995)
    edges = np.linspace(low, high if high > low else low + 1.0, _BINS + 1)
    shares = side_shares(table, column.clip(edges[0], edges[-1]), edges)
    ends = {}
    for side in SIDES:
        own = column[(table["side"] == side) & column.notna()].sort_values(kind="stable")
        ends[side] = [str(table.loc[row, "path"]) for row in (own.index[0], own.index[-1])]
    text = (
        f"the synthetic pictures are shifted by {shift:+.2f} standard deviations of the real ones"
    )
    return _told(f"look-{name}", name, edges, shares, ends, text)


def _told(  # noqa: PLR0917 - what a histogram is made of
    name: str,
    title: str,
    edges: Any,
    shares: Sequence[Any],
    ends: Mapping[str, Sequence[str]],
    text: str,
) -> tuple[Plot, Gallery]:
    drawn = new_figure(
        height=220, x_axis_label=title, y_axis_label="share of the side", y_start=0.0
    )
    rows = draw_shares(drawn, shares, edges)
    title = title[:1].upper() + title[1:]
    plot = Plot(
        name=f"plot-{name}",
        title=title,
        spoken=f"Histogram of both sides: {text}.",
        columns=("from", *SIDES),
        rows=rows,
        item=as_item(drawn, f"plot-{name}"),
    )
    groups = [
        Group.alike([(side, ends[side][place])], f"{which} of the {side} images")
        for place, which in enumerate(("least", "most"))
        for side in SIDES
    ]
    gallery = Gallery(
        name=f"extremes-{name}",
        title=f"Least and most: {title[:1].lower()}{title[1:]}",
        advice=f"Of both sides; {text}.",
        reason="",
        groups=groups,
    )
    return plot, gallery
