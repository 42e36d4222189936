"""The page of an audit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

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
from synthaudit.result.findings_on_prompts import FAULT_NAMES
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


class AuditPage:
    """The page of an audit: drawn once, then filled with pictures.

    Args:
        files: of the audit.
        is_served: whether a server shows it, which is then asked for images and numbers.
    """

    def __init__(self, files: AuditFiles, *, is_served: bool = False) -> None:
        self.files, self.is_served = files, is_served
        why = why_of(files)
        self.galleries = [
            *galleries_of(files),
            *(() if why is None else why.galleries.values()),
        ]
        self.images = choose_images(files.images, self.galleries, _most(files, is_served=is_served))
        self._map = map_of(files, self.images)
        self._has_pictures = is_served or files.scores["provenance"]["embedder"] != "vectors"
        self._drawn: dict[str, Any] = {
            "why": why,
            "shown_plots": audit_plots(files),
            "worth_plots": worth_plots(files.scores.get("usefulness")),
        }
        self._added = added_html(files)

    def html(self, pictures: Mapping[Key, bytes]) -> str:
        """The page with its pictures, as WebP."""
        scores, galleries = self.files.scores, self.galleries
        own = [] if self._drawn["why"] is None else self._drawn["why"].plots
        about = self.files.about
        contents = {"id": _digest(self.files), "served": True}
        return render(
            "audit.html",
            page=(*PAGE, *self._added, "provenance"),
            added=self._added,
            scripts=SCRIPTS if self._has_pictures else _WITHOUT_PICTURES,
            plots=[*self._drawn["worth_plots"], *own, *self._drawn["shown_plots"]],
            **self._drawn,
            items=[] if self._map is None else [self._map.item],
            data={"page-data": contents if self.is_served else self.data(pictures)},
            is_served=self.is_served,
            scores=scores,
            about=about,
            made="" if about is None else day_in_words(about.made),
            gauges=gauges_of(scores),
            verdict=scores["verdict"]["text"],
            findings=told_findings(findings_in(scores)),
            galleries={gallery.name: len(gallery.groups) for gallery in galleries},
            fault_tables=_fault_tables(galleries),
            has_pictures=self._has_pictures,
            pictured=_PICTURED,
            map=self._map,
            images=self.images,
            pictures=sum(key in self.images.numbers for key in pictures),
            has_classes=bool(scores.get("classes")),
            score_names=SCORE_NAMES,
            fault_names=FAULT_NAMES,
            radius=scores["duplicates"].get("radius"),
            supporting=scores.get("supporting", {}),
            command=command_of(scores),
            plain_command=command_of(scores, without=("keep",)),
            provenance=flat(scores["provenance"]),
        )

    def data(self, pictures: Mapping[Key, bytes]) -> dict[str, Any]:
        """What the scripts of the page know; served pictures are asked for one by one."""
        return {
            **self._known,
            "pictures": picture_data(self.images, pictures),
            "landmarks": landmarks_of(self.images, None if self.is_served else pictures),
        }

    @cached_property
    def _known(self) -> dict[str, Any]:
        """What of it does not depend on the pictures: a page is rendered without and with them."""
        files, images = self.files, self.images
        obvious = float(files.scores["provenance"]["settings"].get("obvious", 0.95))
        return {
            "id": _digest(files),
            "served": self.is_served,
            "images": image_data(images, obvious=obvious, about=files.about),
            "galleries": gallery_data(self.galleries, images),
            "classes": class_data(files),
            "thresholds": {
                "obvious": obvious,
                "radius": files.scores["duplicates"].get("radius"),
                "command": command_of(
                    files.scores, without=("keep", "obvious", "duplicate_distance")
                ),
                "pairs": _pairs(files.pairs, images),
            },
        }

    def wanted_for_galleries(self) -> list[Key]:
        """The pictures that the galleries show, the first of every gallery first."""
        return list(dict.fromkeys(keys_of(self.galleries, most=_FIRST)))

    def wanted_for_map(self) -> list[Key]:
        """The pictures that the map shows, in an order of which every part covers all of it."""
        points = points_of(self.files.images)
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
