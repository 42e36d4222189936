"""A written audit, read back: its numbers and tables, without the images themselves."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthaudit.errors import DataError
from synthaudit.result.audit import SCHEMA, Audit

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class AuditFiles:
    """What faces are drawn from: the contents of ``scores.json`` and the tables beside it.

    Attributes:
        scores: contents of ``scores.json``.
        images: a row an image.
        copies: a row a discovered copy; None where there was no search for them.
        thumbnails: WebP bytes by side and path.
    """

    scores: Mapping[str, Any]
    images: pd.DataFrame = field(repr=False)
    copies: pd.DataFrame | None = field(repr=False)
    thumbnails: Mapping[tuple[str, str], bytes] = field(repr=False)


def files_of(audit: Audit, thumbnails: Mapping[tuple[str, str], bytes]) -> AuditFiles:
    """The same of an audit that was just made."""
    return AuditFiles(
        scores=audit.to_dict(), images=audit.images, copies=audit.copies, thumbnails=thumbnails
    )


def read_files(folder: Path) -> AuditFiles:
    """Read what ``Audit.write`` and a report have left in a folder.

    Raises:
        DataError: it is not there or cannot be read.
    """
    import pandas as pd

    try:
        scores = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
        images = pd.read_parquet(folder / "images.parquet")
        copies, thumbnails = None, {}
        if (folder / "copies.parquet").is_file():
            copies = pd.read_parquet(folder / "copies.parquet")
        if (folder / "thumbnails.parquet").is_file():
            table = pd.read_parquet(folder / "thumbnails.parquet")
            keys = zip(table["side"], table["path"], strict=True)
            thumbnails = dict(zip(keys, table["webp"], strict=True))
    except (OSError, ValueError, KeyError) as error:
        text = " ".join(str(error).split())[:200]
        raise DataError(
            f"{folder} holds no complete audit ({text}): run synthaudit score --out."
        ) from error
    if not isinstance(scores, dict) or scores.get("schema") != SCHEMA:
        raise DataError(f"{folder}/scores.json is not of the schema {SCHEMA}: run the audit again.")
    return AuditFiles(scores=scores, images=images, copies=copies, thumbnails=thumbnails)
