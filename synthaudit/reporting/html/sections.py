"""The sections of an audit's page: a template each, a line each; other packages add theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from html.parser import HTMLParser
from typing import Any, Final

from synthaudit.errors import SynthauditError
from synthaudit.progress import LOGGER
from synthaudit.registry import Registry
from synthaudit.result.reading import AuditFiles

PAGE: Final = (
    "findings",
    "build",
    "review",
    "scores",
    "worth",
    "classes",
    "map",
    "thresholds",
    "why",
    "prompts",
    "distributions",
    "appearance",
    "files",
    "supporting",
    "measures",
)
"""Our own, in the order of the page: ``templates/sections/NAME.html``. Provenance comes last."""

# Elements of HTML that are never closed.
_VOID: Final = frozenset(("area", "br", "col", "embed", "hr", "img", "input", "wbr"))


@dataclass(frozen=True, kw_only=True)
class ReportSection:
    """A section that another package adds to the report of an audit.

    Attributes:
        title: its heading.
        html: its contents, from the files of the audit; None where there is nothing to show. Names
            and numbers come from strangers: escape them (``html.escape``, or a template). Every
            element that it opens it closes. The page runs no scripts but its own and loads nothing.
        lines: the same in short for the terminal and the Markdown report.
    """

    title: str
    html: Callable[[AuditFiles], str | None]
    lines: Callable[[AuditFiles], Sequence[str]] | None = None


SECTIONS: Final[Registry[ReportSection]] = Registry(
    "report section",
    "synthaudit.sections",
    {},
    expected="a ReportSection",
    is_one=lambda found: isinstance(found, ReportSection),
)


def added_html(files: AuditFiles) -> dict[str, dict[str, Any]]:
    """Title and contents of the sections of other packages that have something to show."""
    from markupsafe import Markup

    found = {}
    for name, section in _installed():
        text = _ask(name, _html_of, section, files)
        if text is not None:
            # The package answers for what it writes, as its section is told to.
            found[f"added-{name}"] = {"title": section.title, "html": Markup(text)}  # noqa: S704
    return found


def added_lines(files: AuditFiles) -> Iterator[tuple[str, list[str]]]:
    """Title and lines of the sections of other packages, for the terminal and for Markdown."""
    for name, section in _installed():
        lines = _ask(name, _lines_of, section, files)
        if lines:
            yield section.title, lines


def _html_of(section: ReportSection, files: AuditFiles) -> str | None:
    text = section.html(files)
    if text is None:
        return None
    if not isinstance(text, str):
        raise TypeError(f"html should give a text, not {type(text).__name__}")
    balance = _Balance()
    balance.feed(text)
    balance.close()
    balance.verify()
    return text


def _lines_of(section: ReportSection, files: AuditFiles) -> list[str]:
    lines = () if section.lines is None else section.lines(files)
    if isinstance(lines, str):
        raise TypeError("lines should give a list of texts, not one text")
    return [str(line) for line in lines]


def _installed() -> Iterator[tuple[str, ReportSection]]:
    for name in SECTIONS.installed:
        try:
            yield name, SECTIONS.load(name)
        # The audit is done: a section that cannot be drawn is no reason to lose its report.
        except SynthauditError as error:
            _warn_once(str(error))


def _ask(name: str, make: Callable[..., Any], section: ReportSection, files: AuditFiles) -> Any:
    try:
        with SECTIONS.blaming(name):
            return make(section, files)
    except SynthauditError as error:
        _warn_once(f"{error} The report is written without it.")
        return None


@cache
def _warn_once(sentence: str) -> None:
    """The page, the Markdown report and the terminal ask a section one after the other."""
    LOGGER.warning("%s", sentence)


class _Balance(HTMLParser):
    """Whether a piece of HTML closes what it opens and nothing else, so that the page survives."""

    def __init__(self) -> None:
        super().__init__()
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:  # noqa: ARG002
        """Remember what must be closed."""
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Refuse what was not opened.

        Raises:
            ValueError: the tag is not the one that must be closed next.
        """
        if tag in _VOID:
            return
        if not self._open or self._open[-1] != tag:
            raise ValueError(f"its html closes <{tag}> where that is not open")
        self._open.pop()

    def verify(self) -> None:
        """At the end nothing may be open.

        Raises:
            ValueError: something is.
        """
        if self._open:
            raise ValueError(f"its html does not close <{self._open[-1]}>")
