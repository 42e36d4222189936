"""``synthaudit view``: look at all images of an audit, and decide on them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synthaudit.commands.terminal import answers_errors


@answers_errors
def view(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="What score --out wrote.")],
    *,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port on this machine; 0 takes a free one.")
    ] = 0,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")
    ] = True,
) -> None:
    """Show the report in DIR with all its images at full size, on this machine alone.

    Decisions are saved to DIR/decisions.csv, which score --decisions takes. Ctrl-C ends it.
    """
    import webbrowser

    from synthaudit.reporting.serving import serve

    def ready(address: str) -> None:
        typer.echo(f"{address}\nCtrl-C ends it.")
        if browser:
            webbrowser.open(address)

    try:
        serve(folder, port=port, ready=ready)
    except KeyboardInterrupt:
        typer.echo(f"Ended; decisions are in {folder / 'decisions.csv'}.")
