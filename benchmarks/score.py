"""What an audit costs, beside cleanlab's Datalab in the same run. Writes reports/score.md.

    python benchmarks/score.py [--data ../shared/data] [--quick]

Stages run in fresh processes, so that peak memory is that of the stage and nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
ORACLE_PYTHON = PROJECT / ".venv-oracles" / "bin" / "python"
DIMENSION = 512
THRESHOLD_SHARE = 0.13


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=PROJECT.parent / "shared" / "data")
    parser.add_argument("--quick", action="store_true", help="small sizes, to try it out")
    parser.add_argument("--stage", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.stage:
        print(json.dumps(STAGES[arguments.stage[0]](*arguments.stage[1:])))
        return
    report = run_all(arguments.data, quick=arguments.quick)
    target = PROJECT / "reports" / "score.md"
    target.parent.mkdir(exist_ok=True)
    target.write_text(report)
    print(report)


def stage(name: str, *arguments: object, python: Path | str = sys.executable) -> dict[str, Any]:
    """Run a stage in a process of its own; its last line of output is JSON."""
    command = [python, __file__, "--stage", name, *map(str, arguments)]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment)
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def embed_folder(folder: str, cache: str, embedder_name: str) -> dict[str, Any]:
    """Images to vectors, model loading left out."""
    from synthaudit.embedding.cache import VectorCache
    from synthaudit.embedding.choice import choose_embedder
    from synthaudit.embedding.extraction import extract
    from synthaudit.images.folders import open_folder
    from synthaudit.progress import NoProgress
    from synthaudit.settings import Settings

    embedder = choose_embedder(Settings(embedder=embedder_name))
    vectors = VectorCache(Path(cache))
    began = time.perf_counter()
    collection = open_folder(Path(folder), "images")
    result = extract(
        collection,
        embedder,
        vectors,
        workers=None,
        max_pixels=10**9,
        progress=NoProgress(),
    )
    seconds = time.perf_counter() - began
    return {"images": len(result.kept), "decoded": result.decoded, "seconds": seconds}


def save_random_clip(folder: str) -> dict[str, Any]:
    """ViT-B/32 with random weights, saved as open_clip saves a model."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    model = open_clip.create_model("ViT-B-32")
    save_file(dict(model.state_dict()), Path(folder) / "open_clip_model.safetensors")
    config = {"model_cfg": open_clip.get_model_config("ViT-B-32"), "preprocess_cfg": {}}
    (Path(folder) / "open_clip_config.json").write_text(json.dumps(config))
    return {}


def save_vectors(file: str, count: str) -> dict[str, Any]:
    """Vectors in 200 loose clusters, of which one in forty is a jittered copy of another."""
    import numpy as np

    rng = np.random.default_rng(0)
    size = int(count)
    centres = rng.standard_normal((200, DIMENSION))
    vectors = centres[rng.integers(0, 200, size)]
    vectors += 1.2 * rng.standard_normal((size, DIMENSION))
    copies = rng.choice(size, size // 40, replace=False)
    sources = rng.integers(0, size, len(copies))
    vectors[copies] = vectors[sources] + 0.1 * rng.standard_normal((len(copies), DIMENSION))
    np.save(file, vectors.astype(np.float32))
    return {}


def score_vectors(file: str, speed: str) -> dict[str, Any]:
    """The audit of vectors, half of them taken as real, ``quick`` or ``full``."""
    import numpy as np

    import synthaudit

    vectors = np.load(file)
    half = len(vectors) // 2
    quick = speed == "quick"
    synthaudit.score_embeddings(vectors[:50], vectors[50:100], quick=quick)
    before = peak_megabytes()
    began = time.perf_counter()
    audit = synthaudit.score_embeddings(vectors[:half], vectors[half:], quick=quick)
    seconds = time.perf_counter() - began
    return {
        "seconds": seconds,
        "megabytes": peak_megabytes(),
        "loaded": before,
        "pairs": audit.duplicates["pairs"],
    }


def search_pairs(file: str, threshold: str) -> dict[str, Any]:
    """Our search of all pairs nearer than a given distance."""
    import numpy as np

    from synthaudit.measures.search.neighbours import Directions
    from synthaudit.measures.search.pairs import pairs_within

    vectors = np.load(file)
    list(pairs_within(Directions(vectors[:50]), 0.1))
    began = time.perf_counter()
    found = [
        (int(a), int(b))
        for batch in pairs_within(Directions(vectors), float(threshold))
        for a, b in zip(batch.first, batch.second, strict=True)
    ]
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "megabytes": peak_megabytes(), "pairs": sorted(found)}


def search_flat(file: str, threshold: str) -> dict[str, Any]:
    """FAISS's flat range search, as a recipe would have it."""
    import faiss
    import numpy as np

    vectors = np.load(file)
    began = time.perf_counter()
    faiss.normalize_L2(vectors)
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    bounds, _, found = index.range_search(vectors, 1.0 - float(threshold))
    first = np.repeat(np.arange(len(vectors)), np.diff(bounds.astype(np.int64)))
    count = int((found > first).sum())
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "megabytes": peak_megabytes(), "count": count}


