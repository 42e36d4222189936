"""The prompts of a plan on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.text import Text

from synthaudit.names import printable
from synthaudit.prompting.authoring import Authored, Wanted
from synthaudit.sweeping.prompting import ShownPrompt


def print_wanted(wanted: Sequence[Wanted], console: Console) -> None:
    """What would be asked for."""
    if not wanted:
        console.print("No prompts of this plan are by a language model: nobody would be asked.")
        return
    missing = sum(own.count for own in wanted)
    there = sum(len(own.there) for own in wanted)
    model = wanted[0].request.options.model
    console.print(
        Text(
            f"{missing:,} prompts would be asked of {model}, for {len(wanted):,} classes; "
            f"{there:,} are there already."
        )
    )
    for own in wanted:
        name = own.request.subject or "all"
        console.print(Text(f"  {name}: {own.count:,} to write, {len(own.there):,} there"))


def print_authored(authored: Authored, console: Console) -> None:
    """What was written, and what was dropped."""
    console.print(
        Text(
            f"{authored.made:,} prompts written in {authored.asked:,} requests; "
            f"{sum(authored.prompts.values()):,} are there."
        )
    )
    for reason, count in (+authored.dropped).most_common():
        console.print(Text(f"  {count:,} dropped: {reason}"))
    # Where nothing of what was written could be kept, more of it helps nobody.
    advice = "run it again" if authored.made else "change the model, describe or language"
    for name, count in authored.lacking.items():
        console.print(Text(f"  {name} lacks {count:,} of {authored.wanted:,}: {advice}"))


def print_prompts(prompts: Sequence[ShownPrompt], console: Console, *, show: int) -> None:
    """Some prompts of every arm."""
    arms: dict[str, dict[str | None, list[str]]] = {}
    for own in prompts:
        texts = arms.setdefault(own.arm, {}).setdefault(own.subject, [])
        if own.prompt not in texts:
            texts.append(own.prompt)
    for arm, by_subject in arms.items():
        distinct = len({text for texts in by_subject.values() for text in texts})
        console.print(Text(f"{arm}: {distinct:,} different prompts", style="bold"))
        _print_some(by_subject, console, show)


def _print_some(
    by_subject: Mapping[str | None, Sequence[str]], console: Console, show: int
) -> None:
    for texts in by_subject.values():
        for text in texts[:show]:
            console.print(Text(f"  {printable(text)}"))
