"""reports/validity.md and its plots, from the figures of all sets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from validity_statistics import (
    COMBINED,
    MEASURES,
    TARGETS,
    Foretelling,
    Study,
    combine,
    foretell,
    is_fixed,
    read_study,
    seed_noise,
    spearman,
)
from validity_training import Recipe

NETWORKS = ("network alone", "network with 50")
SHOWN = ("unrealistic", "coverage", "overall", "few_shot_gain_16")


def write_report(results: Mapping[str, Mapping[str, Any]], recipe: Recipe, folder: Path) -> None:
    """Write the page and both plots.

    Args:
        results: the figures of every set, and of real photos alone.
        recipe: of the networks.
        folder: where to.
    """
    study = read_study(results)
    found = {
        target: {
            name: foretell(study, own, target, noise=seed_noise(study, target))
            for name, own in study.measures.items()
        }
        for target in TARGETS
    }
    plot_correlations(found, folder / "validity-correlations.png")
    plot_sets(study, folder / "validity-sets.png")
    lines = [
        *_introduction(results, study, recipe),
        *_of_networks(study, found),
        *_of_all_targets(study, found),
        *_combined(study),
        *_conclusions(study, found),
        *_sets(study, results),
    ]
    (folder / "validity.md").write_text("\n".join(lines).rstrip() + "\n")


def _introduction(
    results: Mapping[str, Mapping[str, Any]], study: Study, recipe: Recipe
) -> Iterator[str]:
    minutes = sum(own["seconds"] for own in results.values()) / 60
    real = results["real"]["accuracy"]
    alone = np.mean([np.mean(run) for run in real["network with 50"]])
    yield "# Do the scores tell what a set is worth?"
    yield ""
    yield (
        f"Made by `python benchmarks/validity.py` on the {recipe.device}, in {minutes:.0f} minutes "
        f"of one core: {len(study.names)} synthetic sets of {len(set(study.family))} families of "
        "faults, rebuilt from their seeds, of CIFAKE's Stable Diffusion 1.4 images. Each was "
        "audited against 2,000 photos with `builtin`, and trained on: by a convolutional network "
        f"from scratch ({recipe.steps} steps of 64, {recipe.seeds} seeds) and by a linear probe, "
        "alone and besides real photos; all judged on 5,000 photos that nothing else touched."
    )
    yield ""
    yield (
        f"A network that learns from 50 real photos a class alone reaches {alone:.3f}. A set is "
        "worth its accuracy alone, or what it adds to those photos (the same photos and first "
        "weights with and without it)."
    )
    yield ""
    yield (
        "Every measure is turned so that more should mean worth more: +1 foretells the order of "
        "the sets, 0 tells nothing, below 0 misleads. *Across*: rank correlation over all sets, "
        "with an interval over sets and seeds. *One family left out*: the least and the greatest "
        "value. *Between*: of the families' means. *Within*: of the pairs of sets of one family "
        "whose worth differs by more than seeds do, the share that it orders rightly (0.5 is "
        "chance), with an interval over families. *Fixed*: over the "
        f"{int(is_fixed(study).sum())} sets of one size without real photos in them."
    )
    yield ""
    yield "![Rank correlations of all measures](validity-correlations.png)"
    yield ""


def _of_networks(study: Study, found: Mapping[str, Mapping[str, Foretelling]]) -> Iterator[str]:
    for target in NETWORKS:
        yield f"## {TARGETS[target][:1].upper()}{TARGETS[target][1:]}"
        yield ""
        yield "| measure | across | one family left out | between | within | fixed |"
        yield "|---|---|---|---|---|---|"
        ordered = sorted(found[target].items(), key=lambda own: -own[1].across)
        for name, own in ordered:
            yield (
                f"| {name} | {own.across:+.2f} ({_span(own.across_interval)}) | "
                f"{_span(own.without)} | {own.between:+.2f} | "
                f"{own.within:.2f} ({_span(own.within_interval).replace('+', '')}) | "
                f"{own.fixed:+.2f} |"
            )
        yield ""
    yield (
        "Two sets differ by more than seeds do where their worth differs by more than "
        + " and ".join(f"{seed_noise(study, target):.3f} ({target})" for target in NETWORKS)
        + "."
    )
    yield ""


def _of_all_targets(study: Study, found: Mapping[str, Mapping[str, Foretelling]]) -> Iterator[str]:
    yield "## All targets: across, and within"
    yield ""
    yield f"| measure | {' | '.join(TARGETS)} |"
    yield "|---" * (len(TARGETS) + 1) + "|"
    for name in study.measures:
        cells = [f"{found[t][name].across:+.2f}; {found[t][name].within:.2f}" for t in TARGETS]
        yield f"| {name} | {' | '.join(cells)} |"
    yield ""
    yield "![Worth against four measures](validity-sets.png)"
    yield ""


def _combined(study: Study) -> Iterator[str]:
    yield "## Combinations, fitted on all families but one and judged on that one"
    yield ""
    yield (
        "Ridge regression of the worth on the ranks of the measures; rank correlation of what it "
        "says of each family, over all sets."
    )
    yield ""
    yield f"| combination | {' | '.join(TARGETS)} |"
    yield "|---" * (len(TARGETS) + 1) + "|"
    for title, names in COMBINED.items():
        if not set(names) <= set(study.measures):
            continue
        values = [
            spearman(combine(study, names, target), study.worth[target].mean(axis=1))
            for target in TARGETS
        ]
        yield f"| {title} | {' | '.join(f'{value:+.2f}' for value in values)} |"
    yield ""


def _conclusions(study: Study, found: Mapping[str, Mapping[str, Foretelling]]) -> Iterator[str]:
    alone, added = (found[target] for target in NETWORKS)

    def told(name: str) -> str:
        return (
            f"{alone[name].across:+.2f} and {added[name].across:+.2f} across, "
            f"{alone[name].within:.2f} and {added[name].within:.2f} within"
        )

    costs = study.worth[NETWORKS[1]].mean(axis=1) < -seed_noise(study, NETWORKS[1])
    before, now = (
        np.array([rule(study, row) for row in range(len(costs))])
        for rule in (_was_unfit, _is_unfit)
    )
    yield "## What follows from it"
    yield ""
    yield "Network alone and network with 50, in that order:"
    yield ""
    yield (
        "- **Probes decide** where there are classes (`goal: useful`): few_shot_gain_16 "
        f"{told('few_shot_gain_16')}."
    )
    yield (
        f"- `overall` is the mean of three measures now ({told('overall')}); the mean of four, in "
        f"which copies counted thrice, had {told('mean of four')}."
    )
    yield (
        f"- `unrealistic` by itself tells little ({told('unrealistic')}; over sets of one size "
        f"without photos {alone['unrealistic'].fixed:+.2f} and {added['unrealistic'].fixed:+.2f}): "
        "it is no longer grave by itself. Leaving obvious fakes out lowers it and taught no more."
    )
    yield (
        "- `unoriginal` is no measure of worth: copies teach what photos teach "
        f"({told('unoriginal')}). It stays grave for what copies are."
    )
    yield (
        f"- `coverage` ({told('coverage')}) and `unvaried` ({told('unvaried')}) decide what the "
        "verdict calls grave, with wrong labels and missing classes."
    )
    yield (
        f"- The verdict: {int(costs.sum())} of {len(costs)} sets cost a network accuracy that has "
        f"50 photos a class. Its rules called {int(before.sum())} of all unfit before, "
        f"{int((before & costs).sum())} of those that cost; now {int(now.sum())}, "
        f"{int((now & costs).sum())} of those that cost. Missed: "
        f"{', '.join(study.names[row] for row in np.flatnonzero(costs & ~now)) or 'none'}."
    )
    yield ""
    yield (
        "What it cannot tell: there is one domain (ten classes of small photos), one generator, "
        "32 pixels, one embedder (`builtin`) and one kind of network; thresholds were set on these "
        "sets and are judged here on the same ones. Photos of which sets hold copies are new to a "
        "network that has 50 of them a class; for who trains on all of them they add nothing."
    )
    yield ""


def _figure(study: Study, name: str, row: int) -> float:
    return float(study.measures[name][row] * MEASURES[name])


def _was_unfit(study: Study, row: int) -> bool:
    own = {name: _figure(study, name, row) for name in study.measures}
    return (
        max(own["unrealistic"], own["unrepresentative"]) >= 0.7
        or own["unvaried"] >= 0.1
        or own["unoriginal"] > 0.02
        or own["wrong_labels"] >= 0.1
        or own["broken"] >= 0.1
    )


def _is_unfit(study: Study, row: int) -> bool:
    """The rules of ``synthaudit.result.findings``, without those on copies and on chance."""
    own = {name: _figure(study, name, row) for name in study.measures}
    share_missing = 0.0
    if study.family[row] == "missing classes":
        share_missing = int(study.names[row].rpartition("-")[2]) / 10
    return (
        own["coverage"] < 0.4 * chance_of_coverage(2000, int(study.size[row]))
        or own["unvaried"] >= 0.9
        or own["wrong_labels"] >= 0.15
        or share_missing >= 1 / 3
    )


def chance_of_coverage(real: int, synthetic: int, neighbours: int = 5) -> float:
    """For sets of one distribution: none of the nearest is synthetic with this probability less."""
    missed = 1.0
    for number in range(neighbours):
        missed *= (real - 1 - number) / (real + synthetic - 1 - number)
    return 1.0 - missed


def _sets(study: Study, results: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield "## The sets"
    yield ""
    heads = ("set", "images", *TARGETS, *SHOWN, "digest")
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"
    for row, name in enumerate(study.names):
        own = results[name]
        cells = [
            f"{own['family']} {own['level']}",
            f"{own['size']:,}",
            *(_worth(target, study.worth[target][row].mean()) for target in TARGETS),
            *(f"{study.measures[shown][row] * MEASURES[shown]:.3f}" for shown in SHOWN),
            f"`{own['digest'][:8]}`",
        ]
        yield f"| {' | '.join(cells)} |"


def _worth(target: str, value: float) -> str:
    return f"{value:+.3f}" if "with" in target else f"{value:.3f}"


def _span(ends: Sequence[float]) -> str:
    return f"{ends[0]:+.2f} to {ends[1]:+.2f}"


def plot_correlations(found: Mapping[str, Mapping[str, Foretelling]], file: Path) -> None:
    """Rank correlations of all measures with what a network gains, with intervals."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    names = sorted(found[NETWORKS[1]], key=lambda name: found[NETWORKS[1]][name].across)
    figure, sides = plt.subplots(1, 2, figsize=(10, 0.28 * len(names) + 1.2), sharey=True)
    for side, target in zip(sides, NETWORKS, strict=True):
        for place, name in enumerate(names):
            own = found[target][name]
            side.plot(own.across_interval, (place, place), color="#7a8699", linewidth=2)
            side.plot(own.across, place, "o", color="#1f5fa8", markersize=6)
            side.plot(2 * own.within - 1, place, "|", color="#b3541e", markersize=11, mew=2)
        side.axvline(0.0, color="#444444", linewidth=0.8)
        side.set_xlim(-1, 1)
        side.set_title(target, fontsize=11)
        side.grid(axis="x", color="#dddddd")
        side.set_axisbelow(True)
    sides[0].set_yticks(range(len(names)), names, fontsize=9)
    figure.supxlabel(
        "rank correlation over all sets (dot, 95 %); within families, 1 all pairs right (stroke)",
        fontsize=10,
    )
    figure.tight_layout()
    figure.savefig(file, dpi=110)
    plt.close(figure)


