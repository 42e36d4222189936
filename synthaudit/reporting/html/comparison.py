"""The page of two audits: what changed, and which images turned bad or good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from synthaudit.gating.comparing import Change, Comparison
from synthaudit.measures.scores import SCORE_NAMES
from synthaudit.reporting.html.galleries import Gallery, Group, Key
from synthaudit.reporting.html.page import flat, render
from synthaudit.reporting.html.page_images import (
    choose_images,
    gallery_data,
    image_data,
    most_rows,
    picture_data,
)
from synthaudit.reporting.html.plots import Plot, as_item, coloured, legend_above, new_rows
from synthaudit.reporting.interpretation import command_of
from synthaudit.result.about import day_in_words, short_name, today
from synthaudit.result.reading import AuditFiles

if TYPE_CHECKING:
    import pandas as pd

_SCRIPTS: Final = (
    *("images.js", "decisions.js", "viewer.js", "review.js"),
    *("plots.js", "contents.js"),
)
_WITHOUT_PICTURES: Final = ("images.js", "plots.js", "contents.js")
_MEGABYTES: Final = 15.0
_SIDE: Final = "synthetic"
_NOT_SETTINGS: Final = ("real_digest", "synthetic_digest", "versions", "decisions")


def comparison_html(
    found: Comparison, before: AuditFiles, after: AuditFiles, names: tuple[str, str]
) -> str:
    """The page.

    Args:
        found: what changed.
        before: the first audit.
        after: the second one.
        names: what the user called them.
    """
    table = _images(before, after)
    pictures = {**before.thumbnails, **after.thumbnails}
    galleries = _galleries(found)
    images = choose_images(table, galleries, most_rows(_MEGABYTES))
    data = {
        "id": f"{before.scores['provenance']['synthetic_digest']}"
        f"{after.scores['provenance']['synthetic_digest']}",
        "served": False,
        "images": image_data(images, obvious=0.95, about=after.about),
        "galleries": gallery_data(galleries, images),
        "pictures": picture_data(images, _wanted(pictures, found)),
        "landmarks": [],
    }
    plot = _changes_plot(found.changes)
    has_pictures = after.scores["provenance"]["embedder"] != "vectors"
    return render(
        "comparison.html",
        scripts=_SCRIPTS if has_pictures else _WITHOUT_PICTURES,
        plots=[plot],
        data={"page-data": data},
        verdict=headline(found),
        names=[short_name(name) for name in names],
        made=day_in_words(today()),
        verdicts=[files.scores["verdict"]["text"] for files in (before, after)],
        found=found,
        plot=plot,
        classes=_classes(before.scores, after.scores),
        score_names=SCORE_NAMES,
        settings=differing_settings(before.scores, after.scores),
        counts={
            "newly bad": len(found.newly_bad),
            "newly good": len(found.newly_good),
            "new": len(found.new),
            "gone": len(found.gone),
        },
        galleries={gallery.name: len(gallery.groups) for gallery in galleries},
        has_pictures=has_pictures,
        fault_tables=[
            (gallery.title, [(group.images[0][1], "", group.text) for group in gallery.groups])
            for gallery in galleries
        ],
        images=images,
        plain_command=command_of(after.scores, without=("keep",)),
    )


def headline(found: Comparison) -> str:
    """What changed, in a sentence."""
    worse, better = (
        [name for name, change in found.changes.items() if change.reading == reading]
        for reading in ("worse", "better")
    )
    if not worse and not better:
        if any(change.low is None for change in found.changes.values()):
            return "Whether anything changed cannot be said: there are no intervals after --quick."
        return "Nothing changed beyond noise."
    parts = [f"{word}: {', '.join(names)}" for word, names in (("Worse", worse), ("Better", better))
             if names]  # fmt: skip
    return f"{'. '.join(parts)}."


def differing_settings(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[tuple[str, str, str]]:
    """What the provenance of both audits says otherwise: name, before, after."""
    told = [
        dict(flat({k: v for k, v in own["provenance"].items() if k not in _NOT_SETTINGS}))
        for own in (before, after)
    ]
    return [
        (name, told[0].get(name, "not there"), told[1].get(name, "not there"))
        for name in dict.fromkeys([*told[0], *told[1]])
        if told[0].get(name) != told[1].get(name)
    ]


def _images(before: AuditFiles, after: AuditFiles) -> pd.DataFrame:
    """The images of the second audit, and those that only the first has."""
    import pandas as pd

    there = {*zip(after.images["side"], after.images["path"], strict=True)}
    keys = zip(before.images["side"], before.images["path"], strict=True)
    gone = before.images[[key not in there for key in keys]]
    return pd.concat([after.images, gone], ignore_index=True) if len(gone) else after.images


def _wanted(pictures: Mapping[Key, bytes], found: Comparison) -> dict[Key, bytes]:
    shown = {*found.newly_bad, *found.newly_good, *found.new, *found.gone}
    return {key: data for key, data in pictures.items() if key[0] == _SIDE and key[1] in shown}


def _galleries(found: Comparison) -> list[Gallery]:
    kinds: Sequence[tuple[str, str, str, Sequence[str]]] = (
        ("bad", "Images that only the second audit flags", "What changed them?", found.newly_bad),
        ("good", "Images that only the first audit flags", "They passed now.", found.newly_good),
        ("new", "Images that only the second set has", "They were added.", found.new),
        ("gone", "Images that only the first set has", "They were taken out.", found.gone),
    )
    return [
        Gallery(
            name=name,
            title=title,
            advice=advice,
            reason="",
            groups=[
                Group.alike([(_SIDE, path)], ", ".join(found.reasons.get(path, ())))
                for path in paths
            ],
        )
        for name, title, advice, paths in kinds
        if paths
    ]


def _changes_plot(changes: Mapping[str, Change]) -> Plot:
    """Both values of each score, and the change with its interval."""
    from bokeh.models.ranges import Range1d

    names = list(changes)
    drawn, rows = new_rows(
        names,
        height=220,
        x_axis_label="score, higher is worse",
        x_range=Range1d(start=-0.02, end=1.02),
    )
    both = [[getattr(changes[name], end) for name in names] for end in ("before", "after")]
    coloured(drawn.segment(x0=both[0], y0=rows, x1=both[1], y1=rows, line_width=2), "soft")
    before = drawn.scatter(both[0], rows, size=10, marker="circle", legend_label="before")
    after = drawn.scatter(both[1], rows, size=12, marker="diamond", legend_label="after")
    coloured(before, "soft")
    coloured(after, "synthetic")
    legend_above(drawn)
    told = "; ".join(f"{name} {own.before:.3f} to {own.after:.3f}" for name, own in changes.items())
    return Plot(
        name="plot-changes",
        title="The four scores before and after",
        spoken=f"{told}.",
        columns=("score", "before", "after"),
        rows=[(name, f"{own.before:.3f}", f"{own.after:.3f}") for name, own in changes.items()],
        item=as_item(drawn, "plot-changes"),
    )


def _classes(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> list[tuple[str, dict[str, tuple[float, float, float]]]]:
    """By class that both have, each score before and after and its change; most change first."""
    old, new = before.get("classes", {}), after.get("classes", {})
    rows = [
        (
            name,
            {
                score: (old[name][score], new[name][score], new[name][score] - old[name][score])
                for score in SCORE_NAMES
            },
        )
        for name in sorted(old.keys() & new.keys())
    ]
    return sorted(rows, key=lambda row: -max(abs(own[2]) for own in row[1].values()))
