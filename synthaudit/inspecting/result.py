"""What an inspection of one set of images says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from synthaudit.images.collection import ImageEntry
from synthaudit.result.writing import json_text, write_files

if TYPE_CHECKING:
    import pandas as pd

INSPECTION_SCHEMA: Final = "synthaudit/inspection/1"


@dataclass(frozen=True, kw_only=True)
class Inspection:
    """One set of images, looked at by itself.

    Attributes:
        name: of the set.
        counts: images, unreadable files, repeats, clusters, broken pictures, wrong classes.
        faults: by kind, in a sentence each.
        defects: how many pictures are broken in which way.
        labels: of the classes: estimated share of wrong ones, its p-value, those that cannot be
            told apart; empty without classes.
        images: a row an image.
        duplicates: a row a pair of repeats.
        unreadable: a row an unreadable file, with the reason.
        kept: a row an image: ``path``, ``is_kept``, ``reason``.
        provenance: how the numbers came about.
        root: what paths start from.
        entries: the files of the images.
    """

    name: str
    counts: Mapping[str, int]
    faults: Mapping[str, str]
    defects: Mapping[str, int]
    labels: Mapping[str, Any]
    images: pd.DataFrame = field(repr=False)
    duplicates: pd.DataFrame = field(repr=False)
    unreadable: pd.DataFrame = field(repr=False)
    kept: pd.DataFrame = field(repr=False)
    provenance: Mapping[str, Any] = field(repr=False)
    root: Path = field(repr=False)
    entries: Sequence[ImageEntry] = field(repr=False)

    @property
    def findings(self) -> Sequence[str]:
        """The faults in sentences."""
        return list(self.faults.values())

    def to_dict(self) -> dict[str, Any]:
        """The contents of ``inspection.json``."""
        return {
            "schema": INSPECTION_SCHEMA,
            "name": self.name,
            "counts": dict(self.counts),
            "findings": self.findings,
            "defects": dict(self.defects),
            "labels": dict(self.labels),
            "provenance": dict(self.provenance),
        }

    def write(self, folder: str | Path, *, beside: Mapping[str, str] | None = None) -> Path:
        """Write ``inspection.json`` and the tables; all files are there, or those of before.

        Args:
            folder: made if need be.
            beside: further files by name, such as the page.

        Raises:
            StorageError: it cannot be written.
        """
        files: dict[str, str | pd.DataFrame] = {
            "images.parquet": self.images,
            "images.csv": self.images,
            "duplicates.parquet": self.duplicates,
            "unreadable.csv": self.unreadable,
            "kept.csv": self.kept,
            **(beside or {}),
            "inspection.json": json_text(self.to_dict()),
        }
        return write_files(Path(folder), files, replaces=("report.html",))
