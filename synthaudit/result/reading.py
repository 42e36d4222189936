"""Written results, read back with distrust: numbers and tables, without the images themselves."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from synthaudit.errors import DataError
from synthaudit.measures.scores import SCORE_NAMES
from synthaudit.result.audit import Audit
from synthaudit.result.schema import SCORES_SCHEMA, ScoresFile
from synthaudit.result.verdict import decide
from synthaudit.validation import explain

if TYPE_CHECKING:
    import pandas as pd

_LARGEST_FILE: Final = 200_000_000
_FLAGS: Final = ("is_unvaried", "is_unoriginal", "is_wrong_label")


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
    scores, file = read_scores(folder / "scores.json")
    try:
        ScoresFile.model_validate(scores)
    except ValidationError as error:
        what = explain(error, noun="key", known=lambda _: ())
        raise DataError(f"{file} is damaged: {what} Run synthaudit score again.") from error
    # Written by a version that decided elsewhere.
    if "findings" not in scores or scores.get("verdict") is None:
        scores |= decide(scores)
    with complete(folder, "audit", "synthaudit score --out"):
        images = read_parquet(folder / "images.parquet")
        copies = None
        if (folder / "copies.parquet").is_file():
            copies = read_parquet(folder / "copies.parquet")
        thumbnails = read_thumbnails(folder, ("side", "path"))
    return AuditFiles(scores=scores, images=images, copies=copies, thumbnails=thumbnails)


def read_scores(place: Path) -> tuple[dict[str, Any], Path]:
    """The contents of a ``scores.json``, or of that in a folder, and the file.

    Raises:
        DataError: there is none, or it cannot be trusted.
    """
    file = place / "scores.json" if place.is_dir() else place
    try:
        contents = read_contents(file)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DataError(f"{file} cannot be read ({reason}): run synthaudit score --out.") from error
    except (ValueError, RecursionError) as error:
        text = " ".join(str(error).split())[:200]
        raise DataError(f"{file} is no scores.json: {text}. Run synthaudit score again.") from error
    if not isinstance(contents, dict) or not isinstance(contents.get("schema"), str):
        raise DataError(f"{file} is no scores.json: it names no schema.")
    if contents["schema"] != SCORES_SCHEMA:
        raise DataError(
            f"{file} has the schema {contents['schema'][:60]!r}, and this version reads "
            f"{SCORES_SCHEMA}: use the version of synthaudit that wrote it, or run it again."
        )
    for name in SCORE_NAMES:
        value: Any = contents.get(name)
        if not is_number(value) or not 0.0 <= value <= 1.0:
            raise DataError(f"{file} is damaged: {name} should be a number from 0 to 1.")
    if not isinstance(contents.get("provenance"), dict):
        raise DataError(f"{file} is damaged: it has no provenance.")
    return contents, file


def read_images(folder: Path) -> pd.DataFrame | None:
    """The images table beside a ``scores.json``; None where there is none.

    Raises:
        DataError: it is there and cannot be read.
    """
    file = folder / "images.parquet"
    if not file.is_file():
        return None
    try:
        table = read_parquet(file)
        missing = {"path", "side", "label_quality", *_FLAGS} - set(table.columns)
    except (OSError, ValueError, KeyError) as error:  # pyarrow's errors are of these
        text = " ".join(str(error).split()).rstrip(".")[:200]
        raise DataError(f"{file} cannot be read ({text}): run synthaudit score again.") from error
    if missing:
        raise DataError(f"{file} lacks {', '.join(sorted(missing))}: run synthaudit score again.")
    return table


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


def read_contents(file: Path) -> Any:
    """The contents of a JSON file of results, with numbers only where JSON has numbers.

    Raises:
        OSError, ValueError: it cannot be read, or is too large to be one.
    """
    if file.stat().st_size > _LARGEST_FILE:
        raise ValueError("it is too large: is it another file?")
    return json.loads(file.read_text(encoding="utf-8"), parse_constant=_refuse)


def read_thumbnails(folder: Path, names: tuple[str, str]) -> dict[tuple[str, str], bytes]:
    """The pictures of a report by what names them; none where there is no such file."""
    file = folder / "thumbnails.parquet"
    if not file.is_file():
        return {}
    table = read_parquet(file)
    keys = zip(*(table[name] for name in names), strict=True)
    return dict(zip(keys, table["webp"], strict=True))


def is_number(value: Any) -> bool:
    """Whether a value of JSON is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _refuse(constant: str) -> Any:
    raise ValueError(f"it holds {constant}, which is no number")


def read_parquet(file: Path) -> pd.DataFrame:
    """A table by a path that may not be UTF-8, which Arrow opens by no name."""
    import pandas as pd

    with file.open("rb") as stream:
        return pd.read_parquet(stream)
