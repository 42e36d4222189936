"""The stages of benchmarks/performance.py that audit vectors, each a process of its own."""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path
from typing import Any, Self

import numpy as np
from performance_stages import DIMENSION, KINDS, peak_megabytes

from synthaudit.measures.scores import SCORE_NAMES


def make_vectors(file: str, count: str) -> dict[str, int]:
    """Vectors in 200 loose kinds; one in forty is a jittered copy of another, which is noted."""
    rng = np.random.default_rng(0)
    size = int(count)
    centres = rng.standard_normal((KINDS, DIMENSION), dtype=np.float32)
    vectors = np.lib.format.open_memmap(file, mode="w+", dtype=np.float32, shape=(size, DIMENSION))
    for start in range(0, size, 50_000):
        stop = min(start + 50_000, size)
        kind = rng.integers(0, KINDS, stop - start)
        noise = rng.standard_normal((stop - start, DIMENSION), dtype=np.float32)
        vectors[start:stop] = centres[kind] + np.float32(1.2) * noise
    copies = np.sort(rng.choice(size, size // 40, replace=False))
    own = np.setdiff1d(np.arange(size), copies)
    sources = own[rng.integers(0, len(own), len(copies))]
    jitter = rng.standard_normal((len(copies), DIMENSION), dtype=np.float32)
    vectors[copies] = vectors[sources] + np.float32(0.1) * jitter
    vectors.flush()
    np.save(f"{file}.real.npy", vectors[: size // 2])
    np.save(f"{file}.synthetic.npy", vectors[size // 2 :])
    np.savez(f"{file}.planted.npz", copies=copies, sources=sources)
    return {"copies": len(copies)}


class Watch:
    """Seconds of each stage, and the peak of memory up to its end."""

    def __init__(self) -> None:
        self.stages: list[tuple[str, float, float]] = []
        self.current: tuple[str, float] | None = None

    def start(self, stage: str, total: int) -> None:  # noqa: ARG002
        """Note how long the last stage took."""
        now = time.perf_counter()
        if self.current is not None:
            name, begun = self.current
            self.stages.append((name, now - begun, peak_megabytes()))
        self.current = (stage, now)

    def advance(self, count: int) -> None:
        """Nothing: only whole stages are timed."""


def split_option(text: str) -> tuple[str, float]:
    name, _, value = text.partition("=")
    return name, float(value)


class Memory:
    """The most memory of the process's own, which no file stands for, sampled as it works."""

    def __enter__(self) -> Self:
        self.most, self._done = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.05):
            text = Path("/proc/self/status").read_text()
            self.most = max(self.most, float(text.partition("RssAnon:")[2].split()[0]) / 1e3)


class Work:
    """Counts the multiplications that an audit cannot do without."""

    def __init__(self) -> None:
        from synthaudit.measures.detection import logistic
        from synthaudit.measures.search import neighbours

        self.searching = self.detecting = 0.0
        inner_reach, problem = neighbours.measure_reach, logistic._Problem  # noqa: SLF001

        def reach(unit: Any, parted: Any, sample: Any, *others: Any) -> Any:
            found = inner_reach(unit, parted, sample, *others)
            rows, candidates = len(unit), len(parted.members)
            pairs = rows * found.probes * candidates / len(parted.centres)
            pairs += rows * len(parted.centres) + len(sample) * candidates
            self.searching += 2.0 * pairs * unit.shape[1]
            return found

        def counted(inner: Any) -> Any:
            def run(problem: Any, values: Any) -> Any:
                self.detecting += 2.0 * np.prod(problem.rows.shape) * values.shape[1]
                return inner(problem, values)

            return run

        neighbours.measure_reach = reach
        problem.log_odds, problem.pull = counted(problem.log_odds), counted(problem.pull)


def audit(file: str, speed: str, *options: str) -> dict[str, Any]:
    """The audit of two files of vectors; recall by what was planted."""
    import synthaudit

    half = len(np.load(f"{file}.real.npy", mmap_mode="r"))
    watch = Watch()
    warm = np.random.default_rng(0).standard_normal((2, 50, 8))
    synthaudit.score_embeddings(*warm, quick=True)
    work = Work()
    start = time.perf_counter()
    with Memory() as memory:
        found = synthaudit.score(
            f"{file}.real.npy",
            f"{file}.synthetic.npy",
            quick=speed == "quick",
            progress=watch,
            cache=f"{file}.cache",
            **dict(map(split_option, options)),
        )
    seconds = time.perf_counter() - start
    planted = np.load(f"{file}.planted.npz")
    across = (planted["copies"] >= half) & (planted["sources"] < half)
    copies, sources = planted["copies"][across] - half, planted["sources"][across]
    synthetic = found.images[found.images["side"] == "synthetic"].set_index("path")
    rows = synthetic.loc[[str(row) for row in copies]]
    right = rows["nearest_real"].to_numpy() == np.array([str(row) for row in sources])
    return {
        "seconds": seconds,
        "megabytes": peak_megabytes(),
        "private": memory.most,
        "stages": watch.stages,
        "searching": work.searching,
        "detecting": work.detecting,
        "checked": found.duplicates["search_recall"],
        "scores": [getattr(found, name).value for name in SCORE_NAMES],
        "recall": float(right.mean()) if len(right) else None,
        "copies": int(across.sum()),
        "flagged": float(rows["is_unoriginal"].mean()) if len(rows) else None,
    }


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
