"""``synthaudit build``: make the set that passes."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from synthaudit.commands.options import takes_settings
from synthaudit.commands.terminal import Listener, answers_errors


@answers_errors
@takes_settings(without=("seed", "harmonise", "definition"))
def build(
    plan: Annotated[
        Path, typer.Argument(metavar="PLAN", help="The plan of a sweep, with build in it.")
    ],
    *,
    out: Annotated[
        Path | None, typer.Option(metavar="SET", help="Folder of the set; default: PLAN-set.")
    ] = None,
    sweep: Annotated[
        Path | None,
        typer.Option("--from", metavar="SWEEP", help="Take what this sweep recommends."),
    ] = None,
    add_to: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Fill up these synthetic images; none is changed."),
    ] = None,
    decisions: Annotated[
        Path | None,
        typer.Option(help="A person's decisions on images; default: decisions.csv in SET."),
    ] = None,
    export: Annotated[
        Literal["webdataset", "parquet"] | None,
        typer.Option(help="Write shards beside SET as well."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be made, and what it costs.")
    ] = False,
    calibrate: Annotated[
        bool, typer.Option(help="Let --dry-run make two images to learn how long one takes.")
    ] = True,
    status: Annotated[bool, typer.Option("--status", help="Only say how far it is.")] = False,
    report_mb: Annotated[
        float, typer.Option(min=2.0, help="Budget of report.html in megabytes.")
    ] = 15.0,
    output_format: Annotated[
        Literal["table", "json"],
        typer.Option("--format", help="json prints build.json, or what else is asked."),
    ] = "table",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only warnings on stderr.")] = False,
    settings: dict[str, Any],
) -> None:
    """Make images by PLAN, drop the bad ones, aim at what is missing, until the gate says yes.

    Half of the real images steers, the other half judges. The same command goes on after an
    interruption. Exit codes: 0 the set passes, 1 it is complete but rejected or no longer gets
    better, 2 unusable, 3 the budget is spent.
    """
    from rich.console import Console

    from synthaudit.building.exporting import export as write_shards
    from synthaudit.building.preparation import read_ground
    from synthaudit.building.running import build as run
    from synthaudit.building.state import estimate_build, state_of_build
    from synthaudit.reporting.build import print_build, print_build_estimate, print_build_state
    from synthaudit.reporting.files import write_report
    from synthaudit.result.writing import json_text
    from synthaudit.settings import make_settings

    folder = out or Path(f"{plan.stem}-set")
    console = Console()
    as_json = output_format == "json"
    if status:
        state = state_of_build(folder)
        if as_json:
            sys.stdout.write(json_text(asdict(state)))
        else:
            print_build_state(state, console)
        return
    with Listener(quiet=quiet) as listener:
        if dry_run:
            ground = read_ground(plan, folder, decisions, make_settings(settings))
            cost = estimate_build(
                ground, is_swept=sweep is not None, calibrate=calibrate, add_to=add_to
            )
            if as_json:
                sys.stdout.write(json_text(asdict(cost)))
            else:
                print_build_estimate(cost, ground.plan, console)
            return
        found = run(
            plan,
            out=folder,
            sweep=sweep,
            add_to=add_to,
            decisions=decisions,
            progress=listener,
            **settings,
        )
        if found.audit is not None:
            write_report(found.audit, folder, megabytes=report_mb)
        shards = None if export is None else write_shards(folder, export)
    if as_json:
        sys.stdout.write(json_text(found.to_dict()))
    else:
        print_build(found, console, shards=shards)
    if found.exit_code:
        raise typer.Exit(found.exit_code)
