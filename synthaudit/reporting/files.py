"""The files that people read: ``report.html`` and ``report.md``, beside the results."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from synthaudit.reporting.html.page import report_html, wanted_pictures
from synthaudit.reporting.html.thumbnails import make_thumbnails
from synthaudit.reporting.markdown import report_markdown
from synthaudit.result.audit import Audit
from synthaudit.result.reading import AuditFiles, files_of, read_files
from synthaudit.result.writing import write_files

# Base64 makes three bytes four; the rest of the page is small.
_SHARE: Final = 0.7


def write_report(audit: Audit, folder: Path, *, megabytes: float) -> None:
    """Make the pictures and render the report of an audit.

    Args:
        audit: the audit.
        folder: that holds its files.
        megabytes: budget of the page.

    Raises:
        StorageError: the folder cannot be written.
    """
    import pandas as pd

    wanted = wanted_pictures(files_of(audit, {}))
    made = make_thumbnails(
        wanted,
        audit.roots,
        budget=int(megabytes * 1e6 * _SHARE),
        max_pixels=int(audit.provenance["settings"]["max_pixels"]),
    )
    table = pd.DataFrame(
        {
            "side": [side for side, _ in made],
            "path": [path for _, path in made],
            "webp": list(made.values()),
        }
    )
    write_files(folder, {"thumbnails.parquet": table, **_render(files_of(audit, made))})


def render_again(folder: Path) -> None:
    """Render the report from the files that a run left.

    Raises:
        DataError: they are not there or damaged.
        StorageError: the folder cannot be written.
    """
    write_files(folder, dict(_render(read_files(folder))))


def _render(files: AuditFiles) -> dict[str, str]:
    return {"report.md": report_markdown(files), "report.html": report_html(files)}
