"""Written results, read back with distrust: numbers and tables, without the images themselves."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ValidationError

from synthaudit.errors import DataError
from synthaudit.result.about import ABOUT_FILE, About, AboutFile
from synthaudit.result.audit import Audit
from synthaudit.result.schema import SCORES_SCHEMA, ScoresFile
from synthaudit.result.table_schemas import (
    COPIES,
    EXPLANATION,
    IMAGES,
    PAIRS,
    THUMBNAILS,
    TableSchema,
)
from synthaudit.result.verdict import decide
from synthaudit.validation import explain

if TYPE_CHECKING:
    import pandas as pd

_LARGEST_FILE: Final = 200_000_000
_DEEPEST: Final = 50
_MOST_NODES: Final = 5_000_000
_LONGEST_TEXT: Final = 100_000


@dataclass(frozen=True, kw_only=True)
class AuditFiles:
    """What faces are drawn from: the contents of ``scores.json`` and the tables beside it.

    Attributes:
        scores: contents of ``scores.json``.
        images: a row an image.
        copies: a row a discovered copy; None where there was no search for them.
        thumbnails: WebP bytes by side and path.
        pairs: a row a near-duplicate pair; None where there is no table of them.
        about: what the sides are called, where and when; None in results of earlier versions.
        explanation: a row a picture of which the detector's view was looked at; None without.
    """

    scores: Mapping[str, Any]
    images: pd.DataFrame = field(repr=False)
    copies: pd.DataFrame | None = field(repr=False)
    thumbnails: Mapping[tuple[str, str], bytes] = field(repr=False)
    pairs: pd.DataFrame | None = field(default=None, repr=False)
    about: About | None = None
    explanation: pd.DataFrame | None = field(default=None, repr=False)


def files_of(
    audit: Audit, thumbnails: Mapping[tuple[str, str], bytes], about: About | None = None
) -> AuditFiles:
    """The same of an audit that was just made."""
    return AuditFiles(
        scores=audit.to_dict(),
        images=audit.images,
        copies=audit.copies,
        thumbnails=thumbnails,
        pairs=audit.tables.get("duplicates"),
        about=about,
        explanation=audit.tables.get("explanation"),
    )


def read_files(folder: Path) -> AuditFiles:
    """Read what ``Audit.write`` and a report have left in a folder.

    Raises:
        DataError: it is not there or cannot be read.
    """
    scores, _ = read_scores(folder / "scores.json")
    # Written by a version that decided elsewhere.
    if "findings" not in scores or scores.get("verdict") is None:
        scores |= decide(scores)
    with complete(folder, "audit", "synthaudit score --out"):
        images = IMAGES.read(folder / "images.parquet")
        copies = None
        if (folder / "copies.parquet").exists():
            copies = COPIES.read(folder / "copies.parquet")
        elif (scores.get("memorisation") or {}).get("copies"):
            raise ValueError("copies.parquet is missing")
        thumbnails = read_thumbnails(folder, THUMBNAILS)
        pairs = None
        if (folder / "duplicates.parquet").exists():
            pairs = PAIRS.read(folder / "duplicates.parquet")
        about = _read_about(folder / ABOUT_FILE)
        explanation = None
        if (folder / "explanation.parquet").exists():
            explanation = EXPLANATION.read(folder / "explanation.parquet")
    return AuditFiles(
        scores=scores,
        images=images,
        copies=copies,
        thumbnails=thumbnails,
        pairs=pairs,
        about=about,
        explanation=explanation,
    )


def _read_about(file: Path) -> About | None:
    """What a report left; None where there is none, as of earlier versions."""
    if not file.is_file():
        return None
    try:
        return AboutFile.model_validate(read_contents(file)).about()
    except ValidationError as error:
        raise ValueError(f"{file.name} is damaged") from error


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
        text = " ".join(str(error).split())[:200].rstrip(".")
        raise DataError(f"{file} is no scores.json: {text}. Run synthaudit score again.") from error
    if not isinstance(contents, dict) or not isinstance(contents.get("schema"), str):
        raise DataError(f"{file} is no scores.json: it names no schema.")
    if contents["schema"] != SCORES_SCHEMA:
        raise DataError(
            f"{file} has the schema {contents['schema'][:60]!r}, and this version reads "
            f"{SCORES_SCHEMA}: use the version of synthaudit that wrote it, or run it again."
        )
    refuse_damaged(contents, ScoresFile, file, "Run synthaudit score again.")
    return contents, file


def refuse_damaged(contents: Any, schema: type[BaseModel], file: Path, advice: str) -> None:
    """Hold what a file says to its schema.

    Raises:
        DataError: it names the key at fault.
    """
    try:
        schema.model_validate(contents)
    except ValidationError as error:
        what = explain(error, noun="key", known=lambda _: ())
        raise DataError(f"{file} is damaged: {what} {advice}") from error


def read_images(folder: Path) -> pd.DataFrame | None:
    """The images table beside a ``scores.json``; None where there is none.

    Raises:
        DataError: it is there and cannot be read.
    """
    file = folder / "images.parquet"
    if not file.is_file():
        return None
    try:
        return IMAGES.read(file)
    except (OSError, ValueError, KeyError) as error:
        text = " ".join(str(error).split()).rstrip(".")[:200]
        raise DataError(f"{file} cannot be read ({text}): run synthaudit score again.") from error


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
        OSError, ValueError, RecursionError: it cannot be read, or is too large, too deep or has
            what cannot be written again.
    """
    if file.is_fifo() and not str(file).startswith(("/dev/", "/proc/")):
        raise ValueError("it is a pipe, and no file")  # which would be waited for
    with file.open("rb") as stream:
        data = stream.read(_LARGEST_FILE + 1)
    if len(data) > _LARGEST_FILE:
        raise ValueError("it is too large, so it may be another file")
    contents = json.loads(data.decode(), parse_constant=_refuse)
    _refuse_strange(contents)
    return contents


