"""How the cost of an audit grows: the sections growth and memory of benchmarks/performance.py."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from performance_parts import AUDITS, Place, stage, table
from PIL import Image

VECTOR_SIZES = (1_000, 10_000, 100_000, 1_000_000)
IMAGE_SIZES = (1_000, 4_000, 16_000, 50_000)
MANY = 400_000
WIDTH = 512


def growth(place: Place) -> list[str]:
    rows, parts, quick, full = [], [], [], []
    for size in VECTOR_SIZES:
        file = place.scratch / "growth.npy"
        stage("make_vectors", file, size, script=AUDITS)
        found = {speed: stage("audit", file, speed, script=AUDITS) for speed in ("quick", "full")}
        print(size, found, flush=True)
        quick.append(found["quick"])
        full.append(found["full"])
        checked = quick[-1]["checked"]
        rows.append(
            [f"{size:,}", f"{quick[-1]['seconds']:.1f}", f"{quick[-1]['megabytes']:,.0f}",
             f"{full[-1]['seconds']:.1f}", f"{full[-1]['megabytes']:,.0f}",
             f"{file.stat().st_size / 1e6:,.0f}",
             "every pair" if checked is None else f"{checked:.4f}",
             f"{quick[-1]['recall']:.4f} of {quick[-1]['copies']:,}"]
        )  # fmt: skip
        for made in place.scratch.glob("growth.npy*"):
            made.unlink() if made.is_file() else shutil.rmtree(made)
    names = [name for name, _, _ in full[0]["stages"] if name != "done"]
    for name in dict.fromkeys(names):
        each = [sum(s for n, s, _ in found["stages"] if n == name) for found in full]
        parts.append([name, *(f"{seconds:.1f}" for seconds in each)])
    images, rates = growth_of_images(place)
    return [
        "## How cost grows",
        "",
        "`score --quick` and `score` of vectors of 512 numbers, half of them real. Checked: the",
        "recall of near neighbours that the audit measures and reports itself. Recall: how many of",
        "the planted copies across the sides found their own original as the nearest real one.",
        "",
        *table(["vectors", "quick, s", "peak MB", "full, s", "peak MB", "file MB", "checked",
                "recall"], rows),
        f"Seconds grow as the vectors to the power of {growth_exponent(quick):.2f} with `--quick`,",
        f"of {growth_exponent(full):.2f} without (from 10,000 on). Up to 2e9 pairs every pair is",
        "looked at, above that the nearest of about 1.5 sqrt(N) cells, at least 8 of them.",
        "Seconds by stage, without `--quick`:",
        "",
        *table(["stage", *(f"{size:,}" for size in VECTOR_SIZES)], parts),
        *distance_to_the_limit(place, quick[-1]),
        *images,
        *plan_of_100_million(quick[-1], rates[-1] / IMAGE_SIZES[-1]),
    ]  # fmt: skip


def searching_seconds(found: dict[str, Any]) -> float:
    return sum(s for name, s, _ in found["stages"] if name == "searching near-duplicates")


def growth_exponent(found: list[dict[str, Any]]) -> float:
    return exponent(VECTOR_SIZES[1:], [each["seconds"] for each in found[1:]])


def distance_to_the_limit(place: Place, found: dict[str, Any]) -> list[str]:
    """What the products of the two long stages would take if nothing else had to be done."""
    taken = {name: seconds for name, seconds, _ in found["stages"]}
    count = VECTOR_SIZES[-1]
    # Turning to the principal axes: the moments, and the rotation.
    turning = 4.0 * count * WIDTH**2
    rows = []
    for title, work, name in (
        ("search in cells", found["searching"], "searching near-duplicates"),
        ("detector", found["detecting"] + turning, "cross-validating the detector"),
    ):
        least = work / (place.limits["gigaflops"] * 1e9)
        rows.append([title, f"{work / 1e12:.1f}", f"{least:.0f}", f"{taken[name]:.0f}",
                     f"{least / taken[name]:.0%}"])  # fmt: skip
    return [
        f"The distance to what the machine can do, at {count:,} vectors with `--quick`: the",
        "multiplications that these stages need, and how long they would take alone.",
        "",
        *table(["stage", "TFLOP", "limit, s", "taken, s", "share"], rows),
    ]


def growth_of_images(place: Place) -> tuple[list[str], list[float]]:
    images, rates = [], []
    make_images(place.data, place.scratch / "many", max(IMAGE_SIZES))
    for size in IMAGE_SIZES:
        folder = part_of(place.scratch / "many", place.scratch / f"images-{size}", size)
        found = stage("embed", folder, place.scratch / f"cache-{size}")
        rates.append(found["seconds"])
        images.append(
            [f"{size:,}", f"{found['seconds']:.1f}", f"{found['images'] / found['seconds']:,.0f}",
             f"{found['megabytes']:,.0f}", f"{found['disk']:,.0f}"]
        )  # fmt: skip
    return [
        "CIFAKE's 32-pixel JPEGs, turned and mirrored, to vectors by `builtin`, an empty cache:",
        "",
        *table(["images", "s", "images/s", "peak MB", "cache MB"], images),
        f"Seconds grow as the images to the power of {exponent(IMAGE_SIZES, rates):.2f}.",
        "",
    ], rates


def beyond_memory(place: Place) -> list[str]:
    """Vectors in files; an audit that is killed halfway and run again."""
    file = place.scratch / "many.npy"
    stage("make_vectors", file, MANY, script=AUDITS)
    inside = stage("audit", file, "quick", script=AUDITS)
    outside = stage("audit", file, "quick", "memory=0", script=AUDITS)
    assert outside["scores"] == inside["scores"]
    half = searching_seconds(inside) * 0.6
    command = [sys.executable, AUDITS, "audit", file, "quick"]
    killed = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    time.sleep(half)
    killed.kill()
    killed.wait()
    again = stage("audit", file, "quick", script=AUDITS)
    assert again["scores"] == inside["scores"]
    rows = [
        [name, f"{found['seconds']:.0f}", f"{searching_seconds(found):.0f}",
         f"{found['private']:,.0f}"]
        for name, found in (
            ("vectors in memory", inside),
            ("vectors in files (`--memory 0`)", outside),
            (f"again, killed after {half:.0f} s", again),
        )
    ]  # fmt: skip
    return [
        "## Beyond the memory, and after a kill",
        "",
        f"`score --quick` of {MANY:,} x {WIDTH}, the same four scores each time. Private: memory",
        "that no file stands for, at its peak.",
        "",
        *table(["", "s", "search, s", "private MB"], rows),
    ]


def exponent(sizes: tuple[int, ...], seconds: list[float]) -> float:
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def plan_of_100_million(last: dict[str, Any], an_image: float) -> list[str]:
    """A plan by multiplication, from what was measured above."""
    count, cores, machines = 100_000_000, os.cpu_count() or 1, 32
    at_once = machines * 32
    embedding = an_image * cores * count / 3600
    more = count / VECTOR_SIZES[-1]
    searching = searching_seconds(last) * cores * more**1.5 / 3600
    vectors, tables = count * WIDTH * 4 / 1e9, count * 400 / 1e9
    return [
        "## A plan for 100 million images, by multiplication",
        "",
        f"Not run: the figures above, multiplied, for a Ray cluster of {machines} machines of 32",
        f"cores. Vectors of {WIDTH} numbers take {vectors:,.0f} GB.",
        "",
        f"- Embedding with `builtin`: {embedding:,.0f} core hours, {embedding / at_once:.2f} hours",
        "  of the cluster; a model on GPUs is bound by the slower of its rate and the decoding.",
        f"- Search in cells (cost to the power of 1.5): {searching:,.0f} core hours,",
        f"  {searching / at_once:.1f} hours of the cluster. Every machine holds all vectors in",
        f"  Ray's shared memory, or on its disk: {vectors * machines / 1e3:,.1f} TB over the",
        "  network.",
        f"- The detector, on the driver: {detecting_hours(last) * more:,.1f} hours in proportion,",
        "  if its disk reads as fast as it multiplies.",
        "- What breaks first: the memory of each machine; then the driver, which keeps the",
        f"  vectors three times ({3 * vectors:,.0f} GB, on disk beyond `--memory`) and the tables",
        f"  in memory ({tables:,.0f} GB); then the detector, which only one machine trains.",
        "",
    ]


def detecting_hours(found: dict[str, Any]) -> float:
    taken = [s for name, s, _ in found["stages"] if name == "cross-validating the detector"]
    return sum(taken) / 3600


def make_images(data: Path, folder: Path, count: int) -> None:
    """CIFAKE's photos, each in as many turns and brightnesses as are needed."""
    folder.mkdir()
    files = sorted((data / "cifake").rglob("*.jpg"))
    for number in range(count):
        with Image.open(files[number % len(files)]) as image:
            turn = number // len(files)
            changed = image.rotate(90 * (turn % 4)).point(lambda v, t=turn: min(v + 2 * t, 255))
            changed.save(folder / f"{number:06d}.jpg", quality=90)


def part_of(whole: Path, folder: Path, count: int) -> Path:
    folder.mkdir()
    for file in sorted(whole.iterdir())[:count]:
        (folder / file.name).hardlink_to(file)
    return folder
