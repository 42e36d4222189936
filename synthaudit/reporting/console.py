"""An audit on the terminal: the scores, what they mean, and the images at fault."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from synthaudit.names import write_name
from synthaudit.reporting.interpretation import counted, finding_of, findings_in
from synthaudit.reporting.sections import sections
from synthaudit.result.audit import Audit
from synthaudit.result.verdict import advice

# Legible on black and on white.
_COLOURS = {"none": "bold green4", "low": "bold dark_orange3", "high": "bold red3"}
_VERDICTS = {True: "bold green4", None: "bold dark_orange3", False: "bold red3"}
_WIDE = 17


def print_audit(
    audit: Audit, console: Console, *, written: Path | str | None = None, details: bool = False
) -> None:
    """Print an audit for a person: verdict, findings, scores, and where the rest is.

    Args:
        audit: the audit.
        console: where to.
        written: the folder or URL that holds the files, when there is one.
        details: whether to print also what is behind the scores.
    """
    scores = audit.to_dict()
    console.print(_headline(audit), soft_wrap=True)
    verdict = scores["verdict"]
    console.print(Text(f"\n{verdict['text']}", style=_VERDICTS[verdict["fit"]]))
    _print_findings(scores, console)
    console.print()
    console.print(_score_table(audit, scores))
    for note in audit.notes:
        console.print(Text(f"Note: {note}", style="dark_orange3"))
    if details:
        _print_details(audit, console)
    console.print()
    for line in _closing(audit, written, details=details):
        console.print(line, soft_wrap=True, highlight=False)


def _print_findings(scores: Mapping[str, Any], console: Console) -> None:
    """A line a finding, and under those that matter what to do."""
    for finding in findings_in(scores):
        is_claimed = finding.severity != "none"
        style = "" if is_claimed else "dim"
        lines = Text(finding.text, style=style).wrap(console, console.width - _WIDE - 1)
        step = advice(finding)
        if step is not None:
            lines.extend(Text(f"-> {step}").wrap(console, console.width - _WIDE - 1))
        named = Text(f"{finding.kind:{_WIDE}}", _COLOURS[finding.severity] if is_claimed else "dim")
        for lead, line in zip([named, *[Text(" " * _WIDE)] * (len(lines) - 1)], lines, strict=True):
            line.rstrip()
            console.print(Text(" ").join([lead, line]), soft_wrap=True, highlight=False)


def _print_details(audit: Audit, console: Console) -> None:
    for title, lines in sections(audit):
        console.print()
        console.print(Text(title, style="bold"))
        for line in lines:
            # One line an entry, however narrow the window, so that paths can be clicked.
            console.print(line, soft_wrap=True, highlight=False)
    detector, duplicates = audit.detector, audit.duplicates
    text = f"\nDetector: AUC {detector['auc']:.3f}, balanced accuracy {detector['accuracy']:.3f}. "
    text += f"Duplicate radius: {duplicates['radius']:.4f}; "
    text += counted(duplicates["pairs"], "pair") + " within it."
    console.print(Text(text), soft_wrap=True)


def _headline(audit: Audit) -> Text:
    counts, origin = audit.counts, audit.provenance
    text = Text()
    text.append(f"{counts['real']:,} real, {counts['synthetic']:,} synthetic images", style="bold")
    text.append(f"; embedder {origin['embedder']}; definition {origin['definition']}")
    if counts["unreadable"]:
        text.append(f"; {counts['unreadable']:,} unreadable", style="dark_orange3")
    return text


def _score_table(audit: Audit, scores: Mapping[str, Any]) -> Table:
    """Value, interval, and what nothing and what perfection would score."""
    sure = audit.unrealistic.low is not None
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("score", no_wrap=True, min_width=_WIDE - 1)
    table.add_column("value", justify="right", no_wrap=True)
    for name in ("interval", "null", "floor", "p") if sure else ("chance", "p"):
        table.add_column(name, justify="right", no_wrap=True, style="dim")
    for name, score in audit.scores.items():
        finding = finding_of(scores, name)
        style = _COLOURS[finding.severity]
        around = [_figure(score.chance), _figure(finding.p_value)]
        if sure:
            around = [_figure(figure) for figure in (score.null, score.floor, finding.p_value)]
            around.insert(0, f"{score.low:.3f}-{score.high:.3f}")
        table.add_row(Text(name, style="bold"), Text(f"{score.value:.3f}", style=style), *around)
    return table


def _figure(value: float | None) -> str:
    if value is None:
        return "?"
    return "<0.001" if 0.0 < value < 0.001 else f"{value:.3f}"


def _closing(audit: Audit, written: Path | str | None, *, details: bool) -> Iterator[Text]:
    if audit.kept is not None:
        count = int(audit.kept["is_kept"].sum())
        scores = ", ".join(f"{name} {value:.3f}" for name, value in audit.kept_scores.items())
        yield Text(
            f"Worth keeping: {count:,} of {len(audit.kept):,} synthetic images. {scores}".rstrip()
        )
    if written is None:
        yield Text("No results were written; --out DIR keeps the page and the tables.")
    else:
        files = ["report.html", "report.md", *reversed(audit.files())]
        yield Text.from_markup(
            f"Written to [bold]{escape(write_name(str(written)))}[/bold]: {', '.join(files)}"
        )
    if not details:
        yield Text("--details prints worst classes, images at fault and causes.")
