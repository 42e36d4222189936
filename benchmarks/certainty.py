"""Are the p-values and intervals honest? Writes reports/certainty.md.

    python benchmarks/certainty.py [--runs 400]

Data of known distribution are audited again and again: under the null the p-values must reject at
their level, and the intervals must hold the long-run value of the score at their confidence.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

# Many small audits side by side: one thread each. Set before numpy is loaded.
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import loky
import numpy as np

import synthaudit
from synthaudit import Audit
from synthaudit.auditing.steps.certainty import share_p_values
from synthaudit.measures.copies.duplicates import find_duplicates
from synthaudit.measures.detection.folds import fold_groups
from synthaudit.measures.detection.permutation import detector_null
from synthaudit.measures.samples import Samples
from synthaudit.measures.scores import SCORE_NAMES
from synthaudit.measures.search.neighbours import Directions

PROJECT = Path(__file__).resolve().parents[1]
JITTER = 0.02
LEVEL = 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=400)
    runs = parser.parse_args().runs
    lines = [
        "# Are p-values and intervals honest?",
        "",
        f"Made by `python benchmarks/certainty.py --runs {runs}`. Gaussian vectors; 39",
        "permutations a run for the p-values, 40 resamples and 2 repeats of the folds for the",
        "intervals.",
        "",
        *p_values(runs),
        "",
        *coverage(runs),
    ]
    target = PROJECT / "reports" / "certainty.md"
    target.parent.mkdir(exist_ok=True)
    target.write_text("\n".join(lines) + "\n")
    print(target.read_text())


def side(rng: np.random.Generator, count: int, dimension: int, copies: int) -> np.ndarray:
    """About ``count`` vectors, each source followed by its jittered copies."""
    sources = rng.standard_normal((count // copies, dimension))
    vectors = np.repeat(sources, copies, axis=0)
    if copies > 1:
        vectors += JITTER * rng.standard_normal(vectors.shape)
    return vectors


def same_p_values(
    seed: int, real: int, synthetic: int, dimension: int, copies: int
) -> list[float | None]:
    """The p-values of one audit of two alike sides, by the audit's own steps."""
    rng = np.random.default_rng(seed)
    parts = [side(rng, count, dimension, copies) for count in (real, synthetic)]
    vectors = np.concatenate(parts)
    is_synthetic = np.arange(len(vectors)) >= len(parts[0])
    directions = Directions(vectors)
    found = find_duplicates(directions, is_synthetic)
    groups = fold_groups(
        directions, found.cluster, is_synthetic, radius=found.radius.largest, folds=5
    )
    samples = Samples.of(vectors, is_synthetic, groups=groups)
    null = detector_null(samples, permutations=39, seed=seed)
    shares = share_p_values(samples, found)
    names = ("auc", "unrealistic", "unrepresentative")
    detector = [None if null is None else null.p_values[name] for name in names]
    return [*detector, shares["unvaried"], shares["unoriginal"]]


def p_values(runs: int) -> list[str]:
    lines = [
        "## Under the null",
        "",
        f"Both sides from one distribution, each source with so many copies (jitter {JITTER}) on",
        f"its own side. Share of runs with p <= {LEVEL}; honest is 2 to 8 % (its standard error",
        f"here: {100 * np.sqrt(LEVEL * (1 - LEVEL) / runs):.1f} %).",
        "`unvaried` is tested only where there are no copies, for elsewhere it is truly high.",
        "The tests of shares are of whole counts and so reject less often than their level.",
        "",
        f"| dimension | copies | real | synthetic | detector | {' | '.join(SCORE_NAMES)} |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    executor = loky.get_reusable_executor(max_workers=loky.cpu_count())
    for dimension in (32, 512):
        for copies in (1, 3, 5):
            for real, synthetic in ((120, 120), (75, 300)):
                shape = (real, synthetic, dimension, copies)
                jobs = [executor.submit(same_p_values, seed, *shape) for seed in range(runs)]
                found = np.array([job.result() for job in jobs], dtype=float)
                cells = [f"{share:.1%}" for share in (found <= LEVEL).mean(axis=0)]
                if copies > 1:
                    cells[3] = ""
                lines.append(
                    f"| {dimension} | {copies} | {real} | {synthetic} | {' | '.join(cells)} |"
                )
                print(lines[-1], flush=True)
    return lines


def shifted(seed: int) -> Audit:
    """An easy difference in one direction, plus repeats and copies at given rates."""
    rng = np.random.default_rng(seed)
    real = rng.standard_normal((200, 32))
    synthetic = rng.standard_normal((200, 32))
    synthetic[:, 0] += 1.0
    # As many as chance gives, as they would be in a set drawn from a generator with these rates.
    pairs, copies = rng.binomial(100, 0.2), rng.binomial(100, 0.1)
    noise = JITTER * rng.standard_normal((200, 32))
    synthetic[:pairs] = synthetic[50 : 50 + pairs] + noise[:pairs]
    synthetic[100 : 100 + copies] = real[:copies] + noise[100 : 100 + copies]
    return audit(real, synthetic, seed)


def alike(seed: int) -> Audit:
    """No difference at all."""
    rng = np.random.default_rng(seed)
    return audit(*rng.standard_normal((2, 200, 32)), seed)


def far(seed: int) -> Audit:
    """Sides of different size and a large difference."""
    rng = np.random.default_rng(seed)
    real = rng.standard_normal((150, 128))
    return audit(real, rng.standard_normal((450, 128)) * 1.0 + 0.25, seed)


def audit(real: np.ndarray, synthetic: np.ndarray, seed: int) -> Audit:
    return synthaudit.score_embeddings(
        real, synthetic, permutations=19, resamples=40, repeats=2, seed=seed
    )


def one_interval(case: Callable[[int], Audit], seed: int) -> list[list[float]]:
    scores = case(seed).scores
    return [[s.value, s.low or 0.0, s.high or 0.0] for s in scores.values()]


def coverage(runs: int) -> list[str]:
    lines = [
        "## Intervals at 95 %",
        "",
        "The long-run value is the mean of the score over all runs; covered is the share of runs",
        "whose interval holds it. Shares have Wilson's interval as their least width, and so may",
        "be covered more often.",
        "",
        "| case | score | long-run value | standard deviation | mean width | covered |",
        "|---|---|---|---|---|---|",
    ]
    executor = loky.get_reusable_executor(max_workers=loky.cpu_count())
    for case in (alike, shifted, far):
        jobs = [executor.submit(one_interval, case, seed) for seed in range(runs)]
        found = np.array([job.result() for job in jobs])
        for column, name in enumerate(SCORE_NAMES):
            value, low, high = found[:, column].T
            truth = value.mean()
            held = ((low <= truth) & (truth <= high)).mean()
            lines.append(
                f"| {case.__name__} | {name} | {truth:.3f} | {value.std():.3f} | "
                f"{(high - low).mean():.3f} | {held:.1%} |"
            )
            print(lines[-1], flush=True)
    return lines


if __name__ == "__main__":
    main()
