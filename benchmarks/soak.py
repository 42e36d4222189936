"""Many audits and sweeps in one process: does anything grow?

Run: python benchmarks/soak.py [--audits 200] [--sweeps 50] [--out FILE]
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

import synthaudit
from synthaudit.reporting.files import write_all

WARM = 0.25
"""Share of the runs after which everything that is kept on purpose is there."""


@dataclass(frozen=True, kw_only=True)
class Use:
    """What the process holds."""

    megabytes: float
    handles: int
    threads: int
    processes: int
    shared: int

    @classmethod
    def now(cls) -> Use:
        """As Linux tells it."""
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        own = str(os.getpid())
        children = Path(f"/proc/{own}/task/{own}/children").read_text().split()
        return cls(
            megabytes=pages * os.sysconf("SC_PAGE_SIZE") / 1e6,
            handles=len(list(Path("/proc/self/fd").iterdir())),
            threads=threading.active_count(),
            processes=len(children),
            shared=len(list(Path("/dev/shm").glob(f"*-{own}-*"))),  # noqa: S108
        )


def make_sides(folder: Path, images: int = 24) -> tuple[Path, Path]:
    """Two sets of noise on gradients, in two classes."""
    rng = np.random.default_rng(0)
    for side in ("real", "synthetic"):
        for number in range(images):
            place = folder / side / "ab"[number % 2]
            place.mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
            Image.fromarray(pixels).resize((48, 48)).save(place / f"{number}.png")
    return folder / "real", folder / "synthetic"


def watch(run: Callable[[int], None], runs: int) -> list[Use]:
    """What is held after each run."""
    found = []
    for number in range(runs):
        run(number)
        found.append(Use.now())
    return found


def row(name: str, found: Sequence[Use]) -> str:
    """A line of the table: at the end of the warm-up, at the end, and the slope of memory."""
    start = int(len(found) * WARM)
    later = found[start:]
    slope = np.polyfit(np.arange(len(later)), [use.megabytes for use in later], 1)[0]
    shown = [
        f"{getattr(later[0], what)} → {getattr(later[-1], what)} (most {most})"
        for what in ("handles", "threads", "processes", "shared")
        for most in [max(getattr(use, what) for use in later)]
    ]
    memory = (
        f"{later[0].megabytes:.0f} → {later[-1].megabytes:.0f} MB ({1000 * slope:+.0f} kB a run)"
    )
    return f"| {name} | {len(found)} | {memory} | {' | '.join(shown)} |"


def soak(audits: int, sweeps: int) -> list[str]:
    """The lines of the report."""
    logging.getLogger("synthaudit").setLevel(logging.ERROR)  # each sweep says that the plan changed
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        real, made = make_sides(folder)

        def audit(number: int) -> None:
            # Half of them find everything in the cache, half of them decode.
            found = synthaudit.score(
                real, made, embedder="builtin", quick=True, seed=number % 3,
                cache=folder / "cache", use_cache=number % 2 == 0,
            )  # fmt: skip
            write_all(found, folder / "audit")

        def sweep(number: int) -> None:
            plan = synthaudit.Plan.model_validate(
                {
                    "real": str(real),
                    "images_per_arm": 8,
                    "seed": number % 5,
                    "generator": {"name": "augment"},
                    "axes": {"strength": [0.2, 2.0]},
                }
            )
            synthaudit.sweep(
                plan, out=folder / "sweep", embedder="builtin", quick=True, cache=folder / "cache"
            )

        return [
            "| what | runs | memory | handles | threads | processes | shared memory |",
            "|---|---|---|---|---|---|---|",
            row("audits with their reports", watch(audit, audits)),
            row("sweeps on one store", watch(sweep, sweeps)),
        ]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--audits", type=int, default=200)
    arguments.add_argument("--sweeps", type=int, default=50)
    given = arguments.parse_args()
    print("\n".join(soak(given.audits, given.sweeps)))


if __name__ == "__main__":
    main()
