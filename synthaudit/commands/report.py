"""``synthaudit report``: render a report again from what a run left."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synthaudit.commands.terminal import answers_errors


@answers_errors
def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="What score --out or sweep wrote.")],
) -> None:
    """Render the reports again, from the files in DIR alone: of an audit, or of a sweep."""
    from synthaudit.reporting.files import render_again

    written = render_again(folder)
    shown, more = [str(file) for file in written[:2]], len(written) - 2
    if more > 0:
        shown.append(f"{more} more file{'s' if more > 1 else ''}")
    first, last = ", ".join(shown[:-1]), shown[-1]
    typer.echo(f"Rendered {first} and {last}." if first else f"Rendered {last}.")
