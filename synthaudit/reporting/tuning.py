"""A training on the terminal, and its page."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from synthaudit.names import write_name
from synthaudit.reporting.html.tuning import tuning_html, verdict_on
from synthaudit.result.writing import write_files
from synthaudit.tuning.result import Tuning, smoothed

PAGE = "report.html"


def write_tuning_pages(found: Sequence[Tuning]) -> None:
    """Write the page of each training into its folder.

    Raises:
        StorageError: there is no room.
    """
    for each in found:
        write_files(each.folder, {PAGE: tuning_html(each)})


def print_tuning(found: Sequence[Tuning], console: Console) -> None:
    """Print trainings for a person."""
    for number, each in enumerate(found):
        if number:
            console.print()
        _print(each, console)


def _print(found: Tuning, console: Console) -> None:
    names = ", ".join(write_name(name) for name in found.classes)
    console.print(Text(f"{names}: {verdict_on(found)}", style="bold"), soft_wrap=True)
    if found.losses:
        instance = smoothed([own.instance for own in found.losses])
        prior = smoothed([own.prior for own in found.losses])
        line = f"loss on real images {instance[0]:.4f} -> {instance[-1]:.4f}"
        if any(prior):
            line += f", on class images {prior[0]:.4f} -> {prior[-1]:.4f}"
        console.print(Text(line), highlight=False, soft_wrap=True)
    if found.audits:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for column in ("step", "samples", "unoriginal", "unvaried", "nearest real"):
            table.add_column(column, justify="right", no_wrap=True)
        for own in found.audits:
            cells = (own.samples, own.unoriginal, own.unvaried)
            table.add_row(f"{own.step:,}", *map(str, cells), f"{own.nearest:.3f}")
        console.print(table)
    for note in found.notes:
        console.print(Text(f"note: {note}"), soft_wrap=True, highlight=False)
    best = found.recommended
    if best is not None:
        prompt = next(iter(found.prompts.values()))
        place = found.folder / best.folder
        line = f'Use lora: {place}, with a prompt such as "{prompt}".'
        console.print(Text(line), soft_wrap=True, highlight=False)
    console.print(Text(f"Written to {found.folder}.", style="dim"), soft_wrap=True)