def _refuse_strange(contents: Any) -> None:
    """Refuse numbers that no float holds, text that no file can, and depths that nobody writes."""
    level, nodes = [contents], 0
    for _ in range(_DEEPEST):
        below: list[Any] = []
        nodes += len(level)
        if nodes > _MOST_NODES:
            raise ValueError(f"it has more than {_MOST_NODES:,} values")
        for node in level:
            if isinstance(node, dict):
                below += [*node.keys(), *node.values()]
            elif isinstance(node, list):
                below += node
            elif isinstance(node, str):
                _refuse_strange_text(node)
            elif not (node is None or isinstance(node, bool) or is_number(node)):
                raise ValueError(f"it holds {str(node)[:40]}, which no float holds")
        if not below:
            return
        level = below
    raise ValueError(f"it is more than {_DEEPEST} levels deep")


def _refuse_strange_text(text: str) -> None:
    if len(text) > _LONGEST_TEXT:
        raise ValueError(f"it holds a text of {len(text):,} characters")
    if not text.isascii() and any("\ud800" <= sign <= "\udfff" for sign in text):
        raise ValueError(f"it holds text that is no Unicode: {ascii(text)[:60]}")


def read_thumbnails(folder: Path, schema: TableSchema) -> dict[tuple[str, str], bytes]:
    """The pictures of a report by the two columns that name them; none where there is no file."""
    file = folder / "thumbnails.parquet"
    if not file.exists():
        return {}
    table = schema.read(file).dropna()
    names = [name for name in schema.columns if name != "webp"]
    keys = zip(*(table[name] for name in names), strict=True)
    return dict(zip(keys, table["webp"], strict=True))


def is_number(value: Any) -> bool:
    """Whether a value of JSON is a finite number."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond all floats
        return False


def _refuse(constant: str) -> Any:
    raise ValueError(f"it holds {constant}, which is no number")
