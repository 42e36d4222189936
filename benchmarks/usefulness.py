"""Is what is said of usefulness right? Planted classes, and real training. Writes usefulness.md.

python benchmarks/usefulness.py [--runs 200] [--data ../shared/data] [--only PART]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from scipy.stats import norm

PROJECT = Path(__file__).resolve().parents[1]
ARMS, ARM_CLASSES, ARM_WIDTH = 5, 4, 12
PLANTED = (0.4, 0.1, 0.5, 0.5, 0.6)
"""Share of wrong classes in each of five arms; the second is the best."""


def blobs(
    count: int, classes: int, width: int, apart: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    target = np.arange(count) % classes
    return rng.standard_normal((count, width)) + apart * np.eye(width)[target], target


def worth_once(seed: int, *, real: int, synthetic: int, classes: int, width: int) -> list[float]:
    """Value and interval for synthetic images of the real distribution: worth their number."""
    from synthaudit.measures.samples import Samples
    from synthaudit.measures.usefulness.train_synthetic_test_real import train_synthetic_test_real

    rng = np.random.default_rng(seed)
    sides = [blobs(count, classes, width, 2.0, rng) for count in (real, synthetic)]
    rows = np.concatenate([side[0] for side in sides])
    names = np.array([f"class {n}" for side in sides for n in side[1]], dtype=object)
    found = train_synthetic_test_real(
        Samples.of(rows, np.arange(len(rows)) >= real, classes=names),
        np.full(len(rows), -1),
        lambda: rows,
        seed=seed,
    )
    assert found is not None
    worth = found.worth_real_images
    assert worth is not None
    return [own if own is not None else np.inf for own in (worth.value, worth.low, worth.high)]


def arms_once(seed: int, *, wrong: Sequence[float], slots: int = 100) -> tuple[int, int]:
    """The best of five arms by what they teach, and how many it is called better than."""
    from synthaudit.measures.comparison.evidence import gather_evidence
    from synthaudit.measures.comparison.teaching import USELESS
    from synthaudit.sweeping.comparison import rank_arms

    rng = np.random.default_rng(seed)
    real, target = blobs(200, ARM_CLASSES, ARM_WIDTH, 2.0, rng)
    slot_target, arms = np.arange(slots) % ARM_CLASSES, []
    for share in wrong:
        shown = slot_target.copy()
        rows = rng.permutation(slots)[: round(share * slots)]
        shown[rows] = (shown[rows] + rng.integers(1, ARM_CLASSES, len(rows))) % ARM_CLASSES
        arms.append(rng.standard_normal((slots, ARM_WIDTH)) + 2.0 * np.eye(ARM_WIDTH)[shown])
    evidence = gather_evidence(real, arms, classes=(target, slot_target), repeats=1, seed=seed)
    found = rank_arms(evidence, goal=USELESS, confidence=0.95, seed=seed)
    return found.arms[0], len(found.better_than)


def bayes_once(seed: int, *, apart: float) -> list[float]:
    """Last points of all three curves of two Gaussian classes."""
    from synthaudit.measures.samples import Samples
    from synthaudit.measures.usefulness.train_synthetic_test_real import train_synthetic_test_real

    rng = np.random.default_rng(seed)
    target = np.arange(2000) % 2
    rows = rng.standard_normal((2000, 4))
    rows[:, 0] += apart * (target - 0.5)
    found = train_synthetic_test_real(
        Samples.of(
            rows,
            np.arange(2000) >= 1000,
            classes=np.array([f"class {n}" for n in target], dtype=object),
        ),
        np.full(2000, -1),
        lambda: rows,
        seed=seed,
    )
    assert found is not None
    curve = found.curve
    assert curve is not None
    return [own[-1].accuracy.value for own in (curve.real, curve.synthetic, curve.both)]


def many(work: Callable[[int], object], runs: int, workers: int) -> np.ndarray:
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        return np.array(list(pool.map(work, range(runs))), np.float64)


def worth_lines(runs: int, workers: int) -> Iterator[str]:
    yield "## Worth N real images: how often the interval holds the truth, at 95 %"
    yield ""
    yield (
        f"Gaussian classes, {runs} runs each; the synthetic images are of the real distribution, "
        "so that they are worth as many real ones. With fewer real images than synthetic ones the "
        "curve is followed beyond its end."
    )
    yield ""
    yield "| real | synthetic | classes | held | median value | median interval | open at the top |"
    yield "|---|---|---|---|---|---|---|"
    for real, synthetic, classes, width in (
        (1000, 200, 10, 32),
        (400, 120, 4, 16),
        (300, 600, 4, 16),
    ):
        sizes = {"real": real, "synthetic": synthetic, "classes": classes, "width": width}
        found = many(partial(worth_once, **sizes), runs, workers)
        held = float(((found[:, 1] <= synthetic) & (found[:, 2] >= synthetic)).mean())
        middle = np.median(found, axis=0)
        open_ended = float(np.isinf(found[:, 2]).mean())
        yield (
            f"| {real:,} | {synthetic:,} | {classes} | {held:.1%} | {middle[0]:,.0f} | "
            f"{middle[1]:,.0f} to {middle[2]:,.0f} | {open_ended:.0%} |"
        )
    yield ""


def goal_lines(runs: int, workers: int) -> Iterator[str]:
    planted = many(partial(arms_once, wrong=PLANTED), runs, workers)
    equal = many(partial(arms_once, wrong=(0.3,) * ARMS), runs, workers)
    yield "## goal: useful"
    yield ""
    yield (
        f"Five arms of 100 images of {ARM_CLASSES} Gaussian classes, {runs} runs: arms with "
        f"{', '.join(f'{own:.0%}' for own in PLANTED)} of wrong classes, and five arms with 30 % "
        "each."
    )
    yield ""
    yield "| question | share of runs |"
    yield "|---|---|"
    yield f"| the best of five planted arms is picked | {(planted[:, 0] == 1).mean():.1%} |"
    yield f"| it is called better than some other | {(planted[:, 1] > 0).mean():.1%} |"
    yield f"| among five equal arms one is called better | {(equal[:, 1] > 0).mean():.1%} |"
    yield ""


def bayes_lines(runs: int, workers: int) -> Iterator[str]:
    yield "## Learning curves of two Gaussian classes, against Bayes"
    yield ""
    yield "1,000 real and 1,000 synthetic images in 4 dimensions; accuracy at each curve's end."
    yield ""
    yield "| deviations apart | Bayes | real | synthetic | both |"
    yield "|---|---|---|---|---|"
    for apart in (1.0, 2.0, 3.0):
        found = many(partial(bayes_once, apart=apart), max(runs // 10, 4), workers)
        mean, error = found.mean(axis=0), found.std(axis=0, ddof=1) / np.sqrt(len(found))
        cells = [f"{own:.4f} +- {far:.4f}" for own, far in zip(mean, error, strict=True)]
        yield f"| {apart:.0f} | {norm.cdf(apart / 2):.4f} | {' | '.join(cells)} |"
    yield ""


def training_lines(data: Path, seeds: int = 3, steps: int = 300) -> Iterator[str]:
    """``train`` on photos of ``cifake_more``, against a loop written plainly."""
    import torch
    from validity_sets import CLASSES, lay_out, load_material

    import synthaudit

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        material = load_material(data, work)
        parts = {
            "real": material.own.of_each(0, 100),
            "synthetic": material.generated.of_each(0, 100),
            "test": material.judging.of_each(0, 200),
        }
        for name, pictures in parts.items():
            lay_out(pictures, work / name)
        start = time.perf_counter()
        found = synthaudit.train(
            work / "real",
            work / "synthetic",
            test=work / "test",
            model="small",
            steps=steps,
            seeds=seeds,
            device="cpu",
        )
        minutes = (time.perf_counter() - start) / 60
        named = {"real": ["real"], "synthetic": ["synthetic"], "both": ["real", "synthetic"]}
        plain = {
            arm: [
                plain_accuracy([work / side for side in sides], work / "test", steps, seed)
                for seed in range(seeds)
            ]
            for arm, sides in named.items()
        }
    yield "## synthaudit train, against a loop written plainly"
    yield ""
    yield (
        f"{len(CLASSES)} classes of `cifake_more`, 100 photos and 100 generated images of each, "
        f"200 photos of each to judge; `--model small --steps {steps}`, {seeds} seeds "
        f"({minutes:.1f} minutes). The plain loop has a DataLoader, torchvision's transforms and "
        "other random numbers."
    )
    yield ""
    yield "| learnt from | train | plain loop | difference | its standard error |"
    yield "|---|---|---|---|---|"
    for arm, accuracies in plain.items():
        own = found.arm(arm)
        error = np.sqrt((np.var(own.seeds, ddof=1) + np.var(accuracies, ddof=1)) / seeds)
        yield (
            f"| {arm} | {own.accuracy.value:.3f} | {np.mean(accuracies):.3f} | "
            f"{own.accuracy.value - np.mean(accuracies):+.3f} | {error:.3f} |"
        )
    yield ""


def plain_accuracy(sides: Sequence[Path], test: Path, steps: int, seed: int) -> float:
    """The recipe of ``train`` as anybody would write it."""
    import torch
    from torch import nn
    from torch.utils.data import ConcatDataset, DataLoader
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import v2

    from synthaudit.training.networks import small_network

    common = [
        v2.ToImage(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ]
    change = [v2.RandomHorizontalFlip(), v2.RandomCrop(32, padding=4, padding_mode="reflect")]
    pictures = ConcatDataset([ImageFolder(side, v2.Compose([*change, *common])) for side in sides])
    torch.manual_seed(seed)
    network = small_network(10)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=1e-3, total_steps=steps, pct_start=0.2
    )
    loader, step = DataLoader(pictures, 64, shuffle=True, drop_last=True), 0
    while step < steps:
        for inputs, target in loader:
            if step == steps:
                break
            optimiser.zero_grad()
            nn.functional.cross_entropy(network(inputs), target).backward()
            optimiser.step()
            schedule.step()
            step += 1
    network.eval()
    right = 0
    with torch.no_grad():
        asked = ImageFolder(test, v2.Compose(common))
        for inputs, target in DataLoader(asked, 250):
            right += int((network(inputs).argmax(1) == target).sum())
    return right / len(asked)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--data", type=Path, default=PROJECT.parent / "shared" / "data")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    workers = len(os.sched_getaffinity(0))
    parts = {
        "worth": lambda: worth_lines(options.runs, workers),
        "goal": lambda: goal_lines(options.runs, workers),
        "bayes": lambda: bayes_lines(options.runs, workers),
        "training": lambda: training_lines(options.data),
    }
    lines = ["# What is said of usefulness, against planted truth", ""]
    lines += ["Made by `python benchmarks/usefulness.py`.", ""]
    for name, make in parts.items():
        if options.only in name:
            lines += list(make())
            print("\n".join(lines[-8:]), flush=True)
    if not options.only:
        (PROJECT / "reports" / "usefulness.md").write_text("\n".join(lines).rstrip() + "\n")


if __name__ == "__main__":
    main()
