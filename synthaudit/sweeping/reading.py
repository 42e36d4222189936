"""A written sweep, read back: its numbers and tables, without the images themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthaudit.result.reading import (
    complete,
    read_contents,
    read_thumbnails,
    refuse_damaged,
)
from synthaudit.result.table_schemas import ARM_IMAGES, ARM_THUMBNAILS
from synthaudit.sweeping.plan import Plan
from synthaudit.sweeping.result import SWEEP_SCHEMA, Sweep
from synthaudit.sweeping.schema import SweepFile

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class SweepFiles:
    """What the page of a sweep is drawn from.

    Attributes:
        contents: of ``sweep.json``.
        images: a row an image that was compared.
        thumbnails: WebP bytes by arm and path.
        has_audits: whether the audits of the arms lie beside it, in ``arms/NAME``.
    """

    contents: Mapping[str, Any]
    images: pd.DataFrame = field(repr=False)
    thumbnails: Mapping[tuple[str, str], bytes] = field(repr=False)
    has_audits: bool = True


def sweep_files_of(found: Sweep, thumbnails: Mapping[tuple[str, str], bytes]) -> SweepFiles:
    """The same of a sweep that was just made."""
    return SweepFiles(contents=found.to_dict(), images=found.images, thumbnails=thumbnails)


def has_other_plan(folder: Path, plan: Plan) -> bool:
    """Whether the results in a folder are of another plan; False where there are none."""
    try:
        former = read_contents(folder / "sweep.json")["provenance"]["plan"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return bool(former != plan.model_dump(mode="json", by_alias=True))


def read_sweep_files(folder: Path) -> SweepFiles:
    """Read what a sweep and its report have left in a folder.

    Raises:
        DataError: it is not there or cannot be read.
    """
    file = folder / "sweep.json"
    with complete(folder, "sweep", "synthaudit sweep again"):
        contents = read_contents(file)
        if not isinstance(contents, dict) or contents.get("schema") != SWEEP_SCHEMA:
            raise ValueError(f"sweep.json is not of the schema {SWEEP_SCHEMA}")
        refuse_damaged(contents, SweepFile, file, "Run synthaudit sweep again.")
        images = ARM_IMAGES.read(folder / "images.parquet")
        thumbnails = read_thumbnails(folder, ARM_THUMBNAILS)
    return SweepFiles(
        contents=contents,
        images=images,
        thumbnails=thumbnails,
        has_audits=(folder / "arms").is_dir(),
    )
