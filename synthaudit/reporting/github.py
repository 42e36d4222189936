"""A verdict for GitHub Actions: annotations and a job summary, within their limits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from synthaudit.gating.judging import Verdict
from synthaudit.progress import LOGGER
from synthaudit.reporting.gate import headline, interval_text, limit_text, verdict_markdown

if TYPE_CHECKING:
    import pandas as pd

# GitHub shows ten errors and ten warnings a step, and refuses summaries over a mebibyte.
_ANNOTATIONS: Final = 10
_SUMMARY_BYTES: Final = 1024 * 1024


def annotation_lines(verdict: Verdict) -> list[str]:
    """Workflow commands, at most ten errors and ten warnings, the last of them for the rest."""
    lines: dict[str, list[str]] = {"error": [], "warning": []}
    for check in verdict.checks:
        if check.state == "pass":
            continue
        level = "error" if check.severity == "error" else "warning"
        text = f"{check.path} is {check.value:.4g}, {interval_text(check)}; "
        text += f"limit {limit_text(check)}: {check.why}."
        lines[level].append(
            f"::{level} title={_property(f'synthaudit: {check.path}')}::{_data(text)}"
        )
    for level, found in lines.items():
        if len(found) > _ANNOTATIONS:
            rest = len(found) - _ANNOTATIONS + 1
            found[_ANNOTATIONS - 1 :] = [f"::{level} title=synthaudit::and {rest} more checks."]
    return [*lines["error"], *lines["warning"]]


def append_summary(verdict: Verdict, images: pd.DataFrame | None, file: Path) -> None:
    """Add the verdict to a job's summary, so far as there is room."""
    try:
        room = _SUMMARY_BYTES - (file.stat().st_size if file.exists() else 0) - 1
        if room < 200:
            LOGGER.warning("the job summary is full: %s", headline(verdict))
            return
        with file.open("a", encoding="utf-8") as stream:
            stream.write(verdict_markdown(verdict, images, limit=room))
    except OSError as error:
        LOGGER.warning("the job summary %s cannot be written: %s", file, error.strerror)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
