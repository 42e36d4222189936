"""``synthaudit selftest``: can the audit see faults in images like yours?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from synthaudit.commands.terminal import Listener, answers_errors


@answers_errors
def selftest(
    real: Annotated[
        str,
        typer.Argument(metavar="REAL", help="Real images: a folder, a manifest or .tar shards."),
    ],
    *,
    out: Annotated[
        Path | None, typer.Option(help="Write selftest.json and selftest.md into this folder.")
    ] = None,
    embedder: Annotated[str, typer.Option(help="As for score.")] = "auto",
    images: Annotated[int, typer.Option(help="Use at most so many.")] = 2000,
    false_alarms: Annotated[float, typer.Option(help="As for score.")] = 0.005,
    seed: Annotated[int, typer.Option(help="Same seed, same numbers.")] = 0,
    cache: Annotated[Path | None, typer.Option(help="Folder of the vector cache.")] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Remember no vectors.")] = False,
    workers: Annotated[int | None, typer.Option(help="Decoding processes.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    offline: Annotated[bool, typer.Option("--offline", help="Never ask a model hub.")] = False,
    output_format: Annotated[
        Literal["table", "json"], typer.Option("--format", help="json prints selftest.json.")
    ] = "table",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no notes.")] = False,
) -> None:
    """Plant known faults into copies of REAL, audit each, and say what is seen from what size on.

    Repeats, copies, missing kinds, blur, compression, upscaling and wrong labels. Nothing is
    written to REAL.
    """
    from rich.console import Console

    from synthaudit.reporting.selftest import print_selftest, selftest_markdown
    from synthaudit.result.writing import json_text, write_files
    from synthaudit.selftesting.running import selftest as run

    settings: dict[str, Any] = {
        "embedder": embedder,
        "false_alarms": false_alarms,
        "seed": seed,
        "cache": cache,
        "use_cache": not no_cache,
        "workers": workers,
        "device": device,
        "local_files_only": offline,
    }
    with Listener(quiet=quiet) as listener:
        found = run(real, images=images, progress=listener, **settings)
    text = json_text(found.to_dict())
    if out is not None:
        write_files(out, {"selftest.md": selftest_markdown(found), "selftest.json": text})
    if output_format == "json":
        sys.stdout.write(text)
    else:
        print_selftest(found, Console())
