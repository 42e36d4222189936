"""``synthaudit selftest``: can the audit see faults in images like yours?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from synthaudit.commands.options import takes_settings
from synthaudit.commands.terminal import Listener, answers_errors


@answers_errors
@takes_settings(
    *("embedder", "false_alarms", "false_discoveries", "folds", "obvious", "seed"),
    *("cache", "use_cache", "workers", "batch_size", "device", "precision", "offline"),
    "allow_private",
    "allow_protocols",
    *("max_pixels", "engine"),
)
def selftest(
    real: Annotated[
        str,
        typer.Argument(metavar="REAL", help="Real images: a folder, a manifest or .tar shards."),
    ],
    *,
    out: Annotated[
        Path | None, typer.Option(help="Write selftest.json and selftest.md into this folder.")
    ] = None,
    images: Annotated[int, typer.Option(help="Use at most so many.")] = 2000,
    output_format: Annotated[
        Literal["table", "json"], typer.Option("--format", help="json prints selftest.json.")
    ] = "table",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only warnings on stderr.")] = False,
    settings: dict[str, Any],
) -> None:
    """Plant known faults into copies of REAL, audit each, and say what is seen from what size on.

    Repeats, copies, missing kinds, blur, compression, upscaling and wrong labels. Nothing is
    written to REAL.
    """
    from rich.console import Console

    from synthaudit.reporting.selftest import print_selftest, selftest_markdown
    from synthaudit.result.writing import json_text, write_files
    from synthaudit.selftesting.running import selftest as run

    with Listener(quiet=quiet) as listener:
        found = run(real, images=images, progress=listener, **settings)
    text = json_text(found.to_dict())
    if out is not None:
        write_files(out, {"selftest.md": selftest_markdown(found), "selftest.json": text})
    if output_format == "json":
        sys.stdout.write(text)
    else:
        print_selftest(found, Console())
