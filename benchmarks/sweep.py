"""Are sweeps honest, and what do they say of real ones? Writes reports/sweep.md.

python benchmarks/sweep.py [--data ../shared/data] [--runs 200]
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import loky
import numpy as np
import yaml
from scipy.stats import ttest_ind

import synthaudit
from synthaudit.measures.comparison.evidence import MEASURES, ArmEvidence, gather_evidence
from synthaudit.measures.comparison.permutation import compare_arms, holm
from synthaudit.sweeping.comparison import excluded_by_race, rank_arms

PROJECT = Path(__file__).resolve().parents[1]
SLOTS, REAL, WIDTH = 96, 300, 16
LEVEL = 0.05
RACE_ARMS, RACE_SLOTS = 8, 160


def arms_of(seed: int, shifts: list[float], slots: int) -> ArmEvidence:
    """Arms around the same seeds, shifted along an axis of their own."""
    rng = np.random.default_rng(seed)
    real = rng.standard_normal((REAL, WIDTH))
    shared = np.sqrt(0.5) * rng.standard_normal((slots, WIDTH))
    arms = []
    for shift in shifts:
        arm = shared + np.sqrt(0.5) * rng.standard_normal((slots, WIDTH))
        arm[:, 0] += 0.5  # no arm is perfect
        arm[:, 1] += shift
        arms.append(arm)
    return gather_evidence(real, arms, seed=seed)


def two_arms(seed: int, shift: float) -> list[bool]:
    """Whether the sweep, and a plain t test on the same detector's answers, tell two arms apart."""
    evidence = arms_of(seed, [0.0, shift], SLOTS)
    found = compare_arms(evidence, [(1, 0)], seed=seed)
    plain = ttest_ind(evidence.fakeness[1], evidence.fakeness[0]).pvalue
    return [
        min(holm([found[name].p_value for name in MEASURES])) <= LEVEL,
        bool(rank_arms(evidence, goal="overall", confidence=0.95, seed=seed).better_than),
        plain <= LEVEL,
    ]


