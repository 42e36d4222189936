"""Do the scores tell what a set is worth? Writes reports/validity.md and its plots.

python benchmarks/validity.py [--data ../shared/data] [--work DIR] [--device cuda] [--report-only]

All sets are rebuilt from their seeds, audited, and trained on; each set's figures are kept in the
working folder as soon as they are there, and the same command goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from validity_measures import VERSION, Folders, audit_set, form_opinion, probe_worth, read_vectors
from validity_sets import Material, Opinion, SetPlan, lay_out, load_material, plans
from validity_training import LARGE, SMALL, Recipe, worth

PROJECT = Path(__file__).resolve().parents[1]


def main() -> None:
    options = parse()
    recipe = replace(LARGE if options.device != "cpu" else SMALL, device=options.device)
    work = options.work / recipe.name
    if not options.report_only:
        make_all(options.data, work, recipe, options.workers)
    from validity_report import write_report

    write_report(read_results(work), recipe, PROJECT / "reports")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, default=PROJECT.parent / "shared" / "data")
    parser.add_argument("--work", type=Path, default=PROJECT / "build" / "validity")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--report-only", action="store_true")
    return parser.parse_args()


def make_all(data: Path, work: Path, recipe: Recipe, workers: int) -> None:
    """Every set that has no figures yet, a process a set."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    work.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    prepare(data, work)
    left = [name for name in ("real", *by_name()) if not is_done(name, work)]
    # Rare large sets first, or the last worker is left alone with them.
    left.sort(key=lambda name: name != "sizes-4000")
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        futures = {pool.submit(make_one, name, data, work, recipe): name for name in left}
        for number, future in enumerate(as_completed(futures), 1):
            minutes = (time.perf_counter() - started) / 60
            seconds = future.result()
            line = f"{number}/{len(left)} {futures[future]}: {seconds:.0f} s, {minutes:.1f} minutes"
            print(line, flush=True)


def by_name() -> dict[str, SetPlan]:
    found = {plan.name: plan for plan in plans()}
    assert len(found) == len(plans())
    return found


def prepare(data: Path, work: Path) -> None:
    """What all sets share: the vectors of the photos, and an opinion on every generated image."""
    if (work / "shared.npz").is_file():
        return
    material = load_material(data, work)
    folders = folders_of(work)
    arrays: dict[str, Any] = {}
    for name in ("judging", "own"):
        lay_out(getattr(material, name), work / name)
        arrays[name], arrays[f"{name}_target"] = read_vectors(work / name, folders.cache)
    arrays |= vars(form_opinion(material, folders))
    np.savez(work / "draft.npz", **arrays)
    (work / "draft.npz").replace(work / "shared.npz")


def folders_of(work: Path) -> Folders:
    return Folders(seen=work / "seen", cache=work / "cache", scratch=work / "scratch")


def make_one(name: str, data: Path, work: Path, recipe: Recipe) -> float:
    """Build, audit, train, and keep the figures of one set; ``real`` is real photos alone."""
    import torch

    started = time.perf_counter()
    torch.set_num_threads(1)
    material, shared = load_shared(data, work)
    own, judging = ((shared[side], shared[f"{side}_target"]) for side in ("own", "judging"))
    known = read_one(name, work) or {}
    if name == "real":
        more = replace(recipe, seeds=2 * recipe.seeds)
        found: dict[str, Any] = {
            "accuracy": {
                **worth(None, material.own, material.judging, more),
                **probe_worth(None, own, judging, recipe.seeds),
            }
        }
    else:
        plan, folders = by_name()[name], folders_of(work)
        pictures = plan.build(material)
        if known and known["digest"] != pictures.digest:
            raise RuntimeError(f"{name} is not the set that it was: remove {work / name}.json")
        folder = folders.laid_out(pictures, name)
        found = {
            "family": plan.family,
            "level": plan.level,
            "size": len(pictures.target),
            "real_share": plan.real_share,
            "digest": pictures.digest,
            "measures": audit_set(folder, folders),
            "version": VERSION,
            "accuracy": known.get("accuracy")
            or {
                **worth(pictures, material.own, material.judging, recipe),
                **probe_worth(read_vectors(folder, folders.cache), own, judging, recipe.seeds),
            },
        }
        shutil.rmtree(folder)
    found["seconds"] = round(time.perf_counter() - started + known.get("seconds", 0.0), 1)
    draft = work / f"{name}.draft"
    draft.write_text(json.dumps(found, indent=1))
    draft.replace(work / f"{name}.json")
    return float(found["seconds"])


def is_done(name: str, work: Path) -> bool:
    found = read_one(name, work)
    return found is not None and (name == "real" or found.get("version") == VERSION)


def read_one(name: str, work: Path) -> dict[str, Any] | None:
    file = work / f"{name}.json"
    return json.loads(file.read_text()) if file.is_file() else None


def load_shared(data: Path, work: Path) -> tuple[Material, dict[str, Any]]:
    with np.load(work / "shared.npz") as file:
        shared = dict(file)
    opinion = Opinion(
        **{name: shared[name] for name in ("probability_synthetic", "is_dropped_anyway", "kind")}
    )
    return load_material(data, work).having(opinion), shared


def read_results(work: Path) -> dict[str, dict[str, Any]]:
    """By name, in the order of the plans; those that are there."""

    def read() -> Iterator[tuple[str, dict[str, Any]]]:
        for name in ("real", *by_name()):
            if (found := read_one(name, work)) is not None:
                yield name, found

    return dict(read())


if __name__ == "__main__":
    main()
