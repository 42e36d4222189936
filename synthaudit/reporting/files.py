"""The files that people read: ``report.html`` and ``report.md``, beside the results."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jinja2 import TemplateError

from synthaudit.errors import DataError, UsageError
from synthaudit.gating.comparing import Comparison
from synthaudit.images.collection import FileLocation
from synthaudit.reporting.html.audit import AuditPage
from synthaudit.reporting.html.comparison import comparison_html
from synthaudit.reporting.html.sweep import REAL_ARM, sweep_html, wanted_for_grid
from synthaudit.reporting.html.thumbnails import GALLERY_EDGE, LARGE_EDGES, MAP_EDGES, Thumbnails
from synthaudit.reporting.markdown import report_markdown
from synthaudit.result.about import ABOUT_FILE, About, about_audit
from synthaudit.result.audit import Audit
from synthaudit.result.reading import files_of, read_files
from synthaudit.result.writing import json_text, refuse_beside, write_files
from synthaudit.sweeping.reading import read_sweep_files, sweep_files_of
from synthaudit.sweeping.result import Sweep

if TYPE_CHECKING:
    import pandas as pd

_UNDRAWABLE: Final = (
    *(ArithmeticError, AttributeError, LookupError, TypeError, ValueError),
    TemplateError,
)
# Base64 makes four bytes of three, and every picture needs some words around it.
_SHARE: Final = 0.72
_SHARE_OF_LARGE: Final = 0.6


def write_all(
    audit: Audit, folder: str | Path, *, megabytes: float = 15.0, stays: bool = True
) -> None:
    """Write an audit and its report: all files are there, or those of before.

    Args:
        audit: the audit.
        folder: made if need be.
        megabytes: budget of the page.
        stays: whether they stay in that folder, from which the images are found.

    Raises:
        UsageError: the budget is too small, or the folder holds a sweep.
        StorageError: the folder cannot be written.
    """
    about = about_audit(audit, Path(folder) if stays else None, megabytes)
    audit.write(folder, beside=_report_of(audit, about))


def write_report(audit: Audit, folder: str | Path, *, megabytes: float = 15.0) -> None:
    """Make the pictures of an audit and render its report.

    Args:
        audit: the audit.
        folder: that holds its files, from ``Audit.write``.
        megabytes: budget of the page: pictures are made while there is room for them.

    Raises:
        UsageError: the budget is too small.
        StorageError: the folder cannot be written.
    """
    about = about_audit(audit, Path(folder), megabytes)
    write_files(Path(folder), _report_of(audit, about))


def _report_of(audit: Audit, about: About) -> dict[str, str | pd.DataFrame]:
    """The files of a report by name."""
    files = files_of(audit, {}, about)
    page = AuditPage(files)
    made = Thumbnails(
        {
            (side, entry.path): entry.location
            for side, entries in audit.entries.items()
            for entry in entries
        },
        budget=picture_budget(about.megabytes, page.html({})),
        max_pixels=int(audit.provenance["settings"]["max_pixels"]),
    )
    wanted = page.wanted_for_galleries()
    # Of what is in no file of its own the page itself must have the larger picture.
    inside = [key for key in wanted if about.link(key[0]) is None]
    made.add_all(inside, LARGE_EDGES, share=_SHARE_OF_LARGE)
    made.add(wanted, GALLERY_EDGE)
    made.add_all(page.wanted_for_map(), MAP_EDGES)
    return {
        ABOUT_FILE: about.to_json(),
        "thumbnails.parquet": picture_table(made.made, ("side", "path")),
        "report.md": report_markdown(files),
        "report.html": page.html(made.made),
    }


def write_sweep_report(found: Sweep, folder: str | Path, *, megabytes: float = 15.0) -> None:
    """Make the pictures of a sweep and render its page; the arms have reports of their own.

    Args:
        found: the sweep.
        folder: that it was written to.
        megabytes: budget of the page.

    Raises:
        UsageError: the budget is too small.
        StorageError: the folder cannot be written.
    """
    place, bare = Path(folder), sweep_files_of(found, {})
    made = Thumbnails(
        {
            **{(REAL_ARM, entry.path): entry.location for entry in found.real},
            **{
                (arm, path): FileLocation(str(place / path))
                for arm, path in zip(found.images["arm"], found.images["path"], strict=True)
            },
        },
        budget=picture_budget(megabytes, sweep_html(bare)),
        max_pixels=int(found.provenance["settings"]["max_pixels"]),
    )
    made.add(wanted_for_grid(bare), GALLERY_EDGE)
    write_files(
        place,
        {
            "thumbnails.parquet": picture_table(made.made, ("arm", "path")),
            "report.html": sweep_html(sweep_files_of(found, made.made)),
        },
    )


def write_comparison(found: Comparison, before: Path, after: Path, folder: Path) -> None:
    """Write the page of two audits, and its numbers.

    Args:
        found: what changed.
        before: a ``scores.json`` or the folder that holds it.
        after: another one.
        folder: where to.

    Raises:
        DataError: the tables of one of them are missing or damaged.
        UsageError: the folder holds results of another kind.
        StorageError: it cannot be written.
    """
    refuse_beside(folder, "scores.json", "an audit")
    refuse_beside(folder, "sweep.json", "a sweep")
    places = [place if place.is_dir() else place.parent for place in (before, after)]
    files = [read_files(place) for place in places]
    with _drawable(after):
        page = comparison_html(found, files[0], files[1], (str(places[0]), str(places[1])))
    write_files(folder, {"comparison.html": page, "comparison.json": json_text(found.to_dict())})


def render_again(folder: Path) -> list[Path]:
    """Render the report of an audit, or of a sweep and its arms, from the files that a run left.

    Returns:
        What was written.

    Raises:
        DataError: they are not there or damaged.
        StorageError: the folder cannot be written.
    """
    if not (folder / "sweep.json").is_file():
        files = read_files(folder)
        with _drawable(folder):
            written = {
                "report.md": report_markdown(files),
                "report.html": AuditPage(files).html(files.thumbnails),
            }
        write_files(folder, dict(written), advice="move it elsewhere")
        return [folder / name for name in written]
    found = read_sweep_files(folder)
    with _drawable(folder):
        page = sweep_html(found)
    arms = sorted(file.parent for file in folder.glob("arms/*/scores.json"))
    done = [file for arm in arms for file in render_again(arm)]
    write_files(folder, {"report.html": page}, advice="move it elsewhere")
    return [folder / "report.html", *done]


@contextmanager
def _drawable(folder: Path) -> Iterator[None]:
    """Say of results that hold to their schema, and cannot be drawn all the same, that they cannot.

    Raises:
        DataError: for whatever drawing them raises.
    """
    try:
        with warnings.catch_warnings():
            # Numbers that no audit writes, on their way to an error or a page.
            warnings.simplefilter("ignore")
            yield
    except _UNDRAWABLE as error:
        text = " ".join(f"{type(error).__name__}: {error}".split())[:200].rstrip(".")
        raise DataError(
            f"the results in {folder} cannot be drawn ({text}): were they changed? Run synthaudit "
            "again."
        ) from error


def picture_budget(megabytes: float, page: str) -> int:
    """Bytes of pictures that fit beside a page without any.

    Raises:
        UsageError: not even that page fits.
    """
    if not megabytes * 1e6 >= len(page.encode()):
        least = len(page.encode()) / 1e6
        raise UsageError(
            f"the budget of report.html should be at least {least:.1f} MB, which it takes without "
            f"any picture, not {megabytes:g}: give a larger --report-mb."
        )
    return max(int((megabytes * 1e6 - len(page.encode())) * _SHARE), 0)


def picture_table(
    pictures: Mapping[tuple[str, str], bytes], columns: tuple[str, str]
) -> pd.DataFrame:
    """A row a picture: what names it, and its WebP bytes."""
    import pandas as pd

    return pd.DataFrame(
        {
            columns[0]: [key[0] for key in pictures],
            columns[1]: [key[1] for key in pictures],
            "webp": list(pictures.values()),
        }
    )
