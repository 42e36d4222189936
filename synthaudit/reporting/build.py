"""A build on the terminal: what came of it, what it would cost, how far it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from synthaudit.building.ledger import Round
from synthaudit.building.result import Build
from synthaudit.building.state import BuildEstimate, BuildState
from synthaudit.names import write_name
from synthaudit.reporting.sweep import duration
from synthaudit.sweeping.plan import Plan

_CLASSES: Final = 40
_WIDTH: Final = 24
_LEADS: Final = {
    "passes": ("The set passes.", "bold green4"),
    "rejected": ("The set is complete, but rejected.", "bold red3"),
    "incomplete": ("The set is not complete.", "bold red3"),
    "spent": ("The budget was spent before the set passed.", "bold dark_orange3"),
}


def print_build(found: Build, console: Console, *, shards: Path | None) -> None:
    """Print a build that has ended."""
    counts = found.counts
    given = f", {counts['given']:,} given" if counts["given"] else ""
    spare = f", {counts['spare']:,} more than is needed" if counts["spare"] else ""
    head = f"{counts['kept']:,} images in the set; {counts['made']:,} made{given}{spare}"
    console.print(Text(head, style="bold"), soft_wrap=True)
    _print_quota(found.quota, console)
    _print_rounds(found.rounds, console)
    if found.dropped:
        console.print(Text("\nDropped", style="bold"))
    for reason, count in found.dropped.items():
        console.print(Text(f"  {count:6,}  {write_name(reason)}"), soft_wrap=True)
    _print_scores(found, console)
    lead, style = _LEADS[found.outcome.state]
    console.print(Text(f"\n{lead}", style=style), soft_wrap=True)
    for why in found.outcome.why:
        console.print(Text(f"  {write_name(why)}"), soft_wrap=True)
    console.print(
        Text(
            f"\nWritten to {write_name(str(found.folder))}: images/, metadata.jsonl, README.md, "
            "dropped.csv, croissant.json, build.json"
            + (", scores.json, report.html" if found.audit is not None else "")
        ),
        soft_wrap=True,
    )
    if shards is not None:
        console.print(Text(f"Shards: {write_name(str(shards))}"), soft_wrap=True)


def _print_scores(found: Build, console: Console) -> None:
    if not found.scores:
        return
    console.print(
        Text(
            f"\nBy the {found.counts['real_judging']:,} real images that had no part in making it"
            + (f", but for this: {'; '.join(found.leaks)}" if found.leaks else ""),
            style="bold",
        ),
        soft_wrap=True,
    )
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("score", "value", "interval", "by the half that steered"):
        table.add_column(name, justify="left" if name == "score" else "right", no_wrap=True)
    for name, own in found.scores.items():
        ends = "-" if own["low"] is None else f"{own['low']:.3f}-{own['high']:.3f}"
        steering = found.steering_scores.get(name)
        other = "-" if steering is None else f"{steering:.3f}"
        table.add_row(name, f"{own['value']:.3f}", ends, other)
    console.print(table)


def _print_quota(quota: Mapping[str, Sequence[int]], console: Console) -> None:
    """A bar a class, of how many images it has of those it should have."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("class", overflow="ellipsis", no_wrap=True, max_width=30)
    table.add_column("images", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for name, (there, wanted) in list(quota.items())[:_CLASSES]:
        full = round(_WIDTH * min(there / max(wanted, 1), 1.0))
        bar = Text("█" * full, style="green4" if there >= wanted else "dark_orange3")
        bar.append("·" * (_WIDTH - full), style="dim")
        table.add_row(Text(name or "all"), f"{there:,}/{wanted:,}", bar)
    console.print(table)
    if len(quota) > _CLASSES:
        console.print(Text(f"and {len(quota) - _CLASSES:,} classes more", style="dim"))


def _print_rounds(rounds: Sequence[Round], console: Console) -> None:
    if not rounds:
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in ("round", "made", "dropped", "in the set", "real ones missed", "took"):
        table.add_column(name, justify="right", no_wrap=True)
    for own in rounds:
        missed = "-" if own.uncovered is None else f"{100 * own.uncovered:.0f} %"
        table.add_row(
            str(own.round),
            f"{own.made:,}",
            f"{sum(own.dropped.values()):,}",
            f"{own.kept:,}",
            missed,
            duration(own.seconds),
        )
    console.print()
    console.print(table)


def print_build_state(found: BuildState, console: Console) -> None:
    """Print how far a build is."""
    money = f", {found.money:,.2f} of money" if found.money else ""
    head = (
        f"{len(found.rounds):,} round{'s' if len(found.rounds) != 1 else ''}, "
        f"{found.made:,} images made in "
        f"{duration(found.seconds)}{money}"
    )
    console.print(Text(head, style="bold"), soft_wrap=True)
    if found.quota:
        _print_quota(found.quota, console)
    _print_rounds(found.rounds, console)


def print_build_estimate(found: BuildEstimate, plan: Plan, console: Console) -> None:
    """Print what a build would make at least."""
    assert plan.build is not None
    head = f"{found.lacking:,} images are lacking; {plan.build.rounds} rounds at most"
    console.print(Text(head, style="bold"), soft_wrap=True)
    _print_quota(found.quota, console)
    parts = []
    if found.seconds is not None:
        parts.append(f"about {duration(found.seconds)}, by one image made just now")
    if found.money is not None:
        parts.append(f"{found.money:,.2f} of money, at the plan's price")
    if parts:
        console.print(Text(f"If nothing were dropped: {' and '.join(parts)}."), soft_wrap=True)
    if found.given:
        text = f"{found.given:,} images of --add-to count here as if all of them were good."
        console.print(Text(text), soft_wrap=True)
    if found.sweep is not None:
        console.print(
            Text(
                f"Before that a sweep of {found.arms:,} arms makes {found.sweep.missing:,} images; "
                "--from takes one that is done."
            ),
            soft_wrap=True,
        )
    policy = plan.build.policy or "the audit's own verdict"
    console.print(
        Text(f"Half of the real images steers, the other half judges, by {policy}."),
        soft_wrap=True,
    )
