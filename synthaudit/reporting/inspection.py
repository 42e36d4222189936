"""An inspection for people: on the terminal, and as a page."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.text import Text

from synthaudit.inspecting.result import Inspection
from synthaudit.names import write_name
from synthaudit.reporting.files import picture_budget
from synthaudit.reporting.html.galleries import PER_CLUSTER, Gallery, Group, Key, keys_of
from synthaudit.reporting.html.map import landmarks_of, map_of, points_of
from synthaudit.reporting.html.page import flat, render
from synthaudit.reporting.html.page_images import (
    choose_images,
    gallery_data,
    image_data,
    most_rows,
    picture_data,
)
from synthaudit.reporting.html.thumbnails import GALLERY_EDGE, MAP_EDGES, Thumbnails
from synthaudit.reporting.words import sureness
from synthaudit.result.about import About, about_side, day_in_words, today
from synthaudit.result.reading import AuditFiles
from synthaudit.result.worst_images import broken_pictures, repeats, wrong_labels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd

_SHOWN: Final = 24
_LISTED: Final = 5
_PICTURED: Final = 120
# The page of a single set knows of no fakes.
_NO_FAKE: Final = 2.0
_SCRIPTS: Final = (
    *("images.js", "decisions.js", "viewer.js", "review.js"),
    *("plots.js", "map.js", "contents.js"),
)
# The one set plays the synthetic side, which is the one that is judged.
_SIDE: Final = "synthetic"
_NOTHING: Final = "No repeats, no broken pictures, no wrong classes are seen."


def headline(found: Inspection) -> str:
    """What was looked at, in a sentence."""
    counts, embedder = found.counts, found.provenance["embedder"]
    kept = int(found.kept["is_kept"].sum())
    return f"{counts['images']:,} images, {kept:,} worth keeping; embedder {embedder}"


def print_inspection(found: Inspection, console: Console, *, written: Path | None = None) -> None:
    """Print an inspection.

    Args:
        found: the inspection.
        console: where to.
        written: the folder that holds the files, when there is one.
    """
    console.print(Text(headline(found), style="bold"), soft_wrap=True)
    for kind, sentence in (found.faults or {"": _NOTHING}).items():
        console.print(Text(f"\n{sentence}"))
        for line in _examples(found, kind):
            console.print(Text(f"  {line}"), soft_wrap=True, highlight=False)
    where = "No results were written; --out DIR keeps the page and the tables."
    if written is not None:
        files = "report.html, inspection.json, images.parquet, kept.csv"
        where = f"Written to {write_name(str(written))}: {files}"
    console.print(Text(f"\n{where}", style="dim"), soft_wrap=True)


def _examples(found: Inspection, kind: str) -> list[str]:
    images = _as_judged(found.images)
    if kind == "repeats":
        return [f"{own.size:,} x {', '.join(own.paths)}" for own in repeats(images, _LISTED)]
    if kind == "broken":
        return [f"{path}: {what}" for path, what in broken_pictures(images, _LISTED)]
    if kind == "labels":
        return [
            f"{path}: {own}, likelier {other} ({probability:.2f})"
            for path, own, other, probability in wrong_labels(images, _LISTED)
        ]
    if kind == "unreadable":
        rows = found.unreadable.head(_LISTED).to_dict("records")
        return [f"{row['path']}: {row['reason']}" for row in rows]
    return []


def _as_judged(images: pd.DataFrame) -> pd.DataFrame:
    """With the columns by which faults are listed and drawn."""
    return images.assign(
        side=_SIDE,
        is_unvaried=images["is_repeat"],
        is_unoriginal=False,
        probability_synthetic=0.0,
        uncoveredness=0.0,
    )


def write_inspection(found: Inspection, folder: str | Path, *, megabytes: float = 15.0) -> Path:
    """Write an inspection and its page: all files are there, or those of before.

    Args:
        found: the inspection.
        folder: made if need be.
        megabytes: budget of the page.

    Raises:
        UsageError: the budget is too small.
        StorageError: the folder cannot be written.
    """
    about = _about(found, Path(folder), megabytes)
    made = Thumbnails(
        {(_SIDE, entry.path): entry.location for entry in found.entries},
        budget=picture_budget(megabytes, inspection_html(found, {}, about)),
        max_pixels=int(found.provenance["settings"]["max_pixels"]),
    )
    made.add(keys_of(_galleries(found), most=_PICTURED), GALLERY_EDGE)
    shown = points_of(_as_judged(found.images))["path"]
    made.add_all([(_SIDE, path) for path in shown], MAP_EDGES)
    page = inspection_html(found, made.made, about)
    return found.write(folder, beside={"report.html": page})


def inspection_html(found: Inspection, pictures: Mapping[Key, bytes], about: About) -> str:
    """The page.

    Args:
        found: the inspection.
        pictures: WebP bytes, by ``synthetic`` and path.
        about: what the set is called, and where it is.
    """
    galleries, table = _galleries(found), _as_judged(found.images)
    images = choose_images(table, galleries, most_rows(about.megabytes))
    files = AuditFiles(
        scores={"provenance": found.provenance}, images=table, copies=None, thumbnails=pictures
    )
    drawn = map_of(files, images, is_alone=True)
    data = {
        "id": hashlib.sha256(json.dumps([found.name, found.counts]).encode()).hexdigest(),
        "served": False,
        "alone": True,
        "images": image_data(images, obvious=_NO_FAKE, about=about),
        "galleries": gallery_data(galleries, images),
        "pictures": picture_data(images, pictures),
        "landmarks": landmarks_of(images, pictures),
    }
    return render(
        "inspection.html",
        scripts=_SCRIPTS,
        plots=[],
        items=[] if drawn is None else [drawn.item],
        data={"page-data": data},
        verdict=f"{found.name}: {headline(found)}",
        findings=[
            (kind, text, len(shown.groups) if (shown := _named(galleries, kind)) else 0)
            for kind, text in (found.faults or {"": _NOTHING}).items()
        ],
        made=day_in_words(about.made),
        unreadable=found.unreadable.head(_SHOWN).to_dict("records"),
        map=drawn,
        images=images,
        has_pictures=True,
        plain_command="synthaudit score REAL SYNTHETIC",
        pictures=sum(key in images.numbers for key in pictures),
        command=f"synthaudit inspect {write_name(str(found.root))} --embedder "
        f"{found.provenance['embedder']}",
        provenance=flat(found.provenance),
    )


def _about(found: Inspection, folder: Path, megabytes: float) -> About:
    side = about_side(found.name, found.root, found.entries, folder)
    return About(made=today(), megabytes=megabytes, real=side, synthetic=side)


def _named(galleries: Sequence[Gallery], kind: str) -> Gallery | None:
    return next((gallery for gallery in galleries if gallery.name == kind), None)


def _galleries(found: Inspection) -> list[Gallery]:
    images = _as_judged(found.images)
    clusters = repeats(images, len(images), examples=PER_CLUSTER)
    made = [
        Gallery(
            name="repeats",
            title="Images that repeat one another",
            advice="Keep one of each group.",
            reason="it repeats another image, which is kept",
            groups=[
                Group.alike([(_SIDE, path) for path in own.paths], f"one of {own.size:,} alike")
                for own in clusters
            ],
        ),
        Gallery(
            name="broken",
            title="Pictures that look broken",
            advice="Few others of the set look like this.",
            reason="it is broken",
            groups=[
                Group.alike([(_SIDE, path)], what)
                for path, what in broken_pictures(images, len(images))
            ],
        ),
        Gallery(
            name="labels",
            title="Images that likelier show another class",
            advice="The class of the folder is the label.",
            reason="it does not show its class",
            groups=[
                Group.alike([(_SIDE, path)], f"not {own} but {other}: {sureness(probability)}")
                for path, own, other, probability in wrong_labels(images, len(images))
            ],
        ),
    ]
    return [gallery for gallery in made if gallery.groups]
