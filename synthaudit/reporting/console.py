"""An audit on the terminal: the scores, what they mean, and the images at fault."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from synthaudit.reporting.interpretation import interpret, severity
from synthaudit.reporting.sections import entry, sections
from synthaudit.result.audit import Audit

# Legible on black and on white.
_COLOURS = {"fine": "bold green4", "notable": "bold dark_orange3", "bad": "bold red3"}


def print_audit(audit: Audit, console: Console, *, written: Path | str | None = None) -> None:
    """Print an audit for a person.

    Args:
        audit: the audit.
        console: where to.
        written: the folder or URL that holds the files, when there is one.
    """
    console.print(_headline(audit), soft_wrap=True)
    console.print(_score_table(audit))
    console.print("\nIn words (0 to 1, higher is worse)", style="bold", highlight=False)
    for name, sentence in interpret(audit.to_dict()).items():
        console.print(entry(f"{name:17}", Text(sentence)), soft_wrap=True, highlight=False)
    for note in audit.notes:
        console.print(Text(f"Note: {note}", style="dark_orange3"), soft_wrap=True)
    for title, lines in sections(audit):
        console.print()
        console.print(Text(title, style="bold"))
        for line in lines:
            # One line an entry, however narrow the window, so that paths can be clicked.
            console.print(line, soft_wrap=True, highlight=False)
    console.print()
    for line in _closing(audit, written):
        console.print(line, soft_wrap=True, highlight=False)


def _headline(audit: Audit) -> Text:
    counts, origin = audit.counts, audit.provenance
    text = Text()
    text.append(f"{counts['real']:,} real, {counts['synthetic']:,} synthetic images", style="bold")
    text.append(f"; embedder {origin['embedder']}; definition {origin['definition']}")
    if counts["unreadable"]:
        text.append(f"; {counts['unreadable']:,} unreadable", style="dark_orange3")
    return text


def _score_table(audit: Audit) -> Table:
    """Value, interval, and what nothing and what perfection would score."""
    sure = audit.unrealistic.low is not None
    scores = audit.to_dict()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("score", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    for name in ("interval", "null", "floor", "p") if sure else ("chance",):
        table.add_column(name, justify="right", no_wrap=True, style="dim")
    for name, score in audit.scores.items():
        value = Text(f"{score.value:.3f}", style=_COLOURS[severity(scores, name)])
        around = [_figure(score.chance)]
        if sure:
            around = [_figure(figure) for figure in (score.null, score.floor, score.p_value)]
            around.insert(0, f"{score.low:.3f}-{score.high:.3f}")
        table.add_row(Text(name, style="bold"), value, *around)
    return table


def _figure(value: float | None) -> str:
    if value is None:
        return "?"
    return "<0.001" if 0.0 < value < 0.001 else f"{value:.3f}"


def _closing(audit: Audit, written: Path | str | None) -> Iterator[Text]:
    detector, duplicates = audit.detector, audit.duplicates
    if audit.kept is not None:
        count = int(audit.kept["is_kept"].sum())
        scores = ", ".join(f"{name} {value:.3f}" for name, value in audit.kept_scores.items())
        yield Text(f"Worth keeping: {count:,} of {len(audit.kept):,} synthetic images. {scores}")
    yield Text(
        f"Detector: AUC {detector['auc']:.3f}, balanced accuracy {detector['accuracy']:.3f}. "
        f"Duplicate radius: {duplicates['radius']:.4f}; {duplicates['pairs']:,} pairs within it."
    )
    if written is None:
        yield Text("Nothing was written; --out DIR keeps scores.json and the tables.")
        return
    files = ["report.html", "report.md", *reversed(audit.files())]
    yield Text.from_markup(f"Written to [bold]{escape(str(written))}[/bold]: {', '.join(files)}")
