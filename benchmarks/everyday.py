"""Whole audits: seconds of wall and CPU by stage, before and after, full and quick, cold and warm.

Every audit is a process of its own on two cores; the code of an earlier commit runs in the same
environment, from a work tree of its own. Cold has an empty cache of vectors, warm a full one.

    python benchmarks/everyday.py --before 8353014
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections import defaultdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
DATA = HERE.parent.parent / "shared" / "data" / "cifake_more"
CORES = 2

TIMED = """
import json, os, sys, time
began = time.perf_counter(), time.process_time()
from synthaudit.auditing.scoring import score
class Stages:
    def __init__(self):
        self.rows, self.at, self.stage = [], began, "imports"
    def start(self, stage, total):
        now = time.perf_counter(), time.process_time()
        self.rows.append((self.stage, now[0] - self.at[0], now[1] - self.at[1]))
        self.stage, self.at = stage.split(" /")[0], now
    def advance(self, steps):
        pass
real, synthetic, cache, quick = sys.argv[1:]
stages = Stages()
audit = score(real, synthetic, embedder="builtin", cache=cache, quick=quick == "quick",
              progress=stages)
stages.start("end", 0)
times = os.times()
print(json.dumps({
    "stages": stages.rows,
    "wall": time.perf_counter() - began[0],
    "cpu": sum(times[:4]),
    "scores": {name: score.value for name, score in audit.scores.items()},
}))
"""


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--before", help="a commit to compare with")
    asked.add_argument("--images", type=int, nargs="*", default=[400, 2000, 10_000])
    asked.add_argument("--out", type=Path, default=HERE.parent / "reports" / "everyday.md")
    options = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for side in ("real", "synthetic"):
            with tarfile.open(DATA / f"{side}.tar") as shard:
                shard.extractall(place / side, filter="data")
        trees = {"after": HERE.parent}
        if options.before:
            trees = {"before": place / "before", **trees}
            command = ["git", "worktree", "add", "--detach", str(place / "before"), options.before]
            subprocess.run(command, cwd=HERE.parent, check=True, capture_output=True)
        try:
            text = report(place, trees, options.images, options.before)
        finally:
            subprocess.run(["git", "worktree", "prune"], cwd=HERE.parent, check=True)
    options.out.write_text(text)
    print(text)


def report(place: Path, trees: dict[str, Path], sizes: list[int], before: str | None) -> str:
    told = (
        f"Made by `python benchmarks/everyday.py --before {before}`: CIFAKE images (32 pixels), "
        f"`builtin`, {CORES} cores of a shared machine, each audit a process of its own, imports "
        "included; once each. Seconds of wall, and of CPU in brackets."
    )
    lines = [
        "# A whole audit",
        "",
        told,
        "",
        f"| images a side | audit | cache | {' | '.join(trees)} | ratio of wall |",
        "|---|---|---|" + "---:|" * (len(trees) + 1),
    ]
    parts: dict[tuple[str, str], dict[str, tuple[float, float]]] = defaultdict(dict)
    for size in sizes:
        sides = [manifest(place, side, size) for side in ("real", "synthetic")]
        for kind in ("full", "quick"):
            found: dict[str, dict[str, dict]] = {}
            for name, tree in trees.items():
                cache = place / f"cache-{name}-{size}-{kind}"
                found[name] = {
                    warmth: run(tree, [*sides, str(cache), kind]) for warmth in ("cold", "warm")
                }
                for warmth, own in found[name].items():
                    if warmth == "warm" and size == 2000:
                        for stage, wall, cpu in own["stages"]:
                            old = parts[kind, stage].get(name, (0.0, 0.0))
                            parts[kind, stage][name] = (old[0] + wall, old[1] + cpu)
            for warmth in ("cold", "warm"):
                own = [found[name][warmth] for name in trees]
                cells = [f"{one['wall']:.1f} ({one['cpu']:.1f})" for one in own]
                ratio = f"{own[0]['wall'] / own[-1]['wall']:.2f}"
                lines.append(f"| {size:,} | {kind} | {warmth} | {' | '.join(cells)} | {ratio} |")
                print(lines[-1], flush=True)
    lines += ["", "## By stage, warm, 2,000 a side", ""]
    lines += [f"| audit | stage | {' | '.join(trees)} |", "|---|---|" + "---:|" * len(trees)]
    for (kind, stage), own in parts.items():
        cells = [
            f"{own[name][0]:.2f} ({own[name][1]:.2f})" if name in own else "-" for name in trees
        ]
        lines.append(f"| {kind} | {stage} | {' | '.join(cells)} |")
    lines += ["", "Stages that run beside others count into the CPU of those."]
    return "\n".join(lines) + "\n"


def run(tree: Path, arguments: list[str]) -> dict:
    command = [sys.executable, "-c", TIMED, *arguments]
    cores = sorted(os.sched_getaffinity(0))[-CORES:]
    environment = {
        name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")
    }
    done = subprocess.run(
        command,
        cwd=tree,
        env={**environment, "PYTHONPATH": str(tree)},
        check=True,
        capture_output=True,
        text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    )
    found: dict = json.loads(done.stdout.splitlines()[-1])
    return found


def manifest(place: Path, side: str, size: int) -> str:
    """The first images of each class, as many of each."""
    classes = sorted(folder for folder in (place / side).iterdir() if folder.is_dir())
    rows = ["path,class"]
    for folder in classes:
        files = sorted(folder.iterdir())[: size // len(classes)]
        rows += [f"{file},{folder.name}" for file in files]
    file = place / f"{side}-{size}.csv"
    file.write_text("\n".join(rows) + "\n")
    return str(file)


if __name__ == "__main__":
    main()
