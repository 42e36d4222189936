"""``synthaudit sweep``: which prompt should be used?"""

from __future__ import annotations

import sys
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from synthaudit.commands.gate import beforehand, judge_contents, tell
from synthaudit.commands.options import takes_settings
from synthaudit.commands.terminal import Listener, answers_errors

if TYPE_CHECKING:
    from rich.console import Console

    from synthaudit.sweeping.preparation import Prepared
    from synthaudit.sweeping.result import Sweep

# There may be many arms, and few look at the pages of all of them.
_ARM_MEGABYTES = 5.0


@answers_errors
@takes_settings(without=("seed", "harmonise", "definition", "obvious", "copy_embedder"))
def sweep(
    plan: Annotated[Path, typer.Argument(metavar="PLAN", help="The plan, a YAML file.")] = Path(
        "prompts.yaml"
    ),
    *,
    out: Annotated[
        Path | None, typer.Option(help="Folder of images and results; default: PLAN-sweep.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on; refuse when there is nothing to go on from.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be made, and what it costs.")
    ] = False,
    calibrate: Annotated[
        bool, typer.Option(help="Let --dry-run make two images to learn how long one takes.")
    ] = True,
    example: Annotated[
        bool, typer.Option("--example", help="Print an example plan, to be changed and kept.")
    ] = False,
    status: Annotated[bool, typer.Option("--status", help="Only say what is done.")] = False,
    shard: Annotated[
        str, typer.Option(help="I/N: make only this part; run the others elsewhere on one folder.")
    ] = "1/1",
    gate: Annotated[
        Path | None, typer.Option(help="Judge the winner's audit by this policy.")
    ] = None,
    report_mb: Annotated[
        float, typer.Option(min=2.0, help="Budget of report.html in megabytes.")
    ] = 15.0,
    output_format: Annotated[
        Literal["table", "json"], typer.Option("--format", help="json prints sweep.json.")
    ] = "table",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only warnings on stderr.")] = False,
    settings: dict[str, Any],
) -> None:
    """Generate the arms of PLAN, audit each at equal size, and say which words help.

    What exists is used again: after an interruption or with a wider plan only what is missing is
    made. Exit code 3: a budget ran out or shards are missing; what is known was reported.
    """
    from rich.console import Console

    from synthaudit.reporting.files import write_report, write_sweep_report
    from synthaudit.result.reading import read_scores
    from synthaudit.settings import make_settings
    from synthaudit.sweeping.cost import has_begun
    from synthaudit.sweeping.plan import read_plan
    from synthaudit.sweeping.preparation import default_out, prepare
    from synthaudit.sweeping.running import sweep as run

    if example:
        sys.stdout.write(files("synthaudit.sweeping").joinpath("snacks.yaml").read_text("utf-8"))
        return
    folder = out or default_out(plan)
    read = read_plan(plan)
    policy = None if gate is None else beforehand(gate)
    part = _shard(shard)
    if resume or status:
        _refuse_nothing(folder, "--resume" if resume else "--status")
    console = Console()
    with Listener(quiet=quiet) as listener:
        if status or dry_run:
            asked = status or calibrate or has_begun(folder)
            prepared = prepare(read, make_settings(settings), asks_generator=asked)
            _tell_beforehand(prepared, folder, console, dry_run=not status, calibrate=calibrate)
            return
        write_arm = partial(write_report, megabytes=min(report_mb, _ARM_MEGABYTES))
        found = run(read, out=folder, shard=part, progress=listener, audited=write_arm, **settings)
        write_sweep_report(found, folder, megabytes=report_mb)
    _tell(found, folder, console, as_json=output_format == "json")
    if policy is not None:
        contents, file = read_scores(folder / "arms" / found.recommended.arm)
        verdict, images = judge_contents(contents, file.parent, policy, None)
        tell(verdict, images)
        if verdict.exit_code:
            raise typer.Exit(verdict.exit_code)
    if not found.is_complete:
        raise typer.Exit(3)


def _refuse_nothing(folder: Path, option: str) -> None:
    """Refuse to go on, or to tell, where nothing has begun."""
    from synthaudit.errors import UsageError
    from synthaudit.sweeping.cost import has_begun

    if not has_begun(folder):
        what = "resume" if option == "--resume" else "tell"
        raise UsageError(
            f"there is no sweep in {folder} yet and nothing to {what}: give the --out of one that "
            f"has begun, or drop {option}."
        )


def _tell_beforehand(
    prepared: Prepared, folder: Path, console: Console, *, dry_run: bool, calibrate: bool
) -> None:
    """Print what a sweep would make and cost, or only how far it is."""
    from synthaudit.reporting.sweep import print_estimate, print_state
    from synthaudit.sweeping.cost import estimate, state_of
    from synthaudit.sweeping.reading import has_other_plan

    if not dry_run:
        print_state(state_of(prepared, folder), console)
        if has_other_plan(folder, prepared.plan):
            console.print("The plan has changed since the results there were written.")
        return
    cost = estimate(prepared, folder, calibrate=calibrate)
    print_estimate(cost, console, plan_images=prepared.plan.images_per_arm)


def _tell(found: Sweep, folder: Path, console: Console, *, as_json: bool) -> None:
    """Print a finished sweep."""
    from synthaudit.reporting.sweep import print_sweep
    from synthaudit.result.writing import json_text

    if as_json:
        sys.stdout.write(json_text(found.to_dict()))
    else:
        print_sweep(found, console, written=folder)


def _shard(text: str) -> Any:
    from synthaudit.errors import UsageError
    from synthaudit.sweeping.production import Shard

    own, _, count = text.partition("/")
    if not (own.isdigit() and count.isdigit() and 1 <= int(own) <= int(count)):
        raise UsageError(f"--shard should be I/N with 1 <= I <= N, such as 2/4, not {text!r}.")
    return Shard(own=int(own), count=int(count))