def plot_sets(study: Study, file: Path) -> None:
    """What sets add to a network against four measures, a colour a family."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    families = list(dict.fromkeys(study.family.tolist()))
    colours = mpl.colormaps["tab20"].resampled(20)
    shapes = "osD^v"
    figure, sides = plt.subplots(2, 2, figsize=(10, 8.6), sharey=True)
    worth = study.worth[NETWORKS[1]].mean(axis=1)
    for side, name in zip(sides.ravel(), SHOWN, strict=True):
        for number, family in enumerate(families):
            rows = study.family == family
            side.plot(
                study.measures[name][rows] * MEASURES[name],
                worth[rows],
                shapes[number % len(shapes)],
                color=colours(number % 20),
                label=family,
                markersize=6,
                linestyle="none",
            )
        side.axhline(0.0, color="#444444", linewidth=0.8)
        side.set_xlabel(name)
        side.grid(color="#e5e5e5")
        side.set_axisbelow(True)
    for side in sides[:, 0]:
        side.set_ylabel("accuracy that the set adds to 50 photos a class")
    labels = sides[0, 0].get_legend_handles_labels()
    figure.legend(*labels, loc="lower center", ncol=6, fontsize=8.5, frameon=False)
    figure.tight_layout(rect=(0, 0.08, 1, 1))
    figure.savefig(file, dpi=110)
    plt.close(figure)
