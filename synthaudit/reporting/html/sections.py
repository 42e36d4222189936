"""The sections of an audit's page: a template each, a line each; other packages add theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from synthaudit.progress import LOGGER
from synthaudit.registry import Registry
from synthaudit.result.reading import AuditFiles

PAGE: Final = (
    "scores",
    "next-steps",
    "controls",
    "map",
    "galleries",
    "by-class",
    "distributions",
    "files",
    "worth",
    "supporting",
    "measures",
)
"""Our own, in the order of the page: ``templates/sections/NAME.html``. Provenance comes last."""


@dataclass(frozen=True, kw_only=True)
class ReportSection:
    """A section that another package adds to the report of an audit.

    Attributes:
        title: its heading.
        html: its contents, from the files of the audit; None where there is nothing to show. Names
            and numbers come from strangers: escape them (``html.escape``, or a template). The page
            runs no scripts but its own and loads nothing.
        lines: the same in short for the terminal and the Markdown report.
    """

    title: str
    html: Callable[[AuditFiles], str | None]
    lines: Callable[[AuditFiles], Sequence[str]] | None = None


SECTIONS: Final[Registry[ReportSection]] = Registry("report section", "synthaudit.sections", {})


def added_html(files: AuditFiles) -> dict[str, dict[str, Any]]:
    """Title and contents of the sections of other packages that have something to show."""
    from markupsafe import Markup

    found = {}
    for name, section in _installed():
        text = _ask(name, section.html, files)
        if text is not None:
            # The package answers for what it writes, as its section is told to.
            found[f"added-{name}"] = {"title": section.title, "html": Markup(text)}  # noqa: S704
    return found


def added_lines(files: AuditFiles) -> Iterator[tuple[str, list[str]]]:
    """Title and lines of the sections of other packages, for the terminal and for Markdown."""
    for name, section in _installed():
        lines = None if section.lines is None else _ask(name, section.lines, files)
        if lines:
            yield section.title, [str(line) for line in lines]


def _installed() -> Iterator[tuple[str, ReportSection]]:
    for name in SECTIONS.installed:
        try:
            yield name, SECTIONS.load(name)
        # The audit is done: a section that cannot be drawn is no reason to lose its report.
        except Exception as error:  # noqa: BLE001
            LOGGER.warning("%s", error)


def _ask(name: str, make: Callable[[AuditFiles], Any], files: AuditFiles) -> Any:
    try:
        return make(files)
    except Exception as error:  # noqa: BLE001 - likewise
        LOGGER.warning("the report section %r failed and is left out: %s", name, error)
        return None
