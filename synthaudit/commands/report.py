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
    more = f" and {len(written) - 2} more files" if len(written) > 2 else ""
    typer.echo(f"Rendered {written[0]}, {written[1]}{more}.")
