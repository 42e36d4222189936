"""Trained networks for people: on the terminal, and as Markdown."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from synthaudit.training.result import ArmResult, Training

_COLUMNS: Final = ("learnt from", "real", "synthetic", "accuracy", "interval", "gain", "interval")


def print_training(found: Training, console: Console) -> None:
    """Print a training for a person."""
    console.print(Text(verdict_on(found), style="bold"), soft_wrap=True)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for number, name in enumerate(_COLUMNS):
        table.add_column(name, justify="right" if number else "left", no_wrap=True)
    for arm in found.arms:
        table.add_row(*_cells(arm))
    console.print(table)
    if lines := _classes(found):
        console.print(Text("\nClasses that gain and lose most", style="bold"))
        for line in lines:
            console.print(Text(f"  {line}"), highlight=False)
    for note in found.notes:
        console.print(Text(f"note: {note}"), soft_wrap=True, highlight=False)
    console.print(Text(f"\n{_footing(found)}", style="dim"), soft_wrap=True, highlight=False)


def training_markdown(found: Training) -> str:
    """The same as Markdown."""
    names = [arm.name for arm in found.arms]
    lines = [
        "# What networks learn from these images",
        "",
        verdict_on(found),
        "",
        f"| {' | '.join(_COLUMNS)} |",
        "|---" * len(_COLUMNS) + "|",
        *(f"| {' | '.join(_cells(arm))} |" for arm in found.arms),
        "",
        f"| class | {' | '.join(names)} |",
        "|---" * (len(names) + 1) + "|",
        *(
            f"| {_plain(name)} | {' | '.join(f'{arm.classes[name]:.3f}' for arm in found.arms)} |"
            for name in found.classes
        ),
        "",
        *(f"- {note}" for note in found.notes),
        "",
        _footing(found),
    ]
    return "\n".join(lines) + "\n"


def verdict_on(found: Training) -> str:
    """What the synthetic images are worth, in a sentence."""
    arm = _most_real(found)
    gain = arm.gain
    assert gain is not None
    meaning = "change accuracy by no more than noise"
    figures = f"{gain.value:+.3f} ({gain.low:+.3f} to {gain.high:+.3f})"
    if len(arm.seeds) == 1:
        change = f"change the accuracy of one network by {figures}"
        return f"Besides {arm.real:,} real images the synthetic ones {change}; others may differ."
    if gain.low > 0.0 or gain.high < 0.0:
        meaning = "add accuracy" if gain.low > 0.0 else "cost accuracy"
    return f"Besides {arm.real:,} real images the synthetic ones {meaning}: {figures}."


def _most_real(found: Training) -> ArmResult:
    return max((own for own in found.arms if own.gain is not None), key=lambda own: own.real)


def _cells(arm: ArmResult) -> list[str]:
    own, gain = arm.accuracy, arm.gain
    return [
        arm.name,
        f"{arm.real:,}",
        f"{arm.synthetic:,}",
        f"{own.value:.3f}",
        f"{own.low:.3f}-{own.high:.3f}",
        "" if gain is None else f"{gain.value:+.3f}",
        "" if gain is None else f"{gain.low:+.3f} to {gain.high:+.3f}",
    ]


def _classes(found: Training) -> list[str]:
    both = _most_real(found)
    alone = found.arm(both.name.replace("both", "real", 1))
    change = {name: both.classes[name] - alone.classes[name] for name in found.classes}
    order = [name for name in sorted(change, key=lambda own: -change[own]) if change[name]]
    shown = order if len(order) <= 6 else [*order[:3], *order[-3:]]
    return [
        f"{name:22}{alone.classes[name]:.3f} -> {both.classes[name]:.3f}  {change[name]:+.3f}"
        for name in shown
    ]


def _footing(found: Training) -> str:
    recipe = found.recipe
    seeds = f"{recipe['seeds']} seeds" if recipe["seeds"] > 1 else "1 seed"
    start = "from scratch" if recipe["weights"] is None else f"from {recipe['weights']} weights"
    return (
        f"{recipe['model']} {start}, {recipe['image_size']} pixels, {recipe['steps']:,} steps of "
        f"{recipe['batch_size']}, {seeds}, on {recipe['device']}; accuracy is "
        f"balanced over {len(found.classes)} classes of {found.counts['test']:,} test images, "
        f"chance {found.chance:.3f}."
    )


def _plain(name: str) -> str:
    return name.replace("|", "/").replace("\n", " ")
