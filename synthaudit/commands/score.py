"""``synthaudit score``: audit a synthetic set against a real one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from synthaudit.commands.gate import choose_policy, finish
from synthaudit.commands.terminal import Listener, answers_errors

if TYPE_CHECKING:
    from synthaudit.result.audit import Audit

_SOURCE = (
    "a folder, a .csv/.jsonl/.parquet manifest, .tar or .parquet shards (or a quoted glob), or "
    "vectors; by path or URL"
)


@answers_errors
def score(
    real: Annotated[str, typer.Argument(metavar="REAL", help=f"The real images: {_SOURCE}.")],
    synthetic: Annotated[
        str, typer.Argument(metavar="SYNTHETIC", help="The synthetic images, likewise.")
    ],
    *,
    out: Annotated[
        str | None, typer.Option(help="Write all result files into this folder, or to this URL.")
    ] = None,
    embedder: Annotated[
        str,
        typer.Option(
            help="auto, builtin, clip, clip:MODEL:TAG, clip:local-dir:FOLDER, timm:MODEL or "
            "timm:local-dir:FOLDER."
        ),
    ] = "auto",
    definition: Annotated[
        Literal["default", "cleanlab"],
        typer.Option(help="cleanlab gives Cleanlab Studio's own numbers."),
    ] = "default",
    duplicate_distance: Annotated[
        float | None,
        typer.Option(help="Cosine distance of near-duplicates; default: learnt from REAL."),
    ] = None,
    false_alarms: Annotated[
        float, typer.Option(help="Share of fresh images that the learnt radius may flag.")
    ] = 0.005,
    false_discoveries: Annotated[
        float, typer.Option(help="Share of innocent images among those called copies.")
    ] = 0.05,
    folds: Annotated[int, typer.Option(help="Folds of the detector's cross-validation.")] = 5,
    keep: Annotated[
        Path | None,
        typer.Option(help="Write which synthetic images to keep, and why not the others (CSV)."),
    ] = None,
    obvious: Annotated[
        float, typer.Option(help="Probability from which --keep drops an image as a fake.")
    ] = 0.95,
    harmonise: Annotated[
        bool, typer.Option("--harmonise", help="Bring all images to one size and codec first.")
    ] = False,
    quick: Annotated[
        bool, typer.Option("--quick", help="No intervals, nulls, p-values and floor.")
    ] = False,
    confidence: Annotated[float, typer.Option(help="Of the intervals.")] = 0.95,
    permutations: Annotated[int, typer.Option(help="Of the sides, for the p-values.")] = 99,
    seed: Annotated[int, typer.Option(help="Same seed, same numbers.")] = 0,
    max_unreadable: Annotated[
        float, typer.Option(help="Share of a side that may be unreadable.")
    ] = 0.05,
    max_pixels: Annotated[int, typer.Option(help="Refuse larger images.")] = 200_000_000,
    cache: Annotated[
        Path | None, typer.Option(help="Folder of the vector cache; default: the platform's.")
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Remember no vectors.")] = False,
    workers: Annotated[
        int | None, typer.Option(help="Decoding processes; default: one a core.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images a batch of the model.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    precision: Annotated[
        Literal["auto", "fp32", "fp16", "bf16"], typer.Option(help="Arithmetic of the model.")
    ] = "auto",
    compiled: Annotated[
        bool,
        typer.Option("--compiled", help="Make kernels for the model first: for very many images."),
    ] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Never ask a model hub.")] = False,
    engine: Annotated[
        Literal["local", "ray"], typer.Option(help="ray: on the Ray cluster that is running.")
    ] = "local",
    memory: Annotated[
        float | None,
        typer.Option(help="Gigabytes that vectors may take before they go to disk; default: half."),
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
    output_format: Annotated[
        Literal["table", "json"], typer.Option("--format", help="json prints scores.json.")
    ] = "table",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no notes.")] = False,
) -> None:
    """Audit SYNTHETIC against REAL: four scores in [0, 1], higher is worse.

    unrealistic: fakes stand out. unrepresentative: real variety is missed. unvaried: it repeats
    itself. unoriginal: it copies the real data.
    """
    settings: dict[str, Any] = {
        "embedder": embedder,
        "definition": definition,
        "duplicate_distance": duplicate_distance,
        "false_alarms": false_alarms,
        "false_discoveries": false_discoveries,
        "folds": folds,
        "keep": keep is not None,
        "obvious": obvious,
        "harmonise": harmonise,
        "quick": quick,
        "confidence": confidence,
        "permutations": permutations,
        "seed": seed,
        "max_unreadable": max_unreadable,
        "max_pixels": max_pixels,
        "cache": cache,
        "use_cache": not no_cache,
        "workers": workers,
        "batch_size": batch_size,
        "device": device,
        "precision": precision,
        "local_files_only": offline,
        "engine": engine,
        "memory": memory,
        "compiled": compiled,
    }
    # A policy that is wrong should be told before the work, not after it.
    policy = None if gate is None else choose_policy(gate, [], certain=False)
    trackers = [check_tracker(name) for name in track or []]
    from synthaudit.result.destination import destination

    with destination(out) as folder:
        audit = audit_and_print(
            real,
            synthetic,
            settings,
            keep=keep,
            out=folder,
            called=out,
            as_json=output_format == "json",
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
    from synthaudit.reporting.tracking import TRACKERS
    from synthaudit.settings import nearest_name

    if name not in TRACKERS:
        raise UsageError(f"--track knows no {name!r}; {nearest_name(name, TRACKERS)}")
    return name


def audit_and_print(
    real: str,
    synthetic: str,
    settings: dict[str, Any],
    *,
    out: Path | None,
    as_json: bool,
    quiet: bool,
    keep: Path | None = None,
    report_mb: float = 15.0,
    called: str | None = None,
) -> Audit:
    """Score, write and print: what ``score`` and ``demo`` have in common.

    ``called`` is what the user called ``out``.
    """
    from rich.console import Console

    from synthaudit.auditing.scoring import score as run
    from synthaudit.reporting.console import print_audit
    from synthaudit.reporting.files import write_report
    from synthaudit.result.writing import json_text, write_table

    with Listener(quiet=quiet) as listener:
        audit = run(real, synthetic, progress=listener, **settings)
    if out is not None:
        audit.write(out)
        write_report(audit, out, megabytes=report_mb)
    if keep is not None and audit.kept is not None:
        write_table(audit.kept, keep)
    if as_json:
        sys.stdout.write(json_text(audit.to_dict()))
    else:
        print_audit(audit, Console(), written=called or out)
    return audit
