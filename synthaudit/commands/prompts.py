"""``synthaudit prompts``: what a plan asks for."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from synthaudit.commands.terminal import Listener, answers_errors


@answers_errors
def prompts(
    plan: Annotated[Path, typer.Argument(metavar="PLAN", help="The plan, a YAML file.")] = Path(
        "prompts.yaml"
    ),
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only count what would be asked for; ask nobody.")
    ] = False,
    show: Annotated[int, typer.Option(min=0, help="Prompts of each class that are shown.")] = 3,
    output_format: Annotated[
        Literal["table", "json"],
        typer.Option("--format", help="json prints every prompt of every arm, a line each."),
    ] = "table",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only warnings on stderr.")] = False,
) -> None:
    """Have a language model write what PLAN lacks, keep it in prompts.jsonl beside it, show all.

    A sweep uses what is kept and asks nobody. Grammars and files are shown as a sweep takes them.
    Exit code 3: the model has written fewer prompts than the plan asks for; the same command goes
    on.
    """
    from rich.console import Console

    from synthaudit.reporting.prompts import print_authored, print_prompts, print_wanted
    from synthaudit.result.writing import json_line
    from synthaudit.settings import Settings
    from synthaudit.sweeping.plan import read_plan
    from synthaudit.sweeping.prompting import author_plan, shown_prompts, wanted_of_plan

    read = read_plan(plan)
    console = Console()
    if dry_run:
        print_wanted(wanted_of_plan(read, Settings()), console)
        return
    with Listener(quiet=quiet) as listener:
        authored = author_plan(read, Settings(), listener)
    if output_format == "table":
        for own in authored:
            print_authored(own, console)
    # Without a single prompt of some class there is nothing yet that a sweep could take.
    if all(count for own in authored for count in own.prompts.values()):
        arms = shown_prompts(read, Settings())
        if output_format == "json":
            for line in arms:
                sys.stdout.write(json_line(line.to_dict()))
        else:
            print_prompts(arms, console, show=show)
    if any(own.lacking for own in authored):
        raise typer.Exit(3)
