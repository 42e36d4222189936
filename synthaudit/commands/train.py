"""``synthaudit train``: what a real network gains from the synthetic images."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from synthaudit.commands.terminal import Listener, answers_errors


@answers_errors
def train(
    real: Annotated[
        str, typer.Argument(metavar="REAL", help="Real images to learn from, a folder a class.")
    ],
    synthetic: Annotated[
        str, typer.Argument(metavar="SYNTHETIC", help="Synthetic images of the same classes.")
    ],
    *,
    test: Annotated[
        str, typer.Option(metavar="TEST", help="Other real images, to judge networks on.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Keep every run here, go on from those, and write the results."),
    ] = None,
    model: Annotated[
        str,
        typer.Option(
            help="small, torchvision:NAME, timm:NAME, timm:local-dir:FOLDER, clip, clip:MODEL:TAG."
        ),
    ] = "torchvision:resnet18",
    weights: Annotated[
        str | None,
        typer.Option(help="pretrained, or a file of weights; default: from scratch."),
    ] = None,
    share: Annotated[
        list[float] | None,
        typer.Option(help="Of the real images, with and without the synthetic; repeatable."),
    ] = None,
    image_size: Annotated[
        int | None, typer.Option(help="Edge in pixels; default: that of the images, 224 at most.")
    ] = None,
    steps: Annotated[int, typer.Option(help="Batches that every network learns from.")] = 1000,
    batch_size: Annotated[int, typer.Option(help="Images a batch.")] = 64,
    learning_rate: Annotated[
        float | None,
        typer.Option(help="Default: 1e-3 from scratch, 1e-4 from weights, 1e-5 for CLIP."),
    ] = None,
    weight_decay: Annotated[float, typer.Option(help="Of AdamW.")] = 0.05,
    seeds: Annotated[int, typer.Option(help="Networks an arm.")] = 3,
    seed: Annotated[int, typer.Option(help="The first seed.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = "auto",
    confidence: Annotated[float, typer.Option(help="Of the intervals.")] = 0.95,
    output_format: Annotated[
        Literal["table", "json"], typer.Option("--format", help="json prints training.json.")
    ] = "table",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only warnings on stderr.")] = False,
) -> None:
    """Train a classifier on real images, on synthetic ones and on both, and test it on real ones.

    What the audit estimates in seconds, this measures in minutes or hours. Give --out to be able
    to stop: the same command goes on.
    """
    from rich.console import Console

    from synthaudit.reporting.training import print_training, training_markdown
    from synthaudit.result.writing import json_text, write_files
    from synthaudit.training.running import train as run

    options: dict[str, Any] = {
        "model": model,
        "weights": weights,
        "image_size": image_size,
        "steps": steps,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "weight_decay": weight_decay,
        "seeds": seeds,
        "seed": seed,
        "device": device,
        "confidence": confidence,
        **({"shares": share} if share else {}),
    }
    with Listener(quiet=quiet) as listener:
        found = run(real, synthetic, test=test, out=out, progress=listener, **options)
    if out is not None:
        write_files(out, {"training.md": training_markdown(found)})
    if output_format == "json":
        sys.stdout.write(json_text(found.to_dict()))
    else:
        print_training(found, Console())
