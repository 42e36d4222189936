"""Our inverted file beside FAISS's own, at the same number of cells and probes: time and recall.

python benchmarks/inverted_file.py      # some minutes; writes reports/inverted-file.md
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from synthaudit.arrays import Integers, Singles
from synthaudit.measures.search.inverted_file import build_inverted_file, search_inverted_file
from synthaudit.measures.search.neighbours import look_at_all

REPORT = Path(__file__).parents[1] / "reports" / "inverted-file.md"
WIDTH = 6
PROBES = (8, 32)
SIZES = ((100_000, 512), (400_000, 512))
SAMPLE = 2000


def clustered(count: int, width: int) -> Singles:
    """Directions around a thousand centres, as embeddings of kinds of pictures lie."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((1000, width), np.float32)
    rows = centres[rng.integers(0, 1000, count)]
    rows += 0.7 * rng.standard_normal((count, width), np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def recall(found: Integers, exact: Integers) -> float:
    """Share of the exact nearest neighbours that are among those found."""
    hits = [len(set(a) & set(b)) for a, b in zip(found, exact, strict=True)]
    return sum(hits) / exact.size


def measure(count: int, width: int) -> list[str]:
    import faiss

    unit, everyone = clustered(count, width), np.arange(count)
    sample = np.sort(np.random.default_rng(1).choice(count, SAMPLE, replace=False))
    exact = look_at_all(unit, sample, everyone, WIDTH)[1]
    start = time.perf_counter()
    index = build_inverted_file(unit, everyone)
    built = time.perf_counter() - start
    quantiser = faiss.IndexFlatIP(width)
    start = time.perf_counter()
    theirs = faiss.IndexIVFFlat(quantiser, width, len(index.centres), faiss.METRIC_INNER_PRODUCT)
    theirs.cp.niter = 8
    theirs.train(unit[:: max(count // (64 * len(index.centres)), 1)])
    theirs.add(unit)
    their_built = time.perf_counter() - start
    lines = []
    for probes in PROBES:
        start = time.perf_counter()
        parts = search_inverted_file(unit, everyone, index, width=WIDTH, probes=probes)
        ours = np.concatenate([rows for _, rows in parts])
        own = time.perf_counter() - start
        theirs.nprobe = probes
        start = time.perf_counter()
        _, found = theirs.search(unit, WIDTH)
        other = time.perf_counter() - start
        lines.append(
            f"| {count:,} | {probes} | {built:.1f} | {their_built:.1f} | {own:.1f} | {other:.1f} | "
            f"{other / own:.2f} | {recall(ours[sample], exact):.4f} | "
            f"{recall(found[sample], exact):.4f} |"
        )
        print(lines[-1], flush=True)
    return lines


def main() -> None:
    import faiss

    lines = [
        "# Our inverted file beside FAISS's",
        "",
        f"`python benchmarks/inverted_file.py`: {WIDTH} nearest of all rows among all, 512 numbers",
        f"a row, {faiss.omp_get_max_threads()} threads, both in one run, seconds. Recall is of the",
        f"exact neighbours of {SAMPLE:,} rows.",
        "",
        "| rows | probes | build | theirs | search | theirs | ratio | recall | theirs |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for count, width in SIZES:
        lines += measure(count, width)
    REPORT.write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
