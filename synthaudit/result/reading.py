"""A written audit, read back: its numbers and tables, without the images themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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

    with complete(folder, "audit", "synthaudit score --out"):
        scores = read_contents(folder / "scores.json", SCHEMA)
        images = pd.read_parquet(folder / "images.parquet")
        copies = None
        if (folder / "copies.parquet").is_file():
            copies = pd.read_parquet(folder / "copies.parquet")
        thumbnails = read_thumbnails(folder, ("side", "path"))
    return AuditFiles(scores=scores, images=images, copies=copies, thumbnails=thumbnails)


@contextmanager
def complete(folder: Path, what: str, command: str) -> Iterator[None]:
    """Say in one sentence what is wrong with a folder of results, and which command mends it.

    Raises:
        DataError: for whatever reading it raises.
    """
    try:
        yield
    except (OSError, ValueError, KeyError) as error:
        text = " ".join(str(error).split())[:200]
        raise DataError(f"{folder} holds no complete {what} ({text}): run {command}.") from error


def read_contents(file: Path, schema: str) -> dict[str, Any]:
    """A JSON file of results.

    Raises:
        OSError, ValueError: it cannot be read, or is of another schema.
    """
    contents = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(contents, dict) or contents.get("schema") != schema:
        raise ValueError(f"{file.name} is not of the schema {schema}")
    return contents


def read_thumbnails(folder: Path, names: tuple[str, str]) -> dict[tuple[str, str], bytes]:
    """The pictures of a report by what names them; none where there is no such file."""
    import pandas as pd

    file = folder / "thumbnails.parquet"
    if not file.is_file():
        return {}
    table = pd.read_parquet(file)
    keys = zip(*(table[name] for name in names), strict=True)
    return dict(zip(keys, table["webp"], strict=True))
