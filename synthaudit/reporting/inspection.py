"""An inspection for people: on the terminal, and as a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.text import Text

from synthaudit.inspecting.result import Inspection
from synthaudit.names import write_name
from synthaudit.reporting.files import picture_budget
from synthaudit.reporting.html.galleries import Card, Gallery
from synthaudit.reporting.html.map import map_of, points_of
from synthaudit.reporting.html.page import data_uri, flat, render
from synthaudit.reporting.html.thumbnails import GALLERY_EDGE, MAP_EDGES, Thumbnails
from synthaudit.result.reading import AuditFiles
from synthaudit.result.worst_images import broken_pictures, repeats, wrong_labels

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

_SHOWN: Final = 24
_LISTED: Final = 5
_PER_CLUSTER: Final = 8
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
    made = Thumbnails(
        {(_SIDE, entry.path): entry.location for entry in found.entries},
        budget=picture_budget(megabytes, inspection_html(found, {})),
        max_pixels=int(found.provenance["settings"]["max_pixels"]),
    )
    groups = [group for gallery in _galleries(found) for group in gallery.groups]
    made.add([(_SIDE, card.path) for group in groups for card in group], GALLERY_EDGE)
    shown = points_of(_as_judged(found.images))["path"]
    made.add_all([(_SIDE, path) for path in shown], MAP_EDGES)
    return found.write(folder, beside={"report.html": inspection_html(found, made.made)})


def inspection_html(found: Inspection, pictures: Mapping[tuple[str, str], bytes]) -> str:
    """The page.

    Args:
        found: the inspection.
        pictures: WebP bytes, by ``synthetic`` and path.
    """
    galleries = _galleries(found)
    shown = {(_SIDE, card.path) for own in galleries for group in own.groups for card in group}
    provenance = {**found.provenance, "settings": {**found.provenance["settings"], "obvious": 2.0}}
    drawn = map_of(
        AuditFiles(
            scores={"provenance": provenance},
            images=_as_judged(found.images),
            copies=None,
            thumbnails=pictures,
        ),
        elsewhere=shown & set(pictures),
        is_alone=True,
    )
    root = write_name(str(found.root))
    return render(
        "inspection.html",
        scripts=["map.js"],
        plots=[],
        items=[] if drawn is None else [drawn.item],
        data={} if drawn is None else {"map-data": drawn.data},
        verdict=f"{found.name}: {headline(found)}",
        findings=found.findings or (_NOTHING,),
        unreadable=found.unreadable.head(_SHOWN).to_dict("records"),
        galleries=galleries,
        map=drawn,
        picture=lambda card: data_uri(pictures.get((_SIDE, card.path))),
        pictures=len(pictures),
        without_picture=max(len(found.images) - len(pictures), 0),
        command=f"synthaudit inspect {root} --embedder {found.provenance['embedder']}",
        provenance=flat(found.provenance),
    )


def _galleries(found: Inspection) -> list[Gallery]:
    images = _as_judged(found.images)
    label_of = dict(zip(images["path"], images["class"], strict=True))

    def card(path: str, caption: str) -> Card:
        label = label_of.get(path)
        name = label if isinstance(label, str) else ""
        return Card(side="image", path=path, label=name, caption=caption)

    clusters = repeats(images, len(images), examples=_PER_CLUSTER)
    broken, wrong = broken_pictures(images, len(images)), wrong_labels(images, len(images))
    made = [
        Gallery(
            name="repeats",
            title="Clusters of repeats",
            advice="Keep one of each.",
            groups=[
                [card(path, f"one of {own.size:,} alike") for path in own.paths]
                for own in clusters[:_SHOWN]
            ],
            left_out=max(len(clusters) - _SHOWN, 0),
        ),
        Gallery(
            name="broken",
            title="Pictures that look broken",
            advice="Few others of the set look like this.",
            groups=[[card(path, what)] for path, what in broken[:_SHOWN]],
            left_out=max(len(broken) - _SHOWN, 0),
        ),
        Gallery(
            name="labels",
            title="Images that likelier show another class",
            advice="The class of the folder is the label.",
            groups=[
                [card(path, f"{own}, likelier {other}: {probability:.2f}")]
                for path, own, other, probability in wrong[:_SHOWN]
            ],
            left_out=max(len(wrong) - _SHOWN, 0),
        ),
    ]
    return [gallery for gallery in made if gallery.groups]