def search_datalab(file: str) -> dict[str, Any]:
    """Cleanlab's Datalab: its near-duplicate issue on the same vectors."""
    import contextlib
    import io

    import numpy as np
    from cleanlab import Datalab

    vectors = np.load(file)
    with contextlib.redirect_stdout(io.StringIO()):
        lab = Datalab({"row": list(range(len(vectors)))})
        began = time.perf_counter()
        lab.find_issues(features=vectors, issue_types={"near_duplicate": {}})
        seconds = time.perf_counter() - began
    information = lab.get_info("near_duplicate")
    pairs = {
        (min(row, int(other)), max(row, int(other)))
        for row, others in enumerate(information["near_duplicate_sets"])
        for other in others
    }
    return {
        "seconds": seconds,
        "megabytes": peak_megabytes(),
        "threshold": THRESHOLD_SHARE * float(information["median_distance_to_nearest_neighbor"]),
        "pairs": sorted(pairs),
    }


STAGES = {
    function.__name__: function
    for function in (
        embed_folder,
        save_random_clip,
        save_vectors,
        score_vectors,
        search_pairs,
        search_flat,
        search_datalab,
    )
}


def run_all(data: Path, *, quick: bool) -> str:
    lines = [
        "# What an audit costs",
        "",
        "Made by `python benchmarks/score.py`; one run, no GPU. Ratios are to be trusted more than",
        "seconds: the machine is shared.",
        "",
        machine(),
        "",
    ]
    with tempfile.TemporaryDirectory() as scratch:
        lines += image_table(data, Path(scratch), quick=quick)
        lines += vector_tables(Path(scratch), sizes=(2000, 4000) if quick else (20_000, 50_000))
    return "\n".join(lines) + "\n"


def machine() -> str:
    names = ("synthaudit-images", "numpy", "faiss-cpu", "torch", "open_clip_torch", "pillow")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, {versions}."


def image_table(data: Path, scratch: Path, *, quick: bool) -> list[str]:
    clip = scratch / "clip"
    clip.mkdir()
    stage("save_random_clip", clip)
    rows = [
        "## Images to vectors",
        "",
        "Cold: an empty cache. Warm: the same command again. The model is loaded before the clock",
        "starts.",
        "",
        "| embedder | images | count | cold, images/s | warm, images/s | warm / cold |",
        "|---|---|---|---|---|---|",
    ]
    cases = [("builtin", "cifake"), ("builtin", "clothing"), (f"clip:local-dir:{clip}", "clothing")]
    for number, (embedder, name) in enumerate(cases[: 2 if quick else 3]):
        cache = scratch / f"cache-{number}"
        cold, warm = (stage("embed_folder", data / name, cache, embedder) for _ in range(2))
        assert warm["decoded"] == 0
        speeds = [run["images"] / run["seconds"] for run in (cold, warm)]
        title = "clip ViT-B/32, random weights" if embedder.startswith("clip") else embedder
        rows.append(
            f"| {title} | {name} | {cold['images']:,} | {speeds[0]:,.0f} | {speeds[1]:,.0f} | "
            f"{speeds[1] / speeds[0]:.0f} |"
        )
    return [*rows, ""]


def vector_tables(scratch: Path, *, sizes: tuple[int, ...]) -> list[str]:
    audit = [
        "## Vectors to scores",
        "",
        f"`score_embeddings` on clustered vectors of {DIMENSION} numbers, half of them real. Peak",
        "memory is the whole process's; `libraries` is what it held before the audit began. Full:",
        "with intervals, nulls, p-values, floor and supporting measures; quick: without.",
        "",
        "| vectors | audit | seconds | peak MB | libraries MB | pairs |",
        "|---|---|---|---|---|---|",
    ]
    search = [
        "",
        "## Near-duplicate search at one threshold",
        "",
        "All at the threshold that Datalab computes. Datalab looks at 10 neighbours of each",
        "vector, the others at every pair within the threshold.",
        "",
        "| vectors | what | seconds | peak MB | pairs | Datalab's time / this |",
        "|---|---|---|---|---|---|",
    ]
    for size in sizes:
        file = scratch / f"{size}.npy"
        stage("save_vectors", file, size)
        for speed in ("quick", "full"):
            whole = stage("score_vectors", file, speed)
            audit.append(
                f"| {size:,} | {speed} | {whole['seconds']:.1f} | {whole['megabytes']:,.0f} | "
                f"{whole['loaded']:,.0f} | {whole['pairs']:,} |"
            )
        theirs = stage("search_datalab", file, python=ORACLE_PYTHON)
        flat = stage("search_flat", file, theirs["threshold"])
        ours = stage("search_pairs", file, theirs["threshold"])
        assert ours["pairs"] == theirs["pairs"], "the pairs differ"
        for name, run, count in (
            ("cleanlab Datalab", theirs, len(theirs["pairs"])),
            ("FAISS flat range search", flat, flat["count"]),
            ("synthaudit", ours, len(ours["pairs"])),
        ):
            search.append(
                f"| {size:,} | {name} | {run['seconds']:.2f} | {run['megabytes']:,.0f} | "
                f"{count:,} | {theirs['seconds'] / run['seconds']:.1f} |"
            )
    return [*audit, *search]


if __name__ == "__main__":
    main()
