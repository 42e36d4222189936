"""``synthaudit masks``: where the object is in every image."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from synthaudit.commands.terminal import Listener, answers_errors


@answers_errors
def masks(
    real: Annotated[str, typer.Argument(metavar="REAL", help="Images to look at.")],
    *,
    find: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="What to look for; '{subject}' stands for the class."),
    ] = None,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of masks, boxes and sheet.")],
    hints: Annotated[
        Path | None, typer.Option(help="JSON file of boxes and points that you set yourself.")
    ] = None,
    objects: Annotated[
        Literal["joined", "largest", "each"],
        typer.Option(help="All that are found as one mask, the largest, or a mask each."),
    ] = "joined",
    detector: Annotated[
        str,
        typer.Option(help="owlv2, grounding-dino, sam3; or NAME:MODEL, a folder or repository."),
    ] = "owlv2",
    segmenter: Annotated[
        str, typer.Option(help="sam2, box (the box itself); or NAME:MODEL.")
    ] = "sam2",
    threshold: Annotated[
        float | None, typer.Option(help="Scores below are no finds; default: the detector's.")
    ] = None,
    overlap: Annotated[
        float, typer.Option(help="Boxes that share more than this are one object.")
    ] = 0.5,
    most: Annotated[int, typer.Option(help="More objects in an image are too many.")] = 10,
    least_share: Annotated[
        float, typer.Option(help="Of an image that objects cover at least.")
    ] = 0.005,
    most_share: Annotated[float, typer.Option(help="Of an image that they cover at most.")] = 0.9,
    accept: Annotated[
        list[str] | None,
        typer.Option(help="A detector whose licence you accept, such as sam3; repeatable."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    local_files_only: Annotated[
        bool, typer.Option("--local-files-only", help="Never ask a model hub.")
    ] = False,
    use_cache: Annotated[
        bool, typer.Option("--cache/--no-cache", help="Keep what is found for the next time.")
    ] = True,
    output_format: Annotated[
        Literal["table", "json"], typer.Option("--format", help="json prints masks.json.")
    ] = "table",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only warnings on stderr.")] = False,
) -> None:
    """Find TEXT in every image of REAL; write masks, boxes (COCO) and a contact sheet into DIR.

    Images in which nothing or too much is found are listed in unusable.csv. A plan takes the masks
    by masks: {folder: DIR/masks, paint: background}.
    """
    from rich.console import Console

    from synthaudit.labelling.running import find_masks
    from synthaudit.reporting.masks import print_masks
    from synthaudit.result.writing import json_text

    options: dict[str, Any] = {
        "find": find,
        "hints": None if hints is None else str(hints),
        "objects": objects,
        "detector": detector,
        "segmenter": segmenter,
        "threshold": threshold,
        "overlap": overlap,
        "most": most,
        "least_share": least_share,
        "most_share": most_share,
        "accept": accept or [],
    }
    with Listener(quiet=quiet) as listener:
        found = find_masks(
            real,
            out=out,
            device=device,
            local_files_only=local_files_only,
            use_cache=use_cache,
            progress=listener,
            **options,
        )
    if output_format == "json":
        sys.stdout.write(json_text(found.to_dict()))
    else:
        print_masks(found, out, Console())
