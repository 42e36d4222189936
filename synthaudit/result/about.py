"""What a report must know that no score depends on: what the sides are called, where, and when."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Final, Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict

from synthaudit.images.collection import ImageEntry
from synthaudit.images.places import is_url
from synthaudit.names import read_name, write_name
from synthaudit.result.audit import Audit

ABOUT_SCHEMA: Final = "synthaudit/about/1"
ABOUT_FILE: Final = "about.json"
ARMS: Final = "arms"
"""Folder of a sweep that holds the audits of its arms."""
_LONGEST_NAME: Final = 60


@dataclass(frozen=True, kw_only=True)
class SideAbout:
    """One side.

    Attributes:
        source: as it was called.
        folder: the folder that its paths start from, from that of the results; None where its
            images are no files of their own.
        place: the source itself, from the folder of the results, or its URL; None for vectors.
    """

    source: str
    folder: str | None
    place: str | None = None


@dataclass(frozen=True, kw_only=True)
class About:
    """A report.

    Attributes:
        made: the day, as ISO writes it.
        megabytes: budget of the page.
        real, synthetic: the sides.
        part_of: the page of the sweep that it is an arm of, from the folder of the results.
    """

    made: str
    megabytes: float
    real: SideAbout
    synthetic: SideAbout
    part_of: str | None = None

    @property
    def title(self) -> str:
        """What was held against what."""
        return f"{short_name(self.synthetic.source)} against {short_name(self.real.source)}"

    def link(self, side: str) -> str | None:
        """The folder of a side as the beginning of an address; None where there is none."""
        folder = (self.real if side == "real" else self.synthetic).folder
        if folder is None:
            return None
        path = quote(os.fsencode(read_name(folder)))
        # A name with a colon, or two slashes, would else be read as another host or protocol.
        return f"file://{path}/" if path.startswith("/") else f"./{path}/"

    def to_json(self) -> str:
        """As it is written."""
        return json.dumps({"schema": ABOUT_SCHEMA, **asdict(self)}, indent=1) + "\n"


class _SidePart(BaseModel):
    model_config = ConfigDict(strict=True)
    source: str
    folder: str | None
    place: str | None = None


class AboutFile(BaseModel):
    """``about.json``; keys that later versions add are left alone."""

    model_config = ConfigDict(strict=True)
    made: str
    megabytes: float
    real: _SidePart
    synthetic: _SidePart
    part_of: Literal["../../report.html"] | None = None

    def about(self) -> About:
        """What it says."""
        sides = {
            name: SideAbout(**own.model_dump())
            for name, own in (("real", self.real), ("synthetic", self.synthetic))
        }
        return About(made=self.made, megabytes=self.megabytes, part_of=self.part_of, **sides)


def about_audit(audit: Audit, folder: Path | None, megabytes: float) -> About:
    """What there is to say of a report that is made today.

    Args:
        audit: that it is of.
        folder: where it stays; None where it is moved elsewhere, such as to a URL.
        megabytes: budget of the page.
    """
    sides = {
        name: about_side(audit.sources[name], audit.roots[name], audit.entries[name], folder)
        for name in ("real", "synthetic")
    }
    is_arm = folder is not None and folder.absolute().parent.name == ARMS
    page: Literal["../../report.html"] | None = "../../report.html" if is_arm else None
    return About(made=today(), megabytes=megabytes, part_of=page, **sides)


def about_side(
    source: str, root: Path, entries: Sequence[ImageEntry], folder: Path | None
) -> SideAbout:
    """What there is to say of a side.

    Args:
        source: as it was called.
        root: the folder that its paths start from.
        entries: its images.
        folder: where the report stays; None where it is moved elsewhere.
    """
    held = place = None
    if entries and is_url(source):
        place = source
    elif entries and folder is not None:
        start = folder.absolute()
        place = os.path.relpath(Path(source).absolute(), start)
        if (root / read_name(entries[0].path)).is_file():
            held = os.path.relpath(root.absolute(), start)
    return SideAbout(
        source=write_name(source),
        folder=None if held is None else write_name(held),
        place=None if place is None else write_name(place),
    )


def today() -> str:
    """The day where the reader is, as ISO writes it."""
    return date.today().isoformat()  # noqa: DTZ011


def short_name(source: str) -> str:
    """The last two parts of a path.

    >>> short_name("/a/b/photos/train/"), short_name("photos")
    ('photos/train', 'photos')
    """
    parts = [part for part in source.rstrip("/").split("/") if part]
    return "/".join(parts[-2:])[-_LONGEST_NAME:] or source


def day_in_words(made: str) -> str:
    """A day as people write it.

    >>> day_in_words("2026-11-02")
    '2 November 2026'
    """
    try:
        day = date.fromisoformat(made)
    except ValueError:
        return made
    return f"{day.day} {day:%B %Y}"
