"""``synthaudit gate``: is a set good enough?"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from synthaudit.commands.terminal import answers_errors
from synthaudit.names import printable

if TYPE_CHECKING:
    from synthaudit.gating.judging import Verdict
    from synthaudit.gating.policy import Policy
    from synthaudit.result.audit import Audit


@answers_errors
def gate(
    scores: Annotated[
        Path, typer.Argument(metavar="SCORES", help="A scores.json, or the folder that holds it.")
    ],
    *,
    policy: Annotated[
        Path | None,
        typer.Option(help="Default: synthaudit.toml, or tool.synthaudit.gate in pyproject.toml."),
    ] = None,
    maximum: Annotated[
        list[str] | None,
        typer.Option("--max", metavar="NAME=VALUE", help="A limit without a file; repeatable."),
    ] = None,
    baseline: Annotated[
        Path | None, typer.Option(help="Another scores.json or folder, for limits of change.")
    ] = None,
    certain: Annotated[
        bool, typer.Option("--certain", help="Pass or fail only beyond doubt, else exit code 3.")
    ] = False,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write verdict.json into this folder, or this .json.")
    ] = None,
    github: Annotated[
        bool, typer.Option(help="Annotations and a summary; by itself on GitHub Actions.")
    ] = bool(os.environ.get("GITHUB_ACTIONS")),
    init: Annotated[
        bool, typer.Option("--init", help="Write a commented policy from these scores instead.")
    ] = False,
    output_format: Annotated[
        Literal["table", "json"], typer.Option("--format", help="json prints verdict.json.")
    ] = "table",
) -> None:
    """Check SCORES against a policy. Exit codes: 0 passes, 1 rejected, 2 unusable, 3 undecided."""
    from synthaudit.gating.example import example_policy, unfitness
    from synthaudit.gating.policy import POLICY_NAME
    from synthaudit.result.reading import read_scores

    contents, file = read_scores(scores)  # before the policy: who has no scores needs none
    if init:
        _write_new(policy or Path(POLICY_NAME), example_policy(contents))
        if (reason := unfitness(contents)) is not None:
            typer.echo(f"warning: {reason}", err=True)
        return
    chosen = choose_policy(policy, maximum or [], certain=certain)
    verdict, images = judge_contents(contents, file.parent, chosen, baseline)
    tell(verdict, images, junit=junit, out=out, github=github, as_json=output_format == "json")
    raise typer.Exit(verdict.exit_code)


def choose_policy(file: Path | None, maximum: list[str], *, certain: bool) -> Policy:
    """The policy of the command line: a file, what is found here, limits by hand."""
    from synthaudit.errors import PolicyError
    from synthaudit.gating.policy import Policy, find_policy, parse_limit, read_policy

    found = file or (None if maximum else find_policy(Path()))
    if found is None and not maximum:
        raise PolicyError(
            "there is no synthaudit.toml here: write one with synthaudit gate SCORES --init, or "
            "give --policy or --max."
        )
    policy = Policy() if found is None else read_policy(found)
    policy = policy.with_limits(dict(parse_limit(text) for text in maximum))
    return policy.model_copy(update={"certain": True}) if certain else policy


def beforehand(file: Path) -> Policy:
    """The policy of a file, refused before the work where no audit could have what it limits."""
    from synthaudit.gating.numbers import refuse_unknown

    policy = choose_policy(file, [], certain=False)
    for path in policy.limits:
        refuse_unknown(path)
    return policy


def judge_contents(
    contents: Mapping[str, Any], folder: Path, policy: Policy, baseline: Path | None
) -> tuple[Verdict, Any]:
    """Judge the contents of a ``scores.json``, and read the images in its folder."""
    from synthaudit.errors import DataError
    from synthaudit.gating.comparing import contents_of
    from synthaudit.gating.judging import judge
    from synthaudit.result.reading import read_images

    if baseline is None:
        verdict, images = judge(contents, policy), None
        if any(check.state != "pass" for check in verdict.checks):
            # Only what does not pass needs the images, and pandas takes its second to start.
            try:
                images = read_images(folder)
            except DataError as error:  # it shows the worst of them, and changes no verdict
                typer.echo(f"warning: {printable(str(error))}", err=True)
        return verdict, images
    old, old_images = contents_of(baseline)
    images = read_images(folder)
    return judge(contents, policy, baseline=old, images=(old_images, images)), images


def tell(
    verdict: Verdict,
    images: Any,
    *,
    junit: Path | None = None,
    out: Path | None = None,
    github: bool = False,
    as_json: bool = False,
) -> None:
    """Print a verdict and write its faces."""
    from rich.console import Console

    from synthaudit.reporting.gate import print_verdict
    from synthaudit.reporting.github import annotation_lines, append_summary
    from synthaudit.reporting.junit import junit_xml
    from synthaudit.result.writing import json_text, write_files

    text = json_text(verdict.to_dict())
    if junit is not None:
        write_files(junit.parent, {junit.name: junit_xml(verdict, images)})
    if out is not None:
        is_file = out.suffix == ".json" and not out.is_dir()
        folder, name = (out.parent, out.name) if is_file else (out, "verdict.json")
        write_files(folder, {name: text})
    if as_json:
        sys.stdout.write(text)
    else:
        print_verdict(verdict, images, Console())
    if github:
        for line in annotation_lines(verdict):
            typer.echo(line, err=as_json)
        summary = os.environ.get("GITHUB_STEP_SUMMARY")
        if summary:
            append_summary(verdict, images, Path(summary))


def finish(audit: Audit, policy: Policy, *, err: bool) -> None:
    """Judge an audit that was just made, tell it, and leave with the verdict's exit code."""
    from rich.console import Console

    from synthaudit.gating.judging import judge
    from synthaudit.reporting.gate import print_verdict

    verdict = judge(audit, policy)
    console = Console(stderr=err)
    console.print()
    print_verdict(verdict, audit.images, console)
    raise typer.Exit(verdict.exit_code)


def _write_new(file: Path, text: str) -> None:
    from synthaudit.errors import UsageError
    from synthaudit.result.writing import write_files

    if file.exists():
        raise UsageError(f"{file} exists: remove it first, or give another with --policy.")
    write_files(file.parent, {file.name: text})
    typer.echo(f"Written to {file}: read it, and set the limits that you can stand by.")
