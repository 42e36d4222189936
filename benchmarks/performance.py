"""How fast, beside the alternatives and beside what the machine can do. Writes a report.

    python benchmarks/performance.py [--data ../shared/data] [--only pixels search ...]
    python benchmarks/performance.py --device cuda    # writes reports/performance-gpu.md instead

Every measurement runs in a process of its own, so that peak memory is its own.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from performance_growth import beyond_memory, growth
from performance_parts import AUDITS, ORACLES, PEERS, PROJECT, STAGES, Place, stage, table

KINDS = ("JPEG 512", "JPEG 12 MP", "PNG 512", "WebP 512")


def machine() -> str:
    names = (
        "synthaudit-images",
        "numpy",
        "faiss-cpu",
        "torch",
        "open_clip_torch",
        "pillow",
        "simplejpeg",
    )
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, {versions}."


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
                f"{found['beyond']:.5%}",
            ]
        )
    rates = {w: stage("pipeline", place.data, w)["rate"] for w in ("open_clip", "pipe", "ours")}
    return [
        "## Bytes to pixels",
        "",
        "One thread, 224 pixels wanted, milliseconds an image: open_clip's own transform; Pillow's",
        "decoding alone; ours without and with the extra `fast`. Then open_clip's time over ours,",
        "and by how many grey levels the pixels differ: mean, 99th percentile, most; and how many",
        "of them by more than two.",
        "",
        *table(
            ["", "open_clip", "Pillow decodes", "ours", "ours, fast", "ratio", "ratio, fast",
             "grey levels", "beyond two"],
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
    script = STAGES.with_name("score.py")
    return stage("--stage", name, *arguments, python=python, script=script)


def peers(place: Place) -> list[str]:
    file = place.scratch / "measures.npy"
    stage("make_vectors", file, 10_000, script=AUDITS)
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


def profile(place: Place) -> list[str]:
    """Where the time of an audit goes, by py-spy's samples."""
    file, samples = place.scratch / "profile.npy", place.scratch / "profile.txt"
    stage("make_vectors", file, 200_000, script=AUDITS)
    command = ["py-spy", "record", "--native", "--format", "raw", "--rate", "50", "--output"]
    command[0] = str(Path(sys.executable).with_name("py-spy"))
    subprocess.run(
        [*command, samples, "--", sys.executable, AUDITS, "audit", file, "quick"],
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
    "memory": beyond_memory,
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
