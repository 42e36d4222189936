"""A self-test for people: on the terminal, and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from synthaudit.selftesting.result import FaultResult, SelfTest

_TITLES: Final = {
    "unvaried": "unvaried",
    "unoriginal": "unoriginal",
    "unrealistic": "unrealistic",
    "unrepresentative": "unrepresentative",
    "uncovered": "coverage",
    "wrong_labels": "wrong labels",
}
_COLUMNS: Final = ("fault", "score", "rate", "clean", "with it", "recall", "precision", "seen by")


def print_selftest(found: SelfTest, console: Console) -> None:
    """Print a self-test for a person."""
    console.print(Text(_headline(found), style="bold"), soft_wrap=True)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("fault and its score", "rate", "clean", "with it", "recall", "precision", "seen"):
        table.add_column(name, justify="left" if table.columns == [] else "right", no_wrap=True)
    for fault in found.faults:
        for number, outcome in enumerate(found.of(fault)):
            lead = (fault, f"  {_TITLES[outcome.measure]}")[number] if number < 2 else ""
            seen = "yes" if outcome.is_detected else "no"
            style = "" if outcome.is_detected else "dim"
            table.add_row(lead, *_figures(outcome), seen, style=style)
    console.print(table)
    console.print(Text("\nSmallest fault that is always seen", style="bold"))
    for fault in found.faults:
        console.print(Text(f"  {fault:23}{_smallest(found, fault)}"), highlight=False)
    for fault, reason in found.left_out.items():
        console.print(Text(f"  {fault:23}not planted: {reason}"), highlight=False)
    console.print(Text(f"\n{_criterion(found)}", style="dim"), soft_wrap=True)


def selftest_markdown(found: SelfTest) -> str:
    """The same as Markdown."""
    lines = [
        _headline(found),
        "",
        "| fault | smallest rate always seen |",
        "|---|---|",
        *(f"| {fault} | {_smallest(found, fault)} |" for fault in found.faults),
        *(f"| {fault} | not planted: {reason} |" for fault, reason in found.left_out.items()),
        "",
        f"| {' | '.join(_COLUMNS)} |",
        "|---" * len(_COLUMNS) + "|",
        *(f"| {' | '.join(_cells(outcome))} |" for outcome in found.outcomes),
        "",
        _criterion(found),
    ]
    return "\n".join(lines) + "\n"


def _headline(found: SelfTest) -> str:
    name = found.name.replace("|", "/").replace("\n", " ")
    return (
        f"Self-test of {name}: {found.real:,} real images against {found.synthetic:,} others of "
        f"them with faults planted; embedder {found.embedder}; seed {found.seed}."
    )


def _criterion(found: SelfTest) -> str:
    limits = ", ".join(f"{_TITLES[name]} {value:.3f}" for name, value in found.clean.items())
    return (
        f"Seen: above the highest of {found.splits} clean splits (a test at "
        f"{1 / (found.splits + 1):.0%}) in every planting. Those limits: {limits} (coverage as 1 - "
        "coverage). Recall and precision: of the images that the score flags."
    )


def _cells(outcome: FaultResult) -> list[str]:
    return [
        outcome.fault,
        _TITLES[outcome.measure],
        *_figures(outcome),
        ", ".join(_seen_by(outcome)) or "-",
    ]


def _figures(outcome: FaultResult) -> list[str]:
    return [
        f"{outcome.rate:.0%}",
        f"{outcome.clean:.3f}",
        f"{outcome.value:.3f}",
        f"{outcome.recall:.2f}",
        "-" if outcome.precision is None else f"{outcome.precision:.2f}",
    ]


def _seen_by(outcome: FaultResult) -> Iterator[str]:
    """Its own score first."""
    own = [name for name in outcome.seen_by if name == outcome.measure]
    yield from (_TITLES[name] for name in own + [n for n in outcome.seen_by if n not in own])


def _smallest(found: SelfTest, fault: str) -> str:
    least = found.smallest(fault)
    if least is None:
        return "not seen at any rate tried"
    what = "kinds" if fault == "missing kinds" else "synthetic images"
    return f"{least:.0%} of the {what}"
