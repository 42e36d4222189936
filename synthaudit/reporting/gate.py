"""A verdict for people: on the terminal and as Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from synthaudit.gating.judging import Check, Verdict
from synthaudit.reporting.markdown import as_text
from synthaudit.result.worst_images import Copy, copies, obvious_fakes, repeats, uncovered

if TYPE_CHECKING:
    import pandas as pd

    from synthaudit.gating.comparing import Comparison

_SHOWN: Final = 5
_LISTED: Final = 20
_OTHER_REAL: Final = (
    "The real images are not the same: a change may be theirs, not the synthetic set's."
)
_STYLES: Final = {"pass": "green4", "fail": "bold red3", "undecided": "bold dark_orange3"}
_HEADLINES: Final = {
    "pass": "The set passes.",
    "fail": "The set is rejected.",
    "undecided": "Undecided: the data do not say on which side of a limit the set lies.",
}


def headline(verdict: Verdict) -> str:
    """The verdict in a sentence."""
    return _HEADLINES[verdict.state]


def interval_text(check: Check) -> str:
    """An interval, or a dash."""
    if check.low is None or check.high is None:
        return "-"
    return f"{check.low:.3f} to {check.high:.3f}"


def limit_text(check: Check) -> str:
    """A bound with its sign."""
    return f"{check.sign} {check.limit:g}"


def state_text(check: Check) -> str:
    """The state; failing warnings are called warnings."""
    return "warning" if check.severity == "warn" and check.state != "pass" else check.state


def print_verdict(verdict: Verdict, images: pd.DataFrame | None, console: Console) -> None:
    """Print a verdict, and the images at fault."""
    console.print(Text(headline(verdict), style=_STYLES[verdict.state]))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("what", overflow="fold")
    for name in ("limit", "value", "interval", "verdict"):
        table.add_column(name, justify="right", no_wrap=True)
    for check in verdict.checks:
        state = Text(state_text(check), style=_STYLES[check.state])
        value = f"{check.value:.4g}"
        table.add_row(Text(check.path), limit_text(check), value, interval_text(check), state)
    console.print(table)
    if not verdict.has_same_real:
        console.print(_OTHER_REAL)
    for check in verdict.checks:
        if check.state != "pass":
            console.print(Text(f"{check.path}: {check.why}."), soft_wrap=True)
            for line in worst_images_of(check, images):
                console.print(Text(f"  {line}"), soft_wrap=True, highlight=False)


def worst_images_of(check: Check, images: pd.DataFrame | None) -> list[str]:
    """The five worst images for a score that did not pass."""
    if images is None:
        return []
    score = check.path.rsplit(".", 1)[-1]
    if check.path.startswith("classes."):
        label = check.path.split('"')[1] if '"' in check.path else check.path.split(".")[1]
        images = images[images["class"] == label]
    name = _one_line
    if score == "unvaried":
        return [
            f"{repeat.size} repeats: {', '.join(map(name, repeat.paths))}"
            + (" ..." if repeat.size > len(repeat.paths) else "")
            for repeat in repeats(images, _SHOWN)
        ]
    if score == "unoriginal":
        return [
            f"{name(copy.path)} copies {name(copy.original)}{_far(copy)}"
            for copy in copies(images, _SHOWN)
        ]
    if score == "unrealistic":
        fakes = obvious_fakes(images, _SHOWN)
        return [f"{name(path)} (fake with probability {p:.3f})" for path, p in fakes]
    if score in ("unrepresentative", "coverage"):
        return [f"nothing is like the real {name(path)}" for path in uncovered(images, _SHOWN)]
    return []


def _far(copy: Copy) -> str:
    return "" if copy.distance is None else f" (distance {copy.distance:.3f})"


def _one_line(path: str) -> str:
    """A file name as one line of text, whatever it is made of."""
    return "".join(letter if letter.isprintable() else "�" for letter in str(path))


def verdict_markdown(verdict: Verdict, images: pd.DataFrame | None, *, limit: int) -> str:
    """A verdict as Markdown of at most so many bytes."""
    lines = [
        f"### synthaudit: {headline(verdict)}",
        "",
        "| what | limit | value | interval | verdict |",
        "|---|---|---|---|---|",
    ]
    for check in verdict.checks:
        cells = (check.path, limit_text(check), f"{check.value:.4g}", interval_text(check))
        lines.append("| " + " | ".join(map(as_text, (*cells, state_text(check)))) + " |")
    for check in verdict.checks:
        if check.state != "pass":
            lines += ["", f"**{as_text(check.path)}**: {check.why}."]
            lines += [f"- {as_text(line)}" for line in worst_images_of(check, images)]
    text = "\n".join(lines) + "\n"
    if len(text.encode()) <= limit:
        return text
    return text.encode()[: limit - 40].decode(errors="ignore") + "\n\n(cut: it was too long)\n"


def print_comparison(found: Comparison, console: Console) -> None:
    """Print the difference of two audits."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("score", no_wrap=True)
    for name in ("before", "after", "change", "interval", "reading"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, change in found.changes.items():
        interval = "-"
        if change.low is not None and change.high is not None:
            interval = f"{change.low:+z.3f} to {change.high:+z.3f}"
        table.add_row(
            name,
            f"{change.before:.3f}",
            f"{change.after:.3f}",
            f"{change.after - change.before:+z.3f}",
            interval,
            change.reading + (" (paired)" if change.is_paired else ""),
        )
    console.print(table)
    if not found.has_same_real:
        console.print(_OTHER_REAL)
    for title, paths in (
        ("New images", found.new),
        ("Images gone", found.gone),
        ("Newly bad images", found.newly_bad),
    ):
        console.print(Text(f"\n{title}: {len(paths):,}", style="bold"))
        for path in paths[:_LISTED]:
            console.print(Text(f"  {_one_line(path)}"), soft_wrap=True, highlight=False)
        if len(paths) > _LISTED:
            console.print(Text(f"  and {len(paths) - _LISTED:,} more", style="dim"))
