"""What a person decided of single images: read from the CSV that ``--keep`` and the page write."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from synthaudit.errors import DataError, UsageError
from synthaudit.images.collection import Collection
from synthaudit.progress import LOGGER

DECISIONS_FILE: Final = "decisions.csv"
HEAD: Final = ("path", "is_kept", "reason")
_LARGEST: Final = 1_000_000_000
_FLAGS: Final = {"true": True, "false": False, "1": True, "0": False}


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """Decisions on synthetic images, by path as tables write it.

    Attributes:
        dropped: images to leave out, with the reason.
        kept: images that a person has looked at and keeps.
        digest: of the file.
    """

    dropped: Mapping[str, str] = field(default_factory=dict)
    kept: frozenset[str] = frozenset()
    digest: str = ""

    def told(self) -> dict[str, Any]:
        """As the provenance of an audit has it."""
        return {"dropped": len(self.dropped), "kept": len(self.kept), "digest": self.digest}

    def note(self) -> str:
        """What a reader must know."""
        return (
            "A person decided what to leave out of the synthetic set before it was judged "
            f"({len(self.dropped):,} of its images), and what is neither broken nor of a wrong "
            f"class, whatever was found ({len(self.kept):,})."
        )


def without_dropped(images: Collection, decisions: Decisions) -> Collection:
    """The images that were not dropped.

    Raises:
        DataError: none of the decisions is on an image of them, or none is left.
    """
    paths = {entry.path for entry in images.entries}
    named = {*decisions.dropped, *decisions.kept}
    unknown = named - paths
    if named and len(unknown) == len(named):
        raise DataError(
            f"none of the {len(named):,} decisions is on an image of {images.name} (the first is "
            f"on {min(unknown)}): give those on that set, by paths from its folder."
        )
    if not named:
        LOGGER.warning(
            "the decisions decide nothing: no image is dropped, none is kept with a reason."
        )
    if unknown:
        LOGGER.warning(
            "%s of %s decisions are on images that are not in %s.",
            f"{len(unknown):,}", f"{len(named):,}", images.name,
        )  # fmt: skip
    left = [entry for entry in images.entries if entry.path not in decisions.dropped]
    if not left:
        raise DataError(f"the decisions drop all images of {images.name}: none is left to judge.")
    return replace(images, entries=left)


def read_decisions_file(file: str | Path) -> Decisions:
    """Decisions in a file.

    Raises:
        UsageError: it cannot be read, or is no such list.
    """
    place = Path(file)
    try:
        if place.stat().st_size > _LARGEST:
            raise UsageError(f"{place} is larger than a list of decisions can be.")
        text = place.read_bytes().decode("utf-8-sig")
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(f"the decisions {place} cannot be read ({reason}).") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"the decisions {place} are no UTF-8 text.") from error
    return read_decisions(text, str(place))


def as_csv(rows: Iterable[Sequence[str]]) -> str:
    """Rows as the text of a CSV file."""
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue()


def read_decisions(text: str, name: str) -> Decisions:
    """Decisions in a text of lines ``path,is_kept,reason``.

    ``False`` drops an image. ``True`` with a reason is a person's decision to keep it; without one,
    as ``--keep`` writes it, nothing was decided.

    Args:
        text: of the file.
        name: what the errors call it.

    Raises:
        UsageError: it is no such text.
    """
    try:
        rows = list(csv.reader(io.StringIO(text, newline="")))
    except csv.Error as error:
        raise UsageError(f"{name} is no CSV ({error}).") from error
    if not rows or tuple(rows[0][:3]) != HEAD:
        came = ",".join(rows[0])[:60] if rows else "nothing"
        raise UsageError(
            f"{name} should begin with path,is_kept,reason, as --keep and the page of a report "
            f"write it, not with {came!r}."
        )
    dropped: dict[str, str] = {}
    kept: set[str] = set()
    seen: set[str] = set()
    for number, row in enumerate(rows[1:], start=2):
        if not row:
            continue
        flag = _FLAGS.get(row[1].strip().lower()) if len(row) > 2 else None
        if flag is None:
            raise UsageError(
                f"line {number} of {name} should be a path, True or False, and a reason, not "
                f"{','.join(row)[:80]!r}."
            )
        if row[0] in seen:
            raise UsageError(
                f"line {number} of {name} decides on {row[0]} once more: leave one out."
            )
        seen.add(row[0])
        if flag and row[2]:
            kept.add(row[0])
        elif not flag:
            dropped[row[0]] = row[2]
    digest = hashlib.sha256(text.encode()).hexdigest()[:32]
    return Decisions(dropped=dropped, kept=frozenset(kept), digest=digest)
