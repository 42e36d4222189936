"""The card of a LoRA: what it was taught, how to use it, what the audits saw."""

from __future__ import annotations

from typing import Any, Final

import yaml

from synthaudit.names import write_name
from synthaudit.tuning.result import Tuning, smoothed

_ROWS: Final = 40


def card(found: Tuning) -> str:
    """The text of ``README.md``; hubs read its front matter."""
    front: dict[str, Any] = {
        "library_name": "diffusers",
        "base_model": found.recipe["model"],
        "tags": ["lora", "dreambooth", "synthaudit"],
        "instance_prompt": next(iter(found.prompts.values())),
    }
    names = ", ".join(write_name(name) for name in found.classes)
    parts = [
        f"---\n{yaml.safe_dump(front, allow_unicode=True, sort_keys=False)}---",
        f"# LoRA: {names}",
        _what(found),
        "## Use",
        _use(found),
        "## What the audits saw",
        _audits(found),
        "## Losses",
        _losses(found),
        "## Limits",
        _limits(found),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _what(found: Tuning) -> str:
    recipe, count = found.recipe, sum(found.classes.values())
    prior = "without class images"
    if recipe["prior_images"] and recipe["prior_weight"]:
        prior = (
            f"with prior preservation ({recipe['prior_images']:,} class images a class, weight "
            f"{recipe['prior_weight']:g})"
        )
    state = f"It took {found.steps:,} of {recipe['steps']:,} steps."
    if found.stop is not None:
        state = f"It was {found.stop}"
    return (
        f"{recipe['model']}, taught from {count:,} images, {prior}: rank {recipe['rank']}, "
        f"learning rate {recipe['learning_rate']:g}, batches of "
        f"{recipe['batch_size'] * recipe['accumulation']}, seed {recipe['seed']}. {state}"
    )


def _use(found: Tuning) -> str:
    best = found.recommended
    if best is None:
        return (
            "**There are no weights to use**: the first audit found copies. Give more images, "
            "fewer steps between audits (`audit_every`), a lower rank or learning rate."
        )
    prompts = "\n".join(
        f"- {write_name(name)}: `{write_name(prompt)}`" for name, prompt in found.prompts.items()
    )
    code = (
        "pipeline = diffusers.AutoPipelineForText2Image.from_pretrained("
        f"{found.recipe['model']!r})\n"
        f'pipeline.load_lora_weights("{best.folder}")'
    )
    return f"The weights to use are in `{best.folder}`.\n\n{prompts}\n\n```python\n{code}\n```"


def _audits(found: Tuning) -> str:
    if not found.audits:
        return "No audit has looked."
    rows = [
        "| step | unoriginal | unvaried | distance to the nearest real image |",
        "|---" * 4 + "|",
    ]
    rows += [
        f"| {own.step:,} | {own.unoriginal} of {own.samples} | {own.unvaried} of {own.samples} | "
        f"{own.nearest:.3f} |"
        for own in found.audits
    ]
    text = "Samples are made with the same seeds and prompts at every step; step 0 is the model "
    text += "before it was taught. Unoriginal ones copy a real image, unvaried ones repeat another "
    text += "sample."
    return "\n".join(rows) + f"\n\n{text}"


def _losses(found: Tuning) -> str:
    if not found.losses:
        return ""
    instance = smoothed([own.instance for own in found.losses])
    prior = smoothed([own.prior for own in found.losses])
    every = max(len(instance) // _ROWS, 1)
    shown = sorted({*range(0, len(instance), every), len(instance) - 1})
    rows = ["| step | real images | class images |", "|---" * 3 + "|"]
    rows += [
        f"| {found.losses[row].step + 1:,} | {instance[row]:.4f} | {prior[row]:.4f} |"
        for row in shown
    ]
    return "Mean squared errors over the last twenty steps.\n\n" + "\n".join(rows)


def _limits(found: Tuning) -> str:
    lines = [
        (
            "Weights that learnt from images can give these images away: look at `samples/` before "
            "you publish them. The licence of the model holds for the weights too."
        ),
        *found.notes,
    ]
    return "\n".join(f"- {line}" for line in lines)
