"""``synthaudit cache``: how large the vector cache is, and how to make it smaller."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from synthaudit.commands.terminal import answers_errors


@answers_errors
def cache(
    *,
    size: Annotated[
        str | None,
        typer.Option(metavar="SIZE", help="Make it no larger than this, such as 5GB."),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--cache", help="Its folder; default: the platform's.")
    ] = None,
    output_format: Annotated[Literal["table", "json"], typer.Option("--format")] = "table",
) -> None:
    """Say what the vector cache holds, or make it smaller: the oldest vectors go first.

    Nothing but time is lost by it. It is refused while an audit is running.
    """
    from synthaudit.embedding.cache import default_folder
    from synthaudit.embedding.cache_pruning import parse_size, prune, state_of

    place = folder or default_folder()
    bytes_kept = None if size is None else parse_size(size)
    state = state_of(place) if bytes_kept is None else prune(place, bytes_kept)
    if output_format == "json":
        import json

        typer.echo(json.dumps({**vars(state), "folder": str(state.folder)}, indent=1))
        return
    typer.echo(f"{state.folder}: {describe(state.size)}")
    if state.vectors is None:
        typer.echo("It is damaged or busy; an audit that finds it damaged begins another.")
    else:
        typer.echo(
            f"{state.vectors:,} vectors, {state.files:,} files known by size and time, "
            f"{state.unfinished:,} interrupted audits to continue."
        )


def describe(size: int) -> str:
    """A size for people.

    >>> describe(1_234_000), describe(5_600_000_000)
    ('1.2 MB', '5.6 GB')
    """
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"
