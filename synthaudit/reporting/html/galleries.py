"""Which pictures stand for a finding: groups that belong together, all of them, the worst first."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from synthaudit.measures.selection import UNFAITHFUL
from synthaudit.reporting.words import class_counts, odds, sureness
from synthaudit.result.finding import Finding
from synthaudit.result.reading import AuditFiles
from synthaudit.result.worst_images import (
    broken_pictures,
    obvious_fakes,
    repeats,
    uncovered,
    unfaithful,
    wrong_labels,
)

if TYPE_CHECKING:
    import pandas as pd

PER_CLUSTER: Final = 8
_EXTREMES: Final = 6
_OF_A_CLASS: Final = 6
_SIDE_BY_SIDE: Final = 2
_EVERYONE: Final = 10**9

Key = tuple[str, str]
"""Side and path of an image."""

PARTNERS: Final = ("nearest_real_of_class", "nearest_real", "nearest_synthetic")
"""Columns that name the images beside which one is shown."""

_ROLES: Final = {
    "nearest_real_of_class": "nearest real of its class",
    "nearest_real": "nearest real",
}


@dataclass(frozen=True, kw_only=True)
class Group:
    """Pictures side by side.

    Attributes:
        images: the one that is judged first.
        roles: of each, what it is to the first one; empty for what is judged.
        text: what is to be said of them.
    """

    images: Sequence[Key]
    roles: Sequence[str]
    text: str

    @classmethod
    def alike(cls, images: Sequence[Key], text: str) -> Group:
        """Pictures of which none is what the others are compared with."""
        return cls(images=images, roles=[""] * len(images), text=text)


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """The pictures of one finding.

    Attributes:
        name: the kind of the finding, or of what else is shown.
        title: what is shown.
        advice: what to look for.
        reason: why an image of it that a person drops is dropped, as ``--keep`` says it.
        groups: all that there are, the worst first.
    """

    name: str
    title: str
    advice: str
    reason: str
    groups: Sequence[Group]


def galleries_of(files: AuditFiles) -> list[Gallery]:
    """The galleries of what was found, in the order of the findings, then of the measures."""
    partners = Partners(files.images)
    made = [
        _MAKERS[kind](files, partners)
        for own in files.scores["findings"]
        if (kind := own["kind"]) in _MAKERS and is_pictured(Finding.read(own))
    ]
    made += [_extremes(files, name) for name in files.scores.get("measures", ())]
    return [gallery for gallery in made if gallery.groups]


def is_pictured(finding: Finding) -> bool:
    """Whether there is something to show: nothing is called a fault that chance explains."""
    return finding.severity != "none" or finding.kind in ("files", "attributes")


class Partners:
    """What each image is shown beside."""

    def __init__(self, images: pd.DataFrame) -> None:
        keys = list(zip(images["side"], images["path"], strict=True))
        self._of = {
            name: dict(zip(keys, images[name], strict=True)) for name in PARTNERS if name in images
        }

    def _partner(self, key: Key, column: str) -> str | None:
        name = self._of.get(column, {}).get(key)
        return name if isinstance(name, str) else None

    def group(self, path: str, text: str) -> Group:
        """A synthetic image, the real one of its class nearest to it, and the nearest of all."""
        found: dict[str, str] = {}
        for column, role in _ROLES.items():
            name = self._partner(("synthetic", path), column)
            if name is not None:
                found.setdefault(name, role)
        images = [("synthetic", path), *(("real", name) for name in found)]
        return Group(images=images, roles=["", *found.values()], text=text)

    def of_real(self, path: str, text: str) -> Group:
        """A real image, and the synthetic one that comes nearest to it."""
        near = self._partner(("real", path), "nearest_synthetic")
        if near is None:
            return Group.alike([("real", path)], text)
        images = [("real", path), ("synthetic", near)]
        return Group(images=images, roles=["", "nearest synthetic"], text=text)


def _fakes(files: AuditFiles, partners: Partners) -> Gallery:
    return Gallery(
        name="unrealistic",
        title="Images that stand out as fakes, the surest first",
        advice="What gives them away? Each beside the real images that it is nearest to.",
        reason="it stands out as a fake",
        groups=[
            partners.group(path, f"{sureness(probability)} to be synthetic")
            for path, probability in obvious_fakes(files.images, _EVERYONE)
        ],
    )


def _uncovered(files: AuditFiles, partners: Partners) -> Gallery:
    real = files.images[files.images["side"] == "real"]
    count = int((real["uncoveredness"] > 1.0).sum())
    kinds = [kind for kind in files.scores.get("missed", ()) if kind["size"] > 1]
    groups = [
        Group.alike(
            [("real", path) for path in kind["examples"]],
            f"{kind['size']:,} alike{class_counts(kind['classes'])}",
        )
        for kind in kinds
    ]
    grouped = {path for kind in kinds for path in kind["examples"]}
    single = uncovered(files.images, count) if count else []
    groups += [
        partners.of_real(path, "nothing synthetic is near")
        for path in single
        if path not in grouped
    ]
    return Gallery(
        name="unrepresentative",
        title="Real images that nothing synthetic resembles",
        advice="What do they have in common? Ask for it: subjects, contexts, viewpoints.",
        reason="",
        groups=groups,
    )


def _repeats(files: AuditFiles, _: Partners) -> Gallery:
    return Gallery(
        name="unvaried",
        title="Images that repeat one another",
        advice="Keep one of each group; vary seeds and prompts.",
        reason="it repeats another image, which is kept",
        groups=[
            Group.alike(
                [("synthetic", path) for path in cluster.paths], f"one of {cluster.size:,} alike"
            )
            for cluster in repeats(files.images, _EVERYONE, examples=PER_CLUSTER)
        ],
    )


def _copies(files: AuditFiles, _: Partners) -> Gallery:
    rows = [] if files.copies is None else files.copies.to_dict("records")
    return Gallery(
        name="unoriginal",
        title="Copies of real images, each beside its original",
        advice="Drop them, and do not publish them.",
        reason="it copies a real image",
        groups=[
            Group(
                images=[("synthetic", str(row["path"])), ("real", str(row["original"]))],
                roles=["", "its original"],
                text=_copy_text(row),
            )
            for row in rows
        ],
    )


_CHANNELS: Final = {
    "both": "alike in subject and in pattern of light",
    "embedding": "alike in subject",
    "pattern": "alike in pattern of light",
}


def _copy_text(row: Mapping[Any, Any]) -> str:
    parts = [_CHANNELS.get(str(row.get("found_by")), "")]
    if row.get("is_mirrored") is True:
        parts.append("mirrored or turned")
    if not math.isnan(row["distance"]):
        parts.append(f"distance {row['distance']:.4f}")
    parts.append(f"as near by chance: {odds(row['p_value'])}")
    return "; ".join(part for part in parts if part)


def _wrong_labels(files: AuditFiles, partners: Partners) -> Gallery:
    return Gallery(
        name="labels",
        title="Images that show another class than their own",
        advice="Look at the prompts of their classes, or at who named them.",
        reason="it does not show its class",
        groups=[
            partners.group(path, f"not {own} but {other}: {sureness(probability)}")
            for path, own, other, probability in wrong_labels(files.images, _EVERYONE)
        ],
    )


def _unfaithful(files: AuditFiles, partners: Partners) -> Gallery:
    return Gallery(
        name="unfaithful",
        title="Pictures that do not show their prompts, the surest first",
        advice="Is the prompt at fault, or the model? Reword it, or leave the picture out.",
        reason=UNFAITHFUL,
        groups=[
            partners.group(path, f"asked for: {prompt}")
            for path, prompt in unfaithful(files.images, _EVERYONE)
        ],
    )


_SHOWN_BY: Final = {"real": "real pictures", "missed": "missed real ones", "synthetic": "fakes"}


def _attributes(files: AuditFiles, _: Partners) -> Gallery:
    found = files.scores["attributes"]
    groups = [
        Group.alike(
            [("synthetic" if kind == "synthetic" else "real", path) for path in own["examples"]],
            f"{own['attribute']}: shown more by {who}",
        )
        for kind, who in _SHOWN_BY.items()
        for own in found.get(kind, ())
    ]
    return Gallery(
        name="attributes",
        title="What one side shows and the other does not",
        advice="Are the words right? Those of real pictures are what prompts could ask for.",
        reason="",
        groups=groups,
    )


def _broken(files: AuditFiles, partners: Partners) -> Gallery:
    return Gallery(
        name="broken",
        title="Broken pictures",
        advice="No real picture looks like this. Drop them, and look at what made them.",
        reason="it is broken",
        groups=[
            partners.group(path, what) for path, what in broken_pictures(files.images, _EVERYONE)
        ],
    )


def _missing(files: AuditFiles, _: Partners) -> Gallery:
    images = files.images
    made = {*images.loc[images["side"] == "synthetic", "class"].dropna()}
    real = images[(images["side"] == "real") & ~images["class"].isin(made)]
    groups = []
    for name, own in real.dropna(subset=["class"]).groupby("class"):
        paths = own["path"].head(_OF_A_CLASS).tolist()
        text = f"{name}: {len(own):,} real images, no synthetic one"
        groups += [
            Group.alike([("real", path) for path in paths[start : start + _SIDE_BY_SIDE]], text)
            for start in range(0, len(paths), _SIDE_BY_SIDE)
        ]
    return Gallery(
        name="classes",
        title="Classes of the real images that the set leaves out",
        advice="Make images of them too, or train with real ones of all classes.",
        reason="",
        groups=groups,
    )


def _files(files: AuditFiles, partners: Partners) -> Gallery:
    """The files differ whatever they show: any pair of one class shows it."""
    table = files.images[files.images["side"] == "synthetic"]
    order = table.sort_values(["probability_synthetic", "path"], ascending=[False, True])
    return Gallery(
        name="files",
        title="Pictures whose files differ, each beside a real one",
        advice="Compare sharpness and blocks at full size: what differs may be the file alone.",
        reason="",
        groups=[partners.group(path, "") for path in order["path"]],
    )


def _losing(files: AuditFiles, partners: Partners) -> Gallery:
    """Images of the classes that lose accuracy, the class that loses most first."""
    gains = {
        name: own["gain"]
        for name, own in files.scores["usefulness"]["classes"].items()
        if own["gain"] < 0.0
    }
    table = files.images[files.images["side"] == "synthetic"]
    groups = []
    for name in sorted(gains, key=lambda name: (gains[name], name)):
        paths = table.loc[table["class"] == name, "path"].head(_OF_A_CLASS)
        text = f"{name} changes by {gains[name]:+.3f}"
        groups += [partners.group(path, text) for path in paths]
    return Gallery(
        name="usefulness",
        title="Images of the classes that lose accuracy",
        advice="Do they show what the real images of their class show?",
        reason="its class loses accuracy",
        groups=groups,
    )


def _extremes(files: AuditFiles, column: str) -> Gallery:
    """The synthetic images with the lowest and the highest numbers of a measure."""
    table = files.images
    groups: list[Group] = []
    if column in table.columns:
        own = table[(table["side"] == "synthetic") & table[column].notna()]
        order = own.sort_values([column, "path"])
        groups = [
            Group.alike([("synthetic", str(path))], f"{which} {column}: {value:.4g}")
            for which, end in (
                ("lowest", order.head(_EXTREMES)),
                ("highest", order.tail(_EXTREMES)[::-1]),
            )
            for path, value in zip(end["path"], end[column], strict=True)
        ]
    return Gallery(
        name=f"measure-{column}",
        title=f"Lowest and highest {column}",
        advice=str(files.scores["measures"][column]["description"]),
        reason="",
        groups=groups,
    )


_MAKERS: Final[Mapping[str, Callable[[AuditFiles, Partners], Gallery]]] = {
    "unrealistic": _fakes,
    "unrepresentative": _uncovered,
    "unvaried": _repeats,
    "unoriginal": _copies,
    "labels": _wrong_labels,
    "unfaithful": _unfaithful,
    "attributes": _attributes,
    "broken": _broken,
    "classes": _missing,
    "files": _files,
    "usefulness": _losing,
}
"""What shows a finding, by its kind."""


def keys_of(galleries: Sequence[Gallery], *, most: int = _EVERYONE) -> Iterator[Key]:
    """The images of galleries, ``most`` groups of each, the first group of every gallery first."""
    longest = min(max((len(gallery.groups) for gallery in galleries), default=0), most)
    for place in range(longest):
        for gallery in galleries:
            if place < len(gallery.groups):
                yield from gallery.groups[place].images
