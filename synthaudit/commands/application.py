"""The ``synthaudit`` program: its commands and nothing else."""

from __future__ import annotations

from typing import Annotated

import typer

from synthaudit.commands.demo import demo
from synthaudit.commands.doctor import doctor
from synthaudit.commands.gate import compare, gate
from synthaudit.commands.report import report
from synthaudit.commands.score import score
from synthaudit.commands.selftest import selftest
from synthaudit.commands.sweep import sweep

application = typer.Typer(
    name="synthaudit",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Is a set of generated images good enough to train on? Four scores say so.",
)
application.command()(score)
application.command()(sweep)
application.command()(gate)
application.command()(compare)
application.command()(report)
application.command()(selftest)
application.command()(demo)
application.command()(doctor)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted:
        from importlib.metadata import version

        typer.echo(f"synthaudit {version('synthaudit')}")
        raise typer.Exit


@application.callback()
def options(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Options of the program itself."""


def main() -> None:
    """Run the command line."""
    application()
