"""``synthaudit tune``: teach a diffusion model a class."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from synthaudit.commands.terminal import Listener, answers_errors
from synthaudit.tuning.recipe import DEFAULT_MODEL, DEFAULT_TOKEN


@answers_errors
def tune(
    real: Annotated[
        str, typer.Argument(metavar="REAL", help="Real images, in class folders or of one class.")
    ],
    *,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of weights and samples.")],
    name: Annotated[
        str | None,
        typer.Option("--class", metavar="NAME", help="Teach this class alone; default: all."),
    ] = None,
    per_class: Annotated[
        bool, typer.Option("--per-class", help="A LoRA for each class: DIR/CLASS/STEP.")
    ] = False,
    model: Annotated[
        str, typer.Option(help="Of Stable Diffusion 1.5, 2 or XL: folder, file, repository.")
    ] = DEFAULT_MODEL,
    token: Annotated[str, typer.Option(help="Rare word for your images.")] = DEFAULT_TOKEN,
    prompt: Annotated[
        str, typer.Option(help="What images are taught with, but for their own captions.")
    ] = "a photo of {token} {class}",
    class_prompt: Annotated[
        str, typer.Option(help="What the model makes class images with.")
    ] = "a photo of {a} {class}",
    captions: Annotated[
        bool, typer.Option("--captions/--no-captions", help="Use captions beside the images.")
    ] = True,
    prior_images: Annotated[
        int, typer.Option(help="Class images that the model makes; 0 for none.")
    ] = 100,
    prior_weight: Annotated[float, typer.Option(help="Weight of the loss on them.")] = 1.0,
    rank: Annotated[int, typer.Option(help="Of the LoRA.")] = 8,
    layers: Annotated[
        Literal["attention", "all"], typer.Option(help="Which layers of the U-Net learn.")
    ] = "attention",
    text_encoder: Annotated[
        bool, typer.Option("--text-encoder", help="Let text encoders learn too.")
    ] = False,
    steps: Annotated[int, typer.Option(help="Of the optimizer.")] = 400,
    batch_size: Annotated[int, typer.Option(help="Images a step and device.")] = 1,
    accumulation: Annotated[int, typer.Option(help="Batches a step.")] = 1,
    learning_rate: Annotated[float, typer.Option(help="Of AdamW.")] = 1e-4,
    resolution: Annotated[
        int | None, typer.Option(help="Edge in pixels; default: the model's own.")
    ] = None,
    gradient_checkpointing: Annotated[
        bool, typer.Option("--gradient-checkpointing", help="Less memory, more time.")
    ] = False,
    precision: Annotated[
        Literal["auto", "fp32", "fp16", "bf16"],
        typer.Option(help="auto: bf16 or fp16 on a GPU, else fp32."),
    ] = "auto",
    checkpoint_every: Annotated[int, typer.Option(help="Steps between kept weights.")] = 100,
    audit_every: Annotated[int, typer.Option(help="Steps between audits; 0 for none.")] = 100,
    samples: Annotated[int, typer.Option(help="Images that an audit makes.")] = 16,
    sample_steps: Annotated[int, typer.Option(help="Sampling steps of those.")] = 30,
    guidance_scale: Annotated[float, typer.Option(help="Of those.")] = 7.5,
    max_unoriginal: Annotated[
        float, typer.Option(help="Share of samples that may copy real images.")
    ] = 0.05,
    max_unvaried: Annotated[
        float, typer.Option(help="Share of samples that may repeat another one.")
    ] = 0.1,
    confidence: Annotated[float, typer.Option(help="Of a stop, over all audits.")] = 0.95,
    embedder: Annotated[str, typer.Option(help="Decides what is alike: see score.")] = "auto",
    seed: Annotated[int, typer.Option(help="Decides every draw.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1.")] = "auto",
    local_files_only: Annotated[
        bool, typer.Option("--local-files-only", help="Never ask a model hub.")
    ] = False,
    output_format: Annotated[
        Literal["table", "json"], typer.Option("--format", help="json prints all trainings.")
    ] = "table",
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only warnings on stderr.")] = False,
) -> None:
    """Teach MODEL the classes of REAL: a LoRA with prior preservation (DreamBooth).

    Samples are audited on the way: copies of real images, or of one another, stop it. The same
    command goes on after an interruption. Several GPUs: accelerate launch -m synthaudit tune ...
    """
    from rich.console import Console

    from synthaudit.reporting.tuning import print_tuning, write_tuning_pages
    from synthaudit.result.writing import json_text
    from synthaudit.tuning.recipe import TuneRecipe
    from synthaudit.tuning.running import tune as run

    own = dict(locals())
    options: dict[str, Any] = {key: own[key] for key in TuneRecipe.model_fields if key in own}
    with Listener(quiet=quiet) as listener:
        found = run(real, out=out, name=name, per_class=per_class, progress=listener, **options)
        if os.environ.get("RANK", "0") != "0":
            return  # of several processes the first one speaks for all
        write_tuning_pages(found)
    if output_format == "json":
        sys.stdout.write(json_text({"trainings": [each.to_dict() for each in found]}))
    else:
        print_tuning(found, Console())
    if any(each.exit_code for each in found):
        raise typer.Exit(1)
