"""An audit on the terminal: the scores, what they mean, and the images at fault."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from synthaudit.measures.scores import SCORE_NAMES
from synthaudit.reporting.culprits import copies, obvious_fakes, repeats, worst_classes
from synthaudit.reporting.readings import readings, severity
from synthaudit.result.audit import Audit

_SHOWN = 5
# Legible on black and on white.
_COLOURS = {"fine": "bold green4", "notable": "bold dark_orange3", "bad": "bold red3"}


def print_audit(audit: Audit, console: Console, *, written: Path | None = None) -> None:
    """Print an audit for a person.

    Args:
        audit: the audit.
        console: where to.
        written: the folder that holds the files, when there is one.
    """
    console.print(_headline(audit), soft_wrap=True)
    console.print(_score_table(audit))
    console.print("\nIn words (0 to 1, higher is worse)", style="bold", highlight=False)
    for name, sentence in readings(audit).items():
        console.print(_entry(f"{name:17}", Text(sentence)), soft_wrap=True, highlight=False)
    for note in audit.notes:
        console.print(Text(f"Note: {note}", style="dark_orange3"), soft_wrap=True)
    for title, lines in _sections(audit):
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
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("score", no_wrap=True)
    table.add_column("value", justify="right", no_wrap=True)
    for name in ("interval", "null", "floor", "p") if sure else ("chance",):
        table.add_column(name, justify="right", no_wrap=True, style="dim")
    for name, score in audit.scores.items():
        value = Text(f"{score.value:.3f}", style=_COLOURS[severity(audit, name)])
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


def _sections(audit: Audit) -> Iterator[tuple[str, list[Text]]]:
    if audit.classes:
        named = [(name, worst_classes(audit, name, 3)) for name in SCORE_NAMES]
        yield "Worst classes", [_class_line(name, worst) for name, worst in named if worst]
    fakes = obvious_fakes(audit, _SHOWN)
    if fakes:
        yield (
            "Most obvious fakes",
            [
                _entry(f"{probability:.3f}", _link(audit, "synthetic", path))
                for path, probability in fakes
            ],
        )
    clusters = repeats(audit, _SHOWN)
    if clusters:
        yield (
            "Most repeated",
            [
                _entry(
                    f"{repeat.size:,} x",
                    *(_link(audit, "synthetic", path) for path in repeat.paths),
                    Text("...") if repeat.size > len(repeat.paths) else Text(),
                )
                for repeat in clusters
            ],
        )
    if audit.missed:
        yield "Real images that nothing synthetic resembles", _missed_lines(audit)
    if audit.artefacts:
        yield "What the files alone give away", _artefact_lines(audit)
    if audit.supporting:
        yield "Supporting measures", _supporting_lines(audit)
    copied = copies(audit, _SHOWN)
    if copied:
        yield (
            "Copies of real images",
            [
                _entry(
                    f"{copy.distance:.3f}",
                    _link(audit, "synthetic", copy.path),
                    Text("of"),
                    _link(audit, "real", copy.original),
                )
                for copy in copied
            ],
        )


def _missed_lines(audit: Audit) -> list[Text]:
    lines = []
    for kind in audit.missed[:_SHOWN]:
        classes = ", ".join(f"{name} {count}" for name, count in list(kind["classes"].items())[:3])
        paths = [_link(audit, "real", path) for path in kind["examples"]]
        named = Text(f"({classes})" if classes else "")
        lines.append(_entry(f"{kind['size']:,} like", *paths, named))
    return lines


def _artefact_lines(audit: Audit) -> list[Text]:
    files = audit.artefacts
    control = "too few images to say"
    if files["control_auc"] is not None:
        own = f"as many synthetic images reach {files['matched_auc']:.3f}"
        control = f"{files['control_auc']:.3f}; {own}"
    lines = [
        _entry("AUC of size, format and compression  ", Text(f"{files['container_auc']:.3f}")),
        _entry("AUC of traces in block frequencies   ", Text(f"{files['trace_auc']:.3f}")),
        _entry("AUC of real images in synthetic files", Text(control)),
    ]
    for trait in files["best"][:3]:
        medians = f"real {trait['real']:.4g}, synthetic {trait['synthetic']:.4g}"
        lines.append(_entry(f"{trait['name']:22}", Text(f"AUC {trait['auc']:.3f}; {medians}")))
    return lines


def _supporting_lines(audit: Audit) -> list[Text]:
    lines = []
    for name, measure in audit.supporting.items():
        text = f"{measure['value']:.4g}"
        if measure["low"] is not None:
            text += f" ({measure['low']:.4g} to {measure['high']:.4g})"
        text += f", {measure['better']} is better"
        if measure["chance"] is not None:
            text += f"; {measure['chance']:.3g} for the same distribution"
        lines.append(_entry(f"{name:22}", Text(text)))
    return lines


def _class_line(name: str, worst: list[tuple[str, float]]) -> Text:
    return _entry(f"{name:17}", Text(", ".join(f"{label} {value:.3f}" for label, value in worst)))


def _entry(lead: str, *parts: Text) -> Text:
    return Text(" ").join([Text(f"  {lead}", style="dim"), *(part for part in parts if part)])


def _link(audit: Audit, side: str, path: str) -> Text:
    """A path that terminals can open."""
    full = audit.roots[side] / path
    if not full.is_file():
        return Text(f"{side} {path}" if path.isdigit() else str(full))
    return Text(str(full), style=f"link {full.absolute().as_uri()}")


def _closing(audit: Audit, written: Path | None) -> Iterator[Text]:
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
    files = ("scores.json", "images.parquet", "images.csv", "duplicates.parquet", "unreadable.csv")
    yield Text.from_markup(f"Written to [bold]{escape(str(written))}[/bold]: {', '.join(files)}")
