"""``synthaudit score``: audit a synthetic set against a real one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from synthaudit.commands.gate import beforehand, finish
from synthaudit.commands.options import takes_settings
from synthaudit.commands.terminal import Listener, answers_errors

if TYPE_CHECKING:
    from synthaudit.result.audit import Audit

_SOURCE = (
    "a folder, a .csv/.jsonl/.parquet manifest, .tar or .parquet shards (or a quoted glob), or "
    "vectors; by path or URL"
)


@answers_errors
@takes_settings()
def score(
    real: Annotated[str, typer.Argument(metavar="REAL", help=f"The real images: {_SOURCE}.")],
    synthetic: Annotated[
        str, typer.Argument(metavar="SYNTHETIC", help="The synthetic images, likewise.")
    ],
    *,
    out: Annotated[
        str | None, typer.Option(help="Write all result files into this folder, or to this URL.")
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(help="Write which synthetic images to keep, and why not the others (CSV)."),
    ] = None,
    decisions: Annotated[
        Path | None,
        typer.Option(
            help="Leave out what a person dropped, count as right what they kept: CSV of --keep "
            "or of a report."
        ),
    ] = None,
    report_mb: Annotated[
        float, typer.Option(min=2.0, help="Budget of report.html in megabytes.")
    ] = 15.0,
    gate: Annotated[
        Path | None,
        typer.Option(help="Judge the result by this policy; exit codes as of synthaudit gate."),
    ] = None,
    track: Annotated[
        list[str] | None,
        typer.Option(help="Log the numbers to mlflow, wandb, comet or tensorboard; repeatable."),
    ] = None,
    details: Annotated[
        bool, typer.Option("--details", help="Print also what is behind the scores.")
    ] = False,
    output_format: Annotated[
        Literal["table", "json"], typer.Option("--format", help="json prints scores.json.")
    ] = "table",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only warnings on stderr.")] = False,
    settings: dict[str, Any],
) -> None:
    """Audit SYNTHETIC against REAL: four scores in [0, 1], higher is worse.

    unrealistic: fakes stand out. unrepresentative: real variety is missed. unvaried: it repeats
    itself. unoriginal: it copies the real data.
    """
    # A policy that is wrong should be told before the work, not after it.
    policy = None if gate is None else beforehand(gate)
    trackers = [check_tracker(name) for name in track or []]
    from synthaudit.result.destination import destination

    with destination(out) as folder:
        audit = audit_and_print(
            real,
            synthetic,
            {**settings, "keep": keep is not None},
            keep=keep,
            decisions=decisions,
            out=folder,
            called=out,
            as_json=output_format == "json",
            details=details,
            quiet=quiet,
            report_mb=report_mb,
        )
    if trackers:
        from synthaudit.reporting.tracking import track as log_to

        for tracker in trackers:
            log_to(audit, tracker)
    if policy is not None:
        finish(audit, policy, err=output_format == "json")


def check_tracker(name: str) -> str:
    """The name of a tracker, if it is one."""
    from synthaudit.errors import UsageError
    from synthaudit.registry import nearest_name
    from synthaudit.reporting.tracking import TRACKERS, refuse_without_library

    if name not in TRACKERS:
        raise UsageError(f"--track knows no {name!r}; {nearest_name(name, TRACKERS)}")
    refuse_without_library(name)
    return name


def audit_and_print(
    real: str,
    synthetic: str,
    settings: dict[str, Any],
    *,
    out: Path | None,
    as_json: bool,
    quiet: bool,
    details: bool = False,
    keep: Path | None = None,
    decisions: Path | None = None,
    report_mb: float = 15.0,
    called: str | None = None,
) -> Audit:
    """Score, write and print: what ``score`` and ``demo`` have in common.

    ``called`` is what the user called ``out``.
    """
    from rich.console import Console

    from synthaudit.auditing.scoring import score as run
    from synthaudit.images.places import is_url
    from synthaudit.reporting.console import print_audit
    from synthaudit.reporting.files import write_all
    from synthaudit.result.writing import (
        json_text,
        refuse_outputs,
        write_table,
    )

    refuse_outputs(out, keep, own="scores.json")
    with Listener(quiet=quiet) as listener:
        audit = run(real, synthetic, progress=listener, decisions=decisions, **settings)
        if out is not None:
            listener.start("writing the report", 0)
            write_all(audit, out, megabytes=report_mb, stays=called is None or not is_url(called))
    if keep is not None and audit.kept is not None:
        write_table(audit.kept, keep)
    if as_json:
        sys.stdout.write(json_text(audit.to_dict()))
    else:
        print_audit(audit, Console(), written=called or out, details=details)
    return audit
