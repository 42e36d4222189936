"""What was found in a set of images, on the terminal."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from synthaudit.labelling.result import SHEET_FILE, UNUSABLE_FILE, Masks

_SHOWN: Final = 5


def print_masks(found: Masks, out: Path, console: Console) -> None:
    """Print it for a person."""
    count, usable = len(found.images), len(found.usable)
    what = found.options.get("find") or "an object"
    line = f"{what}: of use in {usable:,} of {count:,} images"
    console.print(Text(line, style="bold"), soft_wrap=True)
    by_class = Counter(own.label for own in found.images)
    if len(by_class) > 1:
        good = Counter(own.label for own in found.usable)
        for name, total in sorted(by_class.items(), key=lambda own: good[own[0]] / own[1])[:_SHOWN]:
            console.print(Text(f"  {name}: {good[name]:,} of {total:,}"), highlight=False)
        if len(by_class) > _SHOWN:
            console.print(Text("  (the classes with most losses)", style="dim"))
    unusable = [own for own in found.images if own.why is not None]
    for own in unusable[:_SHOWN]:
        console.print(Text(f"  {own.path}: {own.why}"), soft_wrap=True, highlight=False)
    if len(unusable) > _SHOWN:
        rest = f"  and {len(unusable) - _SHOWN:,} more, see {UNUSABLE_FILE}"
        console.print(Text(rest), soft_wrap=True, highlight=False)
    end = f"Written to {out}. Look at {out / SHEET_FILE} before you use the masks."
    console.print(Text(end, style="dim"), soft_wrap=True)
