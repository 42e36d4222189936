"""``synthaudit inspect``: what is wrong within one set of images?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from synthaudit.commands.options import takes_settings
from synthaudit.commands.terminal import Listener, answers_errors


@answers_errors
@takes_settings(
    *("embedder", "false_alarms", "false_discoveries", "duplicate_distance", "seed"),
    *("cache", "use_cache", "workers", "batch_size", "device", "precision", "offline"),
    "allow_private",
    "allow_protocols",
    *("max_pixels", "engine"),
)
def inspect(
    folder: Annotated[
        str,
        typer.Argument(
            metavar="FOLDER", help="The images: a folder, a manifest or .tar or .parquet shards."
        ),
    ],
    *,
    out: Annotated[
        Path | None, typer.Option(help="Write the page and the tables into this folder.")
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(help="Write which images to keep, and why not the others (CSV)."),
    ] = None,
    report_mb: Annotated[
        float, typer.Option(min=2.0, help="Budget of report.html in megabytes.")
    ] = 15.0,
    output_format: Annotated[
        Literal["table", "json"], typer.Option("--format", help="json prints inspection.json.")
    ] = "table",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only warnings on stderr.")] = False,
    settings: dict[str, Any],
) -> None:
    """Look for repeats, broken pictures, wrong classes and unreadable files in FOLDER alone.

    The set itself says what is usual. To judge it against real images, see synthaudit score.
    """
    from rich.console import Console

    from synthaudit.inspecting.running import inspect as run
    from synthaudit.reporting.inspection import print_inspection, write_inspection
    from synthaudit.result.writing import (
        json_text,
        refuse_outputs,
        write_table,
    )

    refuse_outputs(out, keep, own="inspection.json")
    with Listener(quiet=quiet) as listener:
        found = run(folder, progress=listener, **settings)
        if out is not None:
            listener.start("writing the report", 0)
            write_inspection(found, out, megabytes=report_mb)
    if keep is not None:
        write_table(found.kept, keep)
    if output_format == "json":
        sys.stdout.write(json_text(found.to_dict()))
    else:
        print_inspection(found, Console(), written=out)
