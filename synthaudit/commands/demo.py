"""``synthaudit demo``: a small real and synthetic set made on the spot, and audited."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synthaudit.commands.score import audit_and_print
from synthaudit.commands.terminal import answers_errors


@answers_errors
def demo(
    folder: Annotated[
        Path, typer.Argument(metavar="[DIR]", help="Where the images and the results go.")
    ] = Path("synthaudit-demo"),
    *,
    seed: Annotated[int, typer.Option(help="Same seed, same images.")] = 0,
    quick: Annotated[
        bool, typer.Option("--quick", help="Score without what takes long, as of score.")
    ] = False,
) -> None:
    """Make digits, real and synthetic, plant copies and repeats, and score them with `builtin`."""
    from synthaudit.generation.digits import write_digit_sets

    planted = write_digit_sets(folder, seed=seed)
    typer.echo(
        f"Real: {planted.real:,} handwritten digits. Synthetic: {planted.synthetic:,} digits drawn "
        f"from a generative model fitted to others,\nwith {planted.copies} copies of real images "
        f"and {planted.repeats} repeats of synthetic ones planted among them.\n"
    )
    audit_and_print(
        str(folder / "real"),
        str(folder / "synthetic"),
        {"embedder": "builtin", "seed": seed, "cache": folder / "cache", "quick": quick},
        out=folder / "audit",
        as_json=False,
        quiet=False,
    )
    typer.echo(
        f"\nThe same again, by hand:\n  synthaudit score {folder / 'real'} {folder / 'synthetic'} "
        f"--embedder builtin --out {folder / 'audit'}"
    )
