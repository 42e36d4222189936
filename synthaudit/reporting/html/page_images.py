"""The images of a page: what its scripts know of each, by number."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import numpy as np

from synthaudit.names import is_odd, read_name
from synthaudit.reporting.html.galleries import PARTNERS, Gallery, Key, keys_of
from synthaudit.reporting.html.plots import SIDES

if TYPE_CHECKING:
    import pandas as pd

    from synthaudit.result.about import About

FAULTS: Final = (
    *("copy", "repeat", "wrong class", "broken", "obvious fake"),
    *("missing class", "not covered"),
)
"""What may be wrong with an image; where several things are, the first of them counts."""

# Bytes that the scripts' numbers of one image take, about.
_BYTES_OF_A_ROW: Final = 150
_SHARE_OF_ROWS: Final = 0.35
_FEWEST: Final = 2000


@dataclass(frozen=True, kw_only=True)
class PageImages:
    """The images that a page knows of.

    Attributes:
        table: a row each.
        numbers: by side and path, the row.
        total: how many the audit has.
        classes: all names, sorted.
    """

    table: pd.DataFrame = field(repr=False)
    numbers: Mapping[Key, int] = field(repr=False)
    total: int
    classes: Sequence[str]

    def numbers_of(self, keys: Sequence[Key]) -> list[int] | None:
        """Their numbers; None where one is not among them."""
        found = [self.numbers.get(key) for key in keys]
        return None if None in found else [number for number in found if number is not None]


def most_rows(megabytes: float) -> int:
    """How many images a page of some size may know of."""
    return max(int(megabytes * 1e6 * _SHARE_OF_ROWS / _BYTES_OF_A_ROW), _FEWEST)


def choose_images(images: pd.DataFrame, galleries: Sequence[Gallery], most: int) -> PageImages:
    """All images, or of more than ``most`` those of the galleries, the map, then the others.

    Args:
        images: of the audit, a row each.
        galleries: of the page.
        most: rows at most.
    """
    keys = list(zip(images["side"], images["path"], strict=True))
    table = images
    if len(images) > most:
        place = {key: row for row, key in enumerate(keys)}
        wanted = [place[key] for key in dict.fromkeys(keys_of(galleries)) if key in place]
        is_drawn = np.zeros(len(images), bool)
        if "map_x" in images:
            is_drawn = images["map_x"].notna().to_numpy()
        drawn, rest = np.flatnonzero(is_drawn), np.flatnonzero(~is_drawn)
        # An order of which every part holds images of all kinds.
        rng = np.random.default_rng(0)
        order = [*wanted, *rng.permutation(drawn).tolist(), *rng.permutation(rest).tolist()]
        chosen = sorted(list(dict.fromkeys(order))[:most])
        table = images.iloc[chosen].reset_index(drop=True)
        keys = [keys[row] for row in chosen]
    return PageImages(
        table=table,
        numbers={key: number for number, key in enumerate(keys)},
        total=len(images),
        classes=sorted(images["class"].dropna().unique()),
    )


def faults_of(table: pd.DataFrame, obvious: float) -> np.ndarray[Any, np.dtype[np.int64]]:
    """(n,) the bits of ``FAULTS`` that are wrong with each image."""
    is_synthetic = table["side"] == "synthetic"
    made = {*table.loc[is_synthetic, "class"].dropna()}
    has_classes = bool(made)
    conditions = [
        is_synthetic & table["is_unoriginal"],
        is_synthetic & table["is_unvaried"],
        table["is_wrong_label"],
        is_synthetic & table.get("is_broken", False),
        is_synthetic & (table["probability_synthetic"] >= obvious),
        ~is_synthetic & has_classes & table["class"].notna() & ~table["class"].isin(made),
        ~is_synthetic & (table["uncoveredness"] > 1.0),
    ]
    bits = np.zeros(len(table), np.int64)
    for bit, condition in enumerate(conditions):
        bits |= condition.to_numpy(bool).astype(np.int64) << bit
    return bits


def image_data(found: PageImages, *, obvious: float, about: About | None) -> dict[str, Any]:
    """What the scripts know, by column; -1 or null where there is nothing."""
    table = found.table
    number = {name: place for place, name in enumerate(found.classes)}
    data: dict[str, Any] = {
        "path": table["path"].tolist(),
        "side": (table["side"] == "synthetic").astype(int).tolist(),
        "label": [number.get(name, -1) for name in table["class"]],
        "probability": _numbers(table, "probability_synthetic", 6),
        "fault": faults_of(table, obvious).tolist(),
        "x": _numbers(table, "map_x", 4),
        "y": _numbers(table, "map_y", 4),
        "nearest": {},
    }
    for column in PARTNERS:
        if column in table:
            side = "synthetic" if column == "nearest_synthetic" else "real"
            data["nearest"][column] = {
                "number": [found.numbers.get((side, name), -1) for name in table[column]],
                "distance": _numbers(table, f"{column}_distance", 4),
            }
    if "likelier_class" in table:
        likelier = table["likelier_class"].where(table["is_wrong_label"])
        data["likelier"] = [number.get(name, -1) for name in likelier]
        data["sure"] = _numbers(table, "likelier_class_probability", 2)
    return {
        "columns": data,
        "classes": list(found.classes),
        "faults": FAULTS,
        "sides": SIDES,
        "total": found.total,
        "roots": {} if about is None else {side: about.link(side) for side in SIDES},
        "links": _odd_links(table),
    }


def _numbers(table: pd.DataFrame, column: str, digits: int) -> list[float | None]:
    if column not in table:
        return [None] * len(table)
    values = table[column].to_numpy(float)
    return [round(v, digits) if v == v else None for v in values.tolist()]  # noqa: PLR0124 - NaN


def _odd_links(table: pd.DataFrame) -> dict[int, str]:
    """Of images whose names are not written as they are, the path as a part of an address."""
    return {
        number: quote(os.fsencode(read_name(path)))
        for number, path in enumerate(table["path"])
        if is_odd(path) or "\\" in path
    }


def gallery_data(galleries: Sequence[Gallery], found: PageImages) -> list[dict[str, Any]]:
    """The galleries by the numbers of their images; groups that the page lacks are counted."""
    roles: dict[str, int] = {"": 0}
    data = []
    for gallery in galleries:
        groups = []
        for group in gallery.groups:
            numbers = found.numbers_of(group.images)
            if numbers is not None:
                own = [roles.setdefault(role, len(roles)) for role in group.roles]
                groups.append([numbers, own, group.text])
        data.append(
            {
                "name": gallery.name,
                "title": gallery.title,
                "advice": gallery.advice,
                "reason": gallery.reason,
                "groups": groups,
                "more": len(gallery.groups) - len(groups),
            }
        )
    for entry in data:
        entry["roles"] = list(roles)
    return data


def picture_data(found: PageImages, thumbnails: Mapping[Key, bytes]) -> dict[int, str]:
    """The pictures as text, by number."""
    return {
        found.numbers[key]: base64.b64encode(data).decode()
        for key, data in thumbnails.items()
        if key in found.numbers
    }
