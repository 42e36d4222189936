"""The page of an audit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from synthaudit.measures.scores import SCORE_NAMES
from synthaudit.reporting.html.classes import class_data
from synthaudit.reporting.html.galleries import Gallery, Key, galleries_of, keys_of
from synthaudit.reporting.html.gauges import gauges_of
from synthaudit.reporting.html.map import landmarks_of, map_of, points_of
from synthaudit.reporting.html.page import flat, render
from synthaudit.reporting.html.page_images import (
    PageImages,
    choose_images,
    gallery_data,
    image_data,
    most_rows,
    picture_data,
)
from synthaudit.reporting.html.plots import audit_plots
from synthaudit.reporting.html.sections import PAGE, added_html
from synthaudit.reporting.html.why import why_of
from synthaudit.reporting.html.worth_plots import worth_plots
from synthaudit.reporting.interpretation import command_of, findings_in, told_findings
from synthaudit.result.about import day_in_words
from synthaudit.result.reading import AuditFiles

if TYPE_CHECKING:
    import pandas as pd

SCRIPTS: Final = (
    *("images.js", "decisions.js", "viewer.js", "review.js"),
    *("classes.js", "thresholds.js", "plots.js", "map.js", "contents.js"),
)
_WITHOUT_PICTURES: Final = ("images.js", "classes.js", "plots.js", "map.js", "contents.js")
_USUAL_MEGABYTES: Final = 15.0
_MOST_PAIRS: Final = 50_000
_PICTURED: Final = 3
_LISTED: Final = 200
_FIRST: Final = 120
"""Groups of a gallery that have pictures before the map has any."""


def report_html(files: AuditFiles, *, is_served: bool = False) -> str:
    """The page of an audit.

    Args:
        files: of the audit.
        is_served: whether a server shows it, which is then asked for images and numbers.
    """
    why = why_of(files)
    galleries = all_galleries(files)
    images = choose_images(files.images, galleries, _most(files, is_served=is_served))
    drawn = map_of(files, images)
    added = added_html(files)
    has_pictures = is_served or files.scores["provenance"]["embedder"] != "vectors"
    own_plots = [] if why is None else why.plots
    plots, worth = audit_plots(files), worth_plots(files.scores.get("usefulness"))
    contents = page_data(
        files, galleries, images, landmarks=[] if drawn is None else drawn.landmarks
    )
    return render(
        "audit.html",
        page=(*PAGE, *added, "provenance"),
        added=added,
        scripts=SCRIPTS if has_pictures else _WITHOUT_PICTURES,
        plots=[*worth, *own_plots, *plots],
        why=why,
        shown_plots=plots,
        worth_plots=worth,
        items=[] if drawn is None else [drawn.item],
        data={"page-data": {"id": _digest(files), "served": True} if is_served else contents},
        is_served=is_served,
        scores=files.scores,
        about=files.about,
        made="" if files.about is None else day_in_words(files.about.made),
        gauges=gauges_of(files.scores),
        verdict=files.scores["verdict"]["text"],
        findings=told_findings(findings_in(files.scores)),
        galleries={gallery.name: len(gallery.groups) for gallery in galleries},
        fault_tables=_fault_tables(galleries),
        has_pictures=has_pictures,
        pictured=_PICTURED,
        map=drawn,
        images=images,
        pictures=sum(key in images.numbers for key in files.thumbnails),
        has_classes=bool(files.scores.get("classes")),
        score_names=SCORE_NAMES,
        radius=files.scores["duplicates"].get("radius"),
        supporting=files.scores.get("supporting", {}),
        command=command_of(files.scores),
        provenance=flat(files.scores["provenance"]),
    )


def all_galleries(files: AuditFiles) -> list[Gallery]:
    """Those of the findings and measures, then those of the traits that differ."""
    why = why_of(files)
    return [*galleries_of(files), *(() if why is None else why.galleries.values())]


def page_data(
    files: AuditFiles, galleries: Sequence[Gallery], images: PageImages, *, landmarks: list[int]
) -> dict[str, Any]:
    """What the scripts of the page know."""
    obvious = float(files.scores["provenance"]["settings"].get("obvious", 0.95))
    return {
        "id": _digest(files),
        "served": False,
        "images": image_data(images, obvious=obvious, about=files.about),
        "galleries": gallery_data(galleries, images),
        "pictures": picture_data(images, files.thumbnails),
        "landmarks": landmarks,
        "classes": class_data(files),
        "thresholds": {
            "obvious": obvious,
            "radius": files.scores["duplicates"].get("radius"),
            "pairs": _pairs(files.pairs, images),
        },
    }


def served_data(files: AuditFiles) -> dict[str, Any]:
    """What the page asks a server for: the same, of all images."""
    galleries = all_galleries(files)
    images = choose_images(files.images, galleries, len(files.images))
    return {**page_data(files, galleries, images, landmarks=landmarks_of(images)), "served": True}


def wanted_for_galleries(files: AuditFiles) -> list[Key]:
    """The pictures that the galleries show, the first of every gallery first."""
    return list(dict.fromkeys(keys_of(all_galleries(files), most=_FIRST)))


def wanted_for_map(files: AuditFiles) -> list[Key]:
    """The pictures that the map shows, in an order of which every part covers the whole map."""
    import numpy as np

    points = points_of(files.images)
    keys = list(zip(points["side"], points["path"], strict=True))
    order = np.random.default_rng(0).permutation(len(keys))
    return [keys[place] for place in order]


def _most(files: AuditFiles, *, is_served: bool) -> int:
    if is_served:
        return len(files.images)
    return most_rows(_USUAL_MEGABYTES if files.about is None else files.about.megabytes)


def _digest(files: AuditFiles) -> str:
    """What tells the pages of two audits apart, and not two pages of one."""
    provenance = files.scores["provenance"]
    return f"{provenance['real_digest']}{provenance['synthetic_digest']}"


def _pairs(pairs: pd.DataFrame | None, images: PageImages) -> list[list[float]]:
    """Near-duplicate pairs of synthetic images, by number, with their distance."""
    if pairs is None:
        return []
    own = pairs[(pairs["side_a"] == "synthetic") & (pairs["side_b"] == "synthetic")]
    found = []
    for first, second, distance in (
        own[["path_a", "path_b", "distance"]].head(_MOST_PAIRS).to_numpy()
    ):
        ends = images.numbers_of([("synthetic", first), ("synthetic", second)])
        if ends is not None:
            found.append([*ends, round(float(distance), 6)])
    return found


def _fault_tables(galleries: Sequence[Gallery]) -> list[tuple[str, list[tuple[str, str, str]]]]:
    """The images at fault as tables, for vectors without pictures."""
    return [
        (
            gallery.title,
            [
                (group.images[0][1], ", ".join(path for _, path in group.images[1:]), group.text)
                for group in gallery.groups[:_LISTED]
            ],
        )
        for gallery in galleries
    ]