def race(seed: int) -> tuple[int, int, float]:
    """Winner without and with the race, and the share of images that the race made."""
    shifts = [0.0, 1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.2]
    evidence = arms_of(seed, shifts, RACE_SLOTS)
    full = rank_arms(evidence, goal="overall", confidence=0.95, seed=seed).arms[0]
    left, made = list(range(RACE_ARMS)), 0
    stages = [RACE_SLOTS // 4, RACE_SLOTS // 2, RACE_SLOTS]
    done = 0
    for stage in stages:
        made += len(left) * (stage - done)
        done = stage
        if stage == RACE_SLOTS or len(left) < 2:
            continue
        part = pick(arms_of(seed, shifts, RACE_SLOTS).first(stage), left)
        lost = excluded_by_race(part, goal="overall", comparisons=2 * (RACE_ARMS - 1), seed=seed)
        left = [arm for place, arm in enumerate(left) if place not in lost]
    final = rank_arms(pick(evidence, left), goal="overall", confidence=0.95, seed=seed)
    return full, left[final.arms[0]], made / (RACE_ARMS * RACE_SLOTS)


def pick(evidence: ArmEvidence, arms: list[int]) -> ArmEvidence:
    return ArmEvidence(
        fakeness=evidence.fakeness[arms],
        is_copy=evidence.is_copy[arms],
        covers=[evidence.covers[arm] for arm in arms],
        vectors=[evidence.vectors[arm] for arm in arms],
        repeat_radius=evidence.repeat_radius,
    )


def simulations(runs: int) -> list[str]:
    executor = loky.get_reusable_executor(max_workers=loky.cpu_count())
    lines = [
        "## Two arms, simulated",
        "",
        f"{runs} sweeps of two arms, {SLOTS} images each with common seeds (correlation 0.5),",
        f"{REAL} real images, Gaussian vectors of {WIDTH} numbers. Share of sweeps that call the",
        "arms different at 5 %: by the effects (four measures, Holm), by the recommendation, and",
        "by a two-sample t test on the images' probabilities, uncorrected.",
        "",
        "| shift of the second arm | effects | recommendation | t test |",
        "|---|---|---|---|",
    ]
    for shift in (0.0, 0.6, 0.8, 1.0):
        jobs = [executor.submit(two_arms, seed, shift) for seed in range(runs)]
        shares = np.mean([job.result() for job in jobs], axis=0)
        lines.append(f"| {shift:g} | {' | '.join(f'{share:.1%}' for share in shares)} |")
        print(lines[-1], flush=True)
    jobs = [executor.submit(race, seed) for seed in range(runs // 2)]
    found = np.array([job.result() for job in jobs], dtype=float)
    right = found[:, 0] == 0
    lines += [
        "",
        "## The race, simulated",
        "",
        f"{runs // 2} sweeps of {RACE_ARMS} arms, {RACE_SLOTS} images each; the first is the best",
        f"and wins without a race in {right.mean():.0%}. Where it does, it also wins with the race",
        f"in {(found[right, 1] == 0).mean():.1%}, at {found[:, 2].mean():.0%} of the images.",
    ]
    print(lines[-1], flush=True)
    return lines


def sweep_of(title: str, plan: dict[str, object], scratch: Path) -> list[str]:
    file = scratch / f"{title.split(maxsplit=1)[0].lower()}.yaml"
    file.write_text(yaml.safe_dump(plan, sort_keys=False))
    found = synthaudit.sweep(file, out=scratch / file.stem, cache=scratch / "cache")
    names = ("overall", *MEASURES)
    lines = [
        "",
        f"## {title}",
        "",
        f"{found.counts['images_per_arm']} images an arm against {found.counts['real']} real ones.",
        "",
        f"| arm | {' | '.join(names)} | unrealistic by itself (interval) | useful |",
        "|---" * (len(names) + 3) + "|",
    ]
    for arm in found.arms:
        low, high = arm.intervals["unrealistic"]
        own = f"{arm.scores['unrealistic']:.3f} ({low:.3f} to {high:.3f})"
        useful = "-" if arm.usefulness is None else f"{arm.usefulness:.3f}"
        cells = [f"{arm.measures[name]:.3f}" for name in names]
        lines.append(f"| {arm.arm} | {' | '.join(cells)} | {own} | {useful} |")
    lines += ["", "| value | measure | difference | interval | adjusted p |", "|---" * 5 + "|"]
    lines += [
        f"| {e.value} | {e.measure} | {e.difference:+.3f} | {e.low:+.3f} to {e.high:+.3f} | "
        f"{e.adjusted:.2g} |"
        for e in sorted(found.effects, key=lambda e: e.adjusted)[:8]
    ]
    lines += ["", *(f"- {reason}" for reason in found.recommended.reasons)]
    print("\n".join(lines), flush=True)
    return lines


def real_sweeps(data: Path) -> list[str]:
    base = {"embedder": "builtin", "seed": 0}
    profiles = sorted(file.name for file in (data / "midjourney").iterdir() if file.is_dir())
    os.chdir(data)
    plans = {
        "Midjourney profiles against product photos": {
            "real": "clothing",
            "images_per_arm": 34,
            "generator": {"name": "folder", "pattern": "midjourney/{profile}/*.jpg"},
            "axes": {"profile": profiles},
        },
        "Augmentation of CIFAR-10 photos": {
            "real": "cifake/real",
            "images_per_arm": 300,
            "generator": {"name": "augment"},
            "axes": {"strength": [0.1, 0.3, 1.0, 3.0]},
        },
        "Gaussians of CIFAR-10 photos": {
            "real": "cifake/real",
            "images_per_arm": 300,
            "generator": {"name": "gaussian"},
            "axes": {"axes": [10, 50, 200]},
        },
    }
    lines = []
    with tempfile.TemporaryDirectory() as scratch:
        for title, plan in plans.items():
            lines += sweep_of(title, {**base, **plan}, Path(scratch))
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=PROJECT.parent / "shared" / "data")
    parser.add_argument("--runs", type=int, default=200)
    arguments = parser.parse_args()
    lines = [
        "# Sweeps",
        "",
        f"Made by `python benchmarks/sweep.py --runs {arguments.runs}`; embedder `builtin`.",
        "",
        *simulations(arguments.runs),
        *real_sweeps(arguments.data.resolve()),
    ]
    (PROJECT / "reports" / "sweep.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
