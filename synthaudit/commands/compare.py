"""``synthaudit compare``: what changed between two audits?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synthaudit.commands.terminal import answers_errors


@answers_errors
def compare(
    before: Annotated[Path, typer.Argument(help="A scores.json or the folder that holds it.")],
    after: Annotated[Path, typer.Argument(help="Another one.")],
) -> None:
    """Print what changed between two audits, and which images came, went or turned bad."""
    from rich.console import Console

    from synthaudit.gating.comparing import compare as run
    from synthaudit.reporting.gate import print_comparison

    print_comparison(run(before, after), Console())
