"""The data set card of a built set: what it is, how it was made, how good it is, its limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import yaml

from synthaudit.building.ledger import Candidate
from synthaudit.building.result import Build
from synthaudit.names import write_name

_SIZES: Final = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
)
_STATES: Final = {
    "passes": "It passes.",
    "rejected": "**It does not pass.**",
    "incomplete": "**It is not complete.**",
    "spent": "**The budget was spent before it passed.**",
}
_PROMPTS: Final = 10
_AIMS: Final = 3


def card(built: Build, contents: Mapping[str, Any], chosen: Sequence[Candidate]) -> str:
    """The text of ``README.md``.

    Args:
        built: the set.
        contents: of its ``scores.json``; empty with too few images.
        chosen: its images.
    """
    parts = [
        _front_matter(built),
        f"# {built.folder.name}",
        _what(built),
        "## How good it is",
        _scores(built, contents),
        "## How it was made",
        _how(built, chosen),
        "## What was dropped",
        _dropped(built),
        "## Licences",
        _licences(built, contents),
        "## Limits",
        _limits(built, contents),
        "## Use",
        _use(built),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _front_matter(built: Build) -> str:
    kept = built.counts["kept"]
    size = next((text for most, text in _SIZES if kept < most), "n>1M")
    known = {
        "license": "unknown",
        "pretty_name": built.folder.name,
        "size_categories": [size],
        "task_categories": ["image-classification"] if any(built.quota) else ["other"],
        "tags": ["synthetic", "synthaudit", f"generator:{_generator(built)}"],
        # Else readers that look for splits would take the report's own tables for data.
        "configs": [
            {"config_name": "default", "data_files": ["metadata.jsonl", "images/**"]},
        ],
    }
    return f"---\n{yaml.safe_dump(known, sort_keys=False, allow_unicode=True)}---"


def _generator(built: Build) -> str:
    return str(built.provenance["generator"]["name"])


def _what(built: Build) -> str:
    counts = built.counts
    of_classes = f" of {len(built.quota):,} classes" if any(built.quota) else ""
    given = f", {counts['given']:,} were there before" if counts["given"] else ""
    lead = (
        f"{counts['kept']:,} synthetic images{of_classes}: {counts['made']:,} were made{given}, "
        f"{sum(built.dropped.values()):,} were dropped, {counts['spare']:,} are more than is "
        f"needed. {_STATES[built.outcome.state]}"
    )
    return "\n".join([lead, *(f"- {why}" for why in map(_line, built.outcome.why))])


def _scores(built: Build, contents: Mapping[str, Any]) -> str:
    if not built.scores:
        return "There are too few images to say."
    counts = built.counts
    lines = [
        (
            f"The real images were parted once. {counts['real_steering']:,} of them steered what "
            f"was made, dropped and kept; the other {counts['real_judging']:,} had no part in "
            f"it{_but(built)}, and all of the following is by these alone. The half that steered "
            "may flatter: the last column shows how much. All scores are between 0 and 1; higher "
            "is worse."
        ),
        "",
        "| score | value | interval | by the half that steered |",
        "|---|---|---|---|",
    ]
    for name, own in built.scores.items():
        ends = "" if own["low"] is None else f"{own['low']:.3f} to {own['high']:.3f}"
        steering = built.steering_scores.get(name)
        other = "" if steering is None else f"{steering:.3f}"
        lines.append(f"| {name} | {own['value']:.3f} | {ends} | {other} |")
    lines += [
        "",
        f"The audit's own verdict, whatever the policy: {_line(contents['verdict']['text'])}",
    ]
    useful = (contents.get("usefulness") or {}).get("gain")
    if useful:
        low = "" if useful["low"] is None else f" ({useful['low']:+.3f} to {useful['high']:+.3f})"
        lines += [
            "",
            (
                "Trained on besides real images of the judging half, they change a probe's "
                f"accuracy on others of that half by {useful['value']:+.3f}{low}."
            ),
        ]
    if built.judgements > 1:
        lines += [
            "",
            (
                f"The judging half has judged {built.judgements} different sets of this folder. "
                "Who goes on until it agrees is steered by it after all."
            ),
        ]
    if built.sweep is not None:
        lines += ["", f"The prompt was chosen by the sweep {_line(built.sweep)}."]
    return "\n".join(lines)


def _but(built: Build) -> str:
    return f" (but for this: {_line('; '.join(built.leaks))})" if built.leaks else ""


def _how(built: Build, chosen: Sequence[Candidate]) -> str:
    plan = built.provenance["plan"]
    # As each image was made: the plan may have been another one in earlier rounds.
    prompts = list(dict.fromkeys(own.prompt for own in chosen if own.prompt))
    makers = Counter(_maker(own) for own in chosen)
    lines = [
        "Generator: "
        + ("; ".join(f"{own} ({count:,} images)" for own, count in makers.most_common(5)) or "none")
        + f". Real images: `{_line(_last(plan['real']))}`. Seed {plan['seed']}.",
    ]
    if prompts:
        more = f" and {len(prompts) - _PROMPTS:,} more" if len(prompts) > _PROMPTS else ""
        lines += ["", f"Prompts{more}:", "", *(f"- {_line(own)}" for own in prompts[:_PROMPTS])]
    lines += ["", "| round | made | kept so far | dropped | made for |", "|---|---|---|---|---|"]
    for own in built.rounds:
        aims = "; ".join(_line(text).rstrip(".") for text in own.aimed_at[:_AIMS])
        if len(own.aimed_at) > _AIMS:
            aims += f"; and {len(own.aimed_at) - _AIMS} more"
        dropped = sum(own.dropped.values())
        lines.append(f"| {own.round} | {own.made:,} | {own.kept:,} | {dropped:,} | {aims} |")
    spent = built.spent
    money = f", {spent['money']:g} of money" if spent["money"] else ""
    lines += ["", f"Spent: {spent['images']:,} images, {spent['seconds']:,.0f} seconds{money}."]
    return "\n".join(lines)


def _maker(candidate: Candidate) -> str:
    """The generator of an image with its options."""
    if candidate.generator is None:
        return "unknown"
    options = [f"{name} `{_line(own)}`" for name, own in candidate.options.items()]
    return ", ".join([f"`{_line(candidate.generator)}`", *options])


def _last(place: str) -> str:
    """The last part of a path: a card goes where nobody knows the folders of this machine."""
    return place.rstrip("/").rpartition("/")[2] or place


def _dropped(built: Build) -> str:
    if not built.dropped:
        return "Nothing."
    rows = [f"| {_line(reason)} | {count:,} |" for reason, count in built.dropped.items()]
    return "\n".join(["| reason | images |", "|---|---|", *rows, "", "Each one: `dropped.csv`."])


def _licences(built: Build, contents: Mapping[str, Any]) -> str:
    embedder = contents.get("provenance", {})
    own = f" ({embedder['licence']})" if embedder.get("licence") else ""
    return (
        "The licence of this set depends on those of the model that made it and of the real images "
        f"that steered it, which synthaudit cannot know: say it here. Generator: "
        f"`{_generator(built)}`; judged with the embedder `{embedder.get('embedder', '')}`{own}."
    )


def _limits(built: Build, contents: Mapping[str, Any]) -> str:
    notes: Sequence[str] = contents.get("notes", ())
    lines = [
        "- What the embedder does not see, no score here tells of.",
        "- Both halves are of one data set: what that lacks, or shows wrongly, this set may too.",
        *(f"- {_line(note)}" for note in notes[1:]),
    ]
    short = [name for name, own in built.quota.items() if own[0] < own[1]]
    if short:
        named = ", ".join(f"{name or 'images'} {built.quota[name][0]:,}" for name in short)
        lines.append(f"- Below the quota: {_line(named)}.")
    return "\n".join(lines)


def _use(built: Build) -> str:
    return (
        "```python\nfrom datasets import load_dataset\n\n"
        f'load_dataset("imagefolder", data_dir="{built.folder.name}")\n```\n\n'
        "`metadata.jsonl` has a line for each image: class, prompt, seed, options, the round in "
        "which it was made, how surely a detector recognises it, and the nearest real image. "
        "`croissant.json` tells programs the same. `report.html` shows all of it."
    )


def _line(text: object) -> str:
    """A text that breaks neither a line nor a table."""
    return " ".join(write_name(str(text)).replace("|", "\\|").split())
