"""Which pictures a report shows, and what it says of each."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from synthaudit.result.reading import AuditFiles
from synthaudit.result.worst_images import (
    broken_pictures,
    obvious_fakes,
    repeats,
    uncovered,
    wrong_labels,
)

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 24
_CLUSTERS = 12
_PER_CLUSTER = 8
_EXTREMES = 6


@dataclass(frozen=True, kw_only=True)
class Card:
    """One picture: its side, path and class, and a caption."""

    side: str
    path: str
    label: str
    caption: str


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """Groups of pictures that belong together.

    Attributes:
        name: of the score, for anchors.
        title: what is shown.
        advice: what to look for.
        groups: each shown side by side.
        left_out: how many more there are.
    """

    name: str
    title: str
    advice: str
    groups: Sequence[Sequence[Card]]
    left_out: int


def galleries_of(files: AuditFiles) -> list[Gallery]:
    """All galleries that have something to show."""
    cards = _Cards(files.images)
    makers = (_fakes, _uncovered, _repeats, _copies, _wrong_labels, _broken)
    made = [maker(files, cards) for maker in makers]
    made += [_extremes(files, cards, name) for name in files.scores.get("measures", ())]
    return [gallery for gallery in made if gallery.groups]


class _Cards:
    """Cards of the images of a table."""

    def __init__(self, images: pd.DataFrame) -> None:
        self.rows = images.set_index(["side", "path"])

    def card(self, side: str, path: str, caption: str) -> Card:
        label: Any = None
        if (side, path) in self.rows.index:
            label = self.rows.loc[(side, path), "class"]
        name = label if isinstance(label, str) else ""
        return Card(side=side, path=path, label=name, caption=caption)

    def nearest_real(self, path: str) -> Iterator[Card]:
        """The real image that a synthetic one is nearest to."""
        row: Any = self.rows.loc[("synthetic", path)]
        if isinstance(row["nearest_real"], str):
            distance = f"nearest real, distance {row['nearest_real_distance']:.3f}"
            yield self.card("real", row["nearest_real"], distance)


def _fakes(files: AuditFiles, cards: _Cards) -> Gallery:
    found = obvious_fakes(files.images, 10**9)
    groups = [
        [cards.card("synthetic", path, f"fake: {p:.3f}"), *cards.nearest_real(path)]
        for path, p in found[:_SHOWN]
    ]
    return Gallery(
        name="unrealistic",
        title="Most obvious fakes, each beside its nearest real image",
        advice="What gives them away? Change style words, guidance or model.",
        groups=groups,
        left_out=len(found) - len(groups),
    )


def _uncovered(files: AuditFiles, cards: _Cards) -> Gallery:
    real = files.images[files.images["side"] == "real"]
    count = int((real["uncoveredness"] > 1.0).sum())
    paths = uncovered(files.images, count) if count else []
    kinds = [
        [cards.card("real", path, f"one of {kind['size']:,} alike") for path in kind["examples"]]
        for kind in files.scores.get("missed", ())
        if kind["size"] > 1
    ]
    grouped = {card.path for kind in kinds for card in kind}
    single = [path for path in paths if path not in grouped][: _SHOWN - len(grouped)]
    return Gallery(
        name="unrepresentative",
        title="Real images that nothing synthetic resembles",
        advice="What do they have in common? Ask for it: subjects, contexts, viewpoints.",
        groups=[*kinds, *([cards.card("real", path, "not covered")] for path in single)],
        left_out=max(count - len(grouped) - len(single), 0),
    )


def _repeats(files: AuditFiles, cards: _Cards) -> Gallery:
    found = repeats(files.images, 10**9, examples=_PER_CLUSTER)
    groups = [
        [cards.card("synthetic", path, f"one of {cluster.size:,} alike") for path in cluster.paths]
        for cluster in found[:_CLUSTERS]
    ]
    return Gallery(
        name="unvaried",
        title="Clusters of repeats",
        advice="Keep one of each; vary seeds and prompts.",
        groups=groups,
        left_out=len(found) - len(groups),
    )


def _copies(files: AuditFiles, cards: _Cards) -> Gallery:
    groups: list[list[Card]] = []
    total = 0
    if files.copies is not None:
        total = len(files.copies)
        for row in files.copies.head(_SHOWN).to_dict("records"):
            caption = f"p {row['p_value']:.1e}, found by {row['found_by']}"
            if not math.isnan(row["distance"]):
                caption = f"distance {row['distance']:.4f}, {caption}"
            pair = [cards.card("synthetic", str(row["path"]), caption)]
            pair.append(cards.card("real", str(row["original"]), "its original"))
            groups.append(pair)
    return Gallery(
        name="unoriginal",
        title="Copies of real images, each beside its original",
        advice="Drop them, and do not publish them.",
        groups=groups,
        left_out=total - len(groups),
    )


def _wrong_labels(files: AuditFiles, cards: _Cards) -> Gallery:
    flagged = wrong_labels(files.images, len(files.images))
    return Gallery(
        name="labels",
        title="Images that do not show their class",
        advice="Wrong prompts, or subjects that the model does not know.",
        groups=[
            [cards.card("synthetic", path, f"likelier {other}: {probability:.2f}")]
            for path, _, other, probability in flagged[:_SHOWN]
        ],
        left_out=max(len(flagged) - _SHOWN, 0),
    )


def _broken(files: AuditFiles, cards: _Cards) -> Gallery:
    found = broken_pictures(files.images, len(files.images))
    return Gallery(
        name="broken",
        title="Broken pictures",
        advice="No real picture looks like this. Drop them, and look at what made them.",
        groups=[[cards.card("synthetic", path, what)] for path, what in found[:_SHOWN]],
        left_out=max(len(found) - _SHOWN, 0),
    )


def _extremes(files: AuditFiles, cards: _Cards, column: str) -> Gallery:
    """The synthetic images with the lowest and the highest numbers of a measure."""
    table = files.images
    groups: list[list[Card]] = []
    if column in table.columns:
        own = table[(table["side"] == "synthetic") & table[column].notna()]
        order = own.sort_values([column, "path"])
        ends = (order.head(_EXTREMES), order.tail(_EXTREMES)[::-1])
        groups = [
            [
                cards.card("synthetic", str(path), f"{column} {value:.4g}")
                for path, value in zip(end["path"], end[column], strict=True)
            ]
            for end in ends
            if len(end)
        ]
    return Gallery(
        name=f"measure-{column}",
        title=f"Lowest and highest {column}",
        advice=str(files.scores["measures"][column]["description"]),
        groups=groups,
        left_out=0,
    )
