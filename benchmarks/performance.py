"""How fast, beside the alternatives and beside what the machine can do. Writes a report.

    python benchmarks/performance.py [--data ../shared/data] [--only pixels search ...]
    python benchmarks/performance.py --device cuda    # writes reports/performance-gpu.md instead

Every measurement runs in a process of its own, so that peak memory is its own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

PROJECT = Path(__file__).resolve().parents[1]
STAGES = Path(__file__).with_name("performance_stages.py")
PEERS = PROJECT / ".venv-peers" / "bin" / "python"
ORACLES = PROJECT / ".venv-oracles" / "bin" / "python"
KINDS = ("JPEG 512", "JPEG 12 MP", "PNG 512", "WebP 512")
VECTOR_SIZES = (1_000, 10_000, 100_000, 1_000_000)
IMAGE_SIZES = (1_000, 4_000, 16_000, 50_000)
WIDTH = 512


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the data are, where to write, and what the machine can do."""

    data: Path
    scratch: Path
    limits: dict[str, float]


def stage(name: str, *arguments: object, python: Path | str = sys.executable) -> Any:
    command = [python, STAGES, name, *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def machine() -> str:
    names = ("synthaudit", "numpy", "faiss-gpu", "torch", "open_clip_torch", "pillow", "simplejpeg")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, {versions}."


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    return [*lines, *(f"| {' | '.join(row)} |" for row in rows), ""]


def pixels(place: Place) -> list[str]:
    rows = []
    for kind in KINDS:
        found = stage("pixels", place.data, kind)
        rows.append(
            [
                kind,
                *(f"{1e3 * found[n]:.2f}" for n in ("open_clip", "pillow", "ours_without_fast")),
                f"{1e3 * found['ours']:.2f}",
                f"{found['open_clip'] / found['ours_without_fast']:.1f}",
                f"**{found['open_clip'] / found['ours']:.1f}**",
                f"{found['mean']:.2f}, {found['p99']:.0f}, {found['most']:.0f}",
            ]
        )
    rates = {w: stage("pipeline", place.data, w)["rate"] for w in ("open_clip", "pipe", "ours")}
    return [
        "## Bytes to pixels",
        "",
        "One thread, 224 pixels wanted, milliseconds an image: open_clip's own transform; Pillow's",
        "decoding alone; ours without and with the extra `fast`. Then open_clip's time over ours,",
        "and by how many grey levels the pixels differ: mean, 99th percentile, most.",
        "",
        *table(
            ["", "open_clip", "Pillow decodes", "ours", "ours, fast", "ratio", "ratio, fast",
             "grey levels"],
            rows,
        ),
        "400 photos of 400 pixels, three times, two workers: open_clip's transform in a plain",
        f"DataLoader {rates['open_clip']:,.0f} images/s; ours through a pipe {rates['pipe']:,.0f};",
        f"ours through shared memory {rates['ours']:,.0f}:",
        f"**{rates['ours'] / rates['open_clip']:.1f} times** the DataLoader.",
        "",
    ]  # fmt: skip


def search(place: Place) -> list[str]:
    rows = []
    for size in (20_000, 50_000):
        file = place.scratch / f"search-{size}.npy"
        by_score_benchmark("save_vectors", file, size)
        theirs = by_score_benchmark("search_datalab", file, python=ORACLES)
        ours = by_score_benchmark("search_pairs", file, theirs["threshold"])
        assert ours["pairs"] == theirs["pairs"], "the pairs differ"
        ratio = theirs["seconds"] / ours["seconds"]
        ideal = size * size * 64 / (place.limits["gigaflops"] * 1e9)
        rows.append(
            [f"{size:,}", f"{theirs['seconds']:.1f}", f"{ours['seconds']:.2f}", f"**{ratio:.1f}**",
             f"{len(ours['pairs']):,}", f"{ideal:.2f}"]
        )  # fmt: skip
    return [
        "## Near-duplicate search",
        "",
        "All pairs within Datalab's own threshold: the same pairs. The limit is what products on",
        "64 axes would take at this machine's rate; ours multiplies 48, and looks through them.",
        "",
        *table(["vectors x 512", "Datalab, s", "ours, s", "ratio", "pairs", "limit, s"], rows),
    ]


def by_score_benchmark(name: str, *arguments: object, python: Path | str = sys.executable) -> Any:
    command = [python, STAGES.with_name("score.py"), "--stage", name, *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def peers(place: Place) -> list[str]:
    file = place.scratch / "measures.npy"
    stage("make_vectors", file, 10_000)
    ours, theirs = stage("our_measures", file), stage("peer_measures", file, python=PEERS)
    assert abs(ours["frechet_value"] - theirs["frechet_value"]) < 1e-4 * theirs["frechet_value"]
    assert abs(ours["coverage"] - theirs["coverage"]) < 0.02
    titles = {
        "neighbourhoods": "precision, recall, density, coverage: prdc",
        "frechet": "Frechet distance: torch-fidelity",
        "kernel": "kernel distance, 100 subsets of 1,000: torch-fidelity",
    }
    rows = [
        [title, f"{theirs[name]:.2f}", f"{ours[name]:.2f}", f"{theirs[name] / ours[name]:.1f}"]
        for name, title in titles.items()
    ]
    folder = place.data / "cifake" / "real"
    mine, other = stage("our_patterns", folder), stage("peer_patterns", folder, python=PEERS)
    assert mine["images"] == other["images"]
    count = f"{mine['images']:,}"
    rows.append(
        [f"perceptual hashes of {count} photos, ours of eight framings: imagededup",
         f"{other['seconds']:.2f}", f"{mine['seconds']:.2f}",
         f"{other['seconds'] / mine['seconds']:.1f}"]
    )  # fmt: skip
    return [
        "## Measures",
        "",
        "5,000 against 5,000 vectors of 512 numbers, the same values (coverage within 0.02, for",
        "prdc counts neighbours with the image itself).",
        "",
        *table(["what: peer", "peer, s", "ours, s", "ratio"], rows),
    ]


def growth(place: Place) -> list[str]:
    rows, times, last = [], [], {}
    for size in VECTOR_SIZES:
        file = place.scratch / "growth.npy"
        stage("make_vectors", file, size)
        found = stage("audit", file, "quick")
        print(size, found, flush=True)
        times.append(found["seconds"])
        parts = {name: seconds for name, seconds, _ in found["stages"]}
        searching = parts["searching near-duplicates"]
        rows.append(
            [f"{size:,}", f"{found['seconds']:.1f}", f"{searching:.1f}",
             f"{parts['cross-validating the detector']:.1f}", f"{found['megabytes']:,.0f}",
             f"{file.stat().st_size / 1e6:,.0f}", f"{found['recall']:.4f} of {found['copies']:,}"]
        )  # fmt: skip
        last = {"seconds": found["seconds"], "searching": searching}
        for made in place.scratch.glob("growth.npy*"):
            made.unlink()
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
        "## How cost grows",
        "",
        "`score --quick` of vectors of 512 numbers, half of them real. Recall: how many of the",
        "planted copies across the sides found their own original as the nearest real one.",
        "",
        *table(["vectors", "s", "search, s", "detector, s", "peak MB", "file MB", "recall"], rows),
        f"Seconds grow as the vectors to the power of {exponent(VECTOR_SIZES[1:], times[1:]):.2f}",
        "(from 10,000 on). Up to 2e9 pairs every pair is looked at, above that the 8 nearest of",
        "about 1.5 sqrt(N) cells.",
        "",
        "CIFAKE's 32-pixel JPEGs, turned and mirrored, to vectors by `builtin`, an empty cache:",
        "",
        *table(["images", "s", "images/s", "peak MB", "cache MB"], images),
        f"Seconds grow as the images to the power of {exponent(IMAGE_SIZES, rates):.2f}.",
        "",
        *plan_of_100_million(last, rates[-1] / IMAGE_SIZES[-1]),
    ]


def exponent(sizes: tuple[int, ...], seconds: list[float]) -> float:
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def plan_of_100_million(last: dict[str, float], an_image: float) -> list[str]:
    """A plan by multiplication, from what was measured above."""
    count, cores = 100_000_000, os.cpu_count() or 1
    embedding = an_image * cores * count / 3600
    searching = last["searching"] * cores * (count / VECTOR_SIZES[-1]) ** 1.5 / 3600
    shards = 100
    inside = last["searching"] * cores * shards**2 / 3600
    return [
        "## A plan for 100 million images, by multiplication",
        "",
        f"Not run: the figures above, multiplied. Vectors take {count * WIDTH * 4 / 1e9:,.0f} GB.",
        "",
        f"- Embedding with `builtin`: {embedding:,.0f} core hours; a model on a GPU is bound by",
        "  the slower of its own rate and the decoding above.",
        f"- Search in cells over all vectors: {searching:,.0f} core hours if one index holds them",
        f"  (cost to the power of 1.5); {inside:,.0f} as {shards} shards of a million, each",
        "  searched by all, which needs 4 GB a worker and sends every vector to every worker.",
        "- What breaks first: the driver, which holds all vectors and tables in memory, about",
        f"  {count * (WIDTH * 8 + 200) / 1e9:,.0f} GB.",
        "",
    ]


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


def profile(place: Place) -> list[str]:
    """Where the time of an audit goes, by py-spy's samples."""
    file, samples = place.scratch / "profile.npy", place.scratch / "profile.txt"
    stage("make_vectors", file, 200_000)
    command = ["py-spy", "record", "--native", "--format", "raw", "--rate", "50", "--output"]
    command[0] = str(Path(sys.executable).with_name("py-spy"))
    subprocess.run(
        [*command, samples, "--", sys.executable, STAGES, "audit", file, "quick"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True,
    )  # fmt: skip
    totals: dict[str, int] = {}
    for line in samples.read_text().splitlines():
        stack, _, number = line.rpartition(" ")
        ours = [frame for frame in stack.split(";") if "synthaudit/" in frame]
        if ours:
            name = (
                ours[-1].split(" (")[0] + " in " + ours[-1].split("synthaudit/")[-1].split(":")[0]
            )
            totals[name] = totals.get(name, 0) + int(number)
    whole = sum(totals.values())
    largest = sorted(totals.items(), key=lambda item: -item[1])[:10]
    return [
        "## Where the time goes",
        "",
        "py-spy's samples of `score --quick` of 200,000 vectors, by our innermost function:",
        "",
        *table(["function", "share"], [[n, f"{c / whole:.0%}"] for n, c in largest]),
    ]


SECTIONS: dict[str, Callable[[Place], list[str]]] = {
    "pixels": pixels,
    "search": search,
    "peers": peers,
    "growth": growth,
    "profile": profile,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=PROJECT.parent / "shared" / "data")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, help="print these, write nothing")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    arguments = parser.parse_args()
    if arguments.device == "cuda":
        from performance_gpu import report_of_gpu

        (PROJECT / "reports" / "performance-gpu.md").write_text(report_of_gpu())
        return
    limits = stage("limits")
    lines = [
        "# Performance",
        "",
        "Made by `python benchmarks/performance.py`; one run, no GPU. Ratios are to be trusted",
        "more than seconds: the machine is shared.",
        "",
        machine(),
        "",
        f"In float32 the machine multiplies {limits['gigaflops']:,.0f} GFLOP/s, one core",
        f"{limits['one_core']:,.0f}; memory moves {limits['gigabytes']:.0f} GB/s.",
        "",
    ]
    for name in arguments.only or SECTIONS:
        with tempfile.TemporaryDirectory() as scratch:
            place = Place(data=arguments.data.resolve(), scratch=Path(scratch), limits=limits)
            made = SECTIONS[name](place)
        print("\n".join(made), flush=True)
        lines += made
    if not arguments.only:
        (PROJECT / "reports" / "performance.md").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
