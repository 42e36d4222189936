"""``synthaudit report``: render a report again from what a run left."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synthaudit.commands.terminal import answers_errors


@answers_errors
def report(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="What synthaudit score --out wrote.")
    ],
) -> None:
    """Render report.html and report.md again, from the files in DIR alone."""
    from synthaudit.reporting.files import render_again

    render_again(folder)
    typer.echo(f"Rendered {folder / 'report.html'} and {folder / 'report.md'}.")
