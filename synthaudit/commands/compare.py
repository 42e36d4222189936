"""``synthaudit compare``: what changed between two audits?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from synthaudit.commands.terminal import answers_errors


@answers_errors
def compare(
    before: Annotated[
        Path, typer.Argument(metavar="BEFORE", help="A scores.json or the folder that holds it.")
    ],
    after: Annotated[Path, typer.Argument(metavar="AFTER", help="Another one.")],
    *,
    out: Annotated[
        Path | None, typer.Option(help="Write a page and the numbers into this folder.")
    ] = None,
    output_format: Annotated[
        Literal["table", "json"], typer.Option("--format", help="json prints all of it as JSON.")
    ] = "table",
) -> None:
    """Print what changed between two audits, and which images came, went or turned bad."""
    from rich.console import Console

    from synthaudit.gating.comparing import compare as run
    from synthaudit.reporting.gate import print_comparison
    from synthaudit.result.writing import json_text

    found = run(before, after)
    if out is not None:
        from synthaudit.reporting.files import write_comparison

        write_comparison(found, before, after, out)
    if output_format == "json":
        sys.stdout.write(json_text(found.to_dict()))
    else:
        print_comparison(found, Console())
        if out is not None:
            typer.echo(f"Written to {out}: comparison.html, comparison.json")
