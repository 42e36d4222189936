"""A sweep on the terminal: the arms, what the axis values change, and what to use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from synthaudit.measures.comparison.evidence import MEASURES
from synthaudit.measures.comparison.teaching import USELESS
from synthaudit.names import write_name
from synthaudit.reporting.interpretation import lead_of_sweep
from synthaudit.result.findings_on_prompts import word_text
from synthaudit.sweeping.comparison import Effect
from synthaudit.sweeping.cost import ArmState, CostEstimate
from synthaudit.sweeping.result import Sweep

_ARMS = 30
_EFFECTS = 20
_TRIED = 8


def print_sweep(found: Sweep, console: Console, *, written: Path) -> None:
    """Print a finished sweep for a person."""
    counts = found.counts
    head = f"{len(found.arms)} arms, {counts['images_per_arm']:,} images each"
    first = "most useful" if found.goal == "useful" else f"lowest {found.goal}"
    head += f" against {counts['real']:,} real ones; the {first} first"
    console.print(Text(head, style="bold"), soft_wrap=True)
    console.print(_arms_table(found))
    if found.effects:
        console.print(Text("\nWhat the axis values change (against the first of each)", "bold"))
        console.print(_effects_table([*found.effects, *found.interactions]))
    _print_search(found, console)
    _print_words(found, console)
    _print_costs(found, console)
    for note in found.notes:
        console.print(Text(f"Note: {note}", style="dark_orange3"), soft_wrap=True)
    _print_recommendation(found, console)
    if len(found.best_by_subject) > 1:
        console.print(Text("\nMost real by subject (few images each: a hint)", style="bold"))
        for subject, arm in list(found.best_by_subject.items())[:_ARMS]:
            console.print(Text(f"  {subject:20} {arm}"), soft_wrap=True)
    files = (
        "report.html, sweep.json, arms.parquet, contact-sheet.jpg, winner.yaml, winner.txt, arms/"
    )
    console.print(Text(f"\nWritten to {write_name(str(written))}: {files}"), soft_wrap=True)


def _arms_table(found: Sweep) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("arm", overflow="ellipsis", no_wrap=True, max_width=34)
    names = [name for name in ("overall", *MEASURES, USELESS) if name in _measured(found)]
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    for arm in found.arms[:_ARMS]:
        marks = " *" if arm.arm == found.recommended.arm else ""
        figures = [arm.measures.get(name) for name in names]
        cells = ["-" if figure is None else f"{figure:.3f}" for figure in figures]
        style = "dim" if arm.dropped_at is not None else ""
        table.add_row(Text(f"{arm.arm}{marks}"), *cells, style=style)
    return table


def _measured(found: Sweep) -> set[str]:
    """What was measured of some arm; arms that the race dropped may have nothing."""
    return {name for arm in found.arms for name in arm.measures} or {"overall", *MEASURES}


def _effects_table(effects: list[Effect]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("axis", "value"):
        table.add_column(name, overflow="ellipsis", no_wrap=True, max_width=26)
    for name in ("measure", "difference", "interval", "adjusted p"):
        table.add_column(name, justify="right", no_wrap=True)
    order = sorted(effects, key=lambda effect: (effect.adjusted, -abs(effect.difference)))
    for effect in order[:_EFFECTS]:
        style = "" if effect.adjusted <= 0.05 else "dim"
        table.add_row(
            Text(effect.axis),
            Text(effect.value or "(empty)"),
            effect.measure,
            f"{effect.difference:+z.3f}",
            f"{effect.low:+z.3f} to {effect.high:+z.3f}",
            f"{effect.adjusted:.2g}",
            style=style,
        )
    return table


def _print_search(found: Sweep, console: Console) -> None:
    """The best of the arms that a search has tried, by the images that chose them."""
    if found.search is None:
        return
    own = found.search
    head = f"\nThe search: {own.tried:,} arms tried on {own.images:,} images, the best of them"
    console.print(Text(head, style="bold"), soft_wrap=True)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in own.arms[0].axes:
        table.add_column(name, overflow="ellipsis", no_wrap=True, max_width=40)
    for name in (found.goal, "smoothed", "images", "round"):
        table.add_column(name, justify="right", no_wrap=True)
    for arm in sorted(own.arms, key=lambda arm: arm.smoothed)[:_TRIED]:
        cells = [Text(value or "(empty)") for value in arm.axes.values()]
        figures = (f"{arm.value:.3f}", f"{arm.smoothed:.3f}", str(arm.images), str(arm.round))
        table.add_row(*cells, *figures)
    console.print(table)


def _print_words(found: Sweep, console: Console) -> None:
    """The words and settings that go with faults."""
    if found.words:
        console.print(Text("\nWords and settings that go with faults", style="bold"))
    for effect in found.words[:_EFFECTS]:
        console.print(Text(f"  {word_text(asdict(effect))}"), soft_wrap=True)


def _print_costs(found: Sweep, console: Console) -> None:
    """What the images took and cost, all arms together."""
    parts = [f"{sum(arm.seconds for arm in found.arms):,.0f} s"]
    times = [arm.seconds_per_image for arm in found.arms if arm.seconds_per_image is not None]
    if times:
        parts.append(f"{min(times):.3g} to {max(times):.3g} s an image by arm")
    peaks = [arm.peak_memory for arm in found.arms if arm.peak_memory]
    if peaks:
        parts.append(f"{max(peaks) / 1e9:,.1f} GB of memory at most")
    money = [arm.money for arm in found.arms if arm.money is not None]
    if money:
        parts.append(f"{sum(money):,.2f} of money")
    if times or money:
        console.print(Text(f"\nMaking the images took {', '.join(parts)}."), soft_wrap=True)


def _print_recommendation(found: Sweep, console: Console) -> None:
    best = found.recommended
    arms = [asdict(arm) for arm in found.arms]
    lead = lead_of_sweep(best.arm, arms, is_beyond_noise=best.is_beyond_noise)
    console.print(Text(f"\n{lead}", style="bold"), soft_wrap=True)
    for prompt in [prompt for prompt in best.prompts if prompt][:3]:
        console.print(Text(f"  {prompt}", style="green4"), soft_wrap=True)
    for reason in best.reasons:
        console.print(Text(f"  {reason}"), soft_wrap=True)


def print_estimate(found: CostEstimate, console: Console, *, plan_images: int) -> None:
    """Print what a sweep would cost."""
    console.print(
        Text(f"{len(found.arms)} arms x {plan_images:,} images; {found.missing:,} to make", "bold")
    )
    print_state(found.arms, console)
    if found.seconds is not None and found.bytes_needed is not None:
        console.print(
            f"About {duration(found.seconds)} by one image made just now; "
            f"{found.bytes_needed / 1e6:,.0f} MB, of {found.bytes_free / 1e9:,.1f} GB free."
        )
        if found.bytes_needed > found.bytes_free:
            console.print(Text("There is not enough room on the disk.", style="bold red3"))
    if found.memory:
        console.print(f"Making one took {found.memory / 1e9:,.1f} GB of memory at most.")
    if found.money is not None:
        spent = f", beside {found.spent:,.2f} spent already" if found.spent else ""
        console.print(f"The images cost {found.money:,.2f} at the plan's price{spent}.")
    if not found.is_paired:
        text = "The generator takes no seeds: arms are compared as independent samples."
        console.print(Text(text, style="dark_orange3"), soft_wrap=True)
    for prompt, count in found.cut:
        text = f"Cut: the model would not see the last {count} tokens of {prompt!r}."
        console.print(Text(text, style="dark_orange3"), soft_wrap=True)


def print_state(arms: Sequence[ArmState], console: Console) -> None:
    """Print how far every arm is."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("arm", overflow="ellipsis", no_wrap=True, max_width=40)
    table.add_column("done", justify="right", no_wrap=True)
    table.add_column("first prompt", overflow="ellipsis", no_wrap=True)
    for arm in arms:
        table.add_row(Text(arm.arm), f"{arm.done:,}/{arm.wanted:,}", Text(arm.prompt))
    console.print(table)


def duration(seconds: float) -> str:
    """Seconds in words."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
