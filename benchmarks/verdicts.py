"""Verdicts on sets whose truth is known: random halves of real photos, and planted faults.

python benchmarks/verdicts.py --runs 50
"""

from __future__ import annotations

import argparse
import shutil
import tarfile
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from synthaudit.auditing.scoring import score

HERE = Path(__file__).resolve().parent
DATA = HERE.parent.parent / "shared" / "data"
PLANTED_SHARE = 0.05
SIDES = {"cifake_more": 250, "clothing": 200}


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--runs", type=int, default=50, help="without anything planted, a pool")
    asked.add_argument("--planted", type=int, default=20, help="runs of each planted fault")
    asked.add_argument("--out", type=Path, default=HERE.parent / "reports" / "verdicts.md")
    options = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with tarfile.open(DATA / "cifake_more" / "real.tar") as shard:
            shard.extractall(place / "cifake_more", filter="data")
        pools = {
            "cifake_more": images_in(place / "cifake_more"),
            "clothing": images_in(DATA / "clothing"),
        }
        text = report(place / "sides", pools, options.runs, options.planted)
    options.out.write_text(text)
    print(text)


def report(place: Path, pools: dict[str, list[Path]], plain: int, planted: int) -> str:
    told = (
        f"Made by `python benchmarks/verdicts.py --runs {plain} --planted {planted}`: two disjoint "
        "random parts of the same real photos, one of them called synthetic; `builtin`. Planted: "
        "5 % of the synthetic side replaced by repeats of others in it, by copies of real images, "
        "or by mirrored ones."
    )
    lines = [
        "# Verdicts where the truth is known",
        "",
        told,
        "",
        "| photos | a side | planted | audit | runs | any claim | the planted one | fit |",
        "|---|---:|---|---|---:|---:|---:|---|",
    ]
    claims: list[str] = []
    for pool, plant in [
        ("cifake_more", None),
        ("clothing", None),
        ("cifake_more", "repeats"),
        ("cifake_more", "copies"),
        ("cifake_more", "mirrored copies"),
    ]:
        runs = planted if plant else plain
        for quick in (False, True):
            found = []
            for seed in range(runs):
                real, fake = sides(pools[pool], SIDES[pool], plant, seed, place)
                found.append(verdict(real, fake, seed, quick=quick))
                claimed = ", ".join(found[-1]["claimed"])
                if claimed and plant is None:
                    claims.append(
                        f"- {pool}, {'quick' if quick else 'full'}, seed {seed}: {claimed}"
                    )
            fits = Counter(
                {True: "yes", False: "no", None: "undecided"}[own["fit"]] for own in found
            )
            wanted = {"repeats": "unvaried"}.get(plant or "", "unoriginal")
            hit = "-" if plant is None else str(sum(wanted in own["claimed"] for own in found))
            any_claim = sum(bool(own["claimed"]) for own in found)
            cells = (pool, SIDES[pool], plant or "nothing", "quick" if quick else "full", runs)
            told = ", ".join(f"{count} {name}" for name, count in fits.items())
            row = " | ".join(map(str, (*cells, any_claim, hit, told)))
            lines.append(f"| {row} |")
            print(lines[-1], flush=True)
    lines += ["", "Claims where nothing was planted (CIFAR-10 has near-duplicates of its own):", ""]
    return "\n".join([*lines, *(claims or ["- none"])]) + "\n"


def verdict(real: Path, fake: Path, seed: int, *, quick: bool) -> dict[str, Any]:
    found = score(real, fake, embedder="builtin", seed=seed, quick=quick).to_dict()
    claimed = [own["kind"] for own in found["findings"] if own["severity"] != "none"]
    return {"fit": found["verdict"]["fit"], "claimed": claimed}


def sides(
    pool: list[Path], count: int, plant: str | None, seed: int, place: Path
) -> tuple[Path, Path]:
    """Folders of both sides, class folders in them."""
    shutil.rmtree(place, ignore_errors=True)
    rows = np.random.default_rng(seed).permutation(len(pool))
    real, fake = (
        [pool[row] for row in rows[part]] for part in (slice(count), slice(count, 2 * count))
    )
    planted = round(PLANTED_SHARE * count)
    for side, files in (("real", real), ("synthetic", fake[: count - planted] if plant else fake)):
        for file in files:
            target = place / side / file.parent.name / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
    if plant:
        for number, file in enumerate((fake if plant == "repeats" else real)[:planted]):
            target = place / "synthetic" / file.parent.name / f"planted-{number}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            with Image.open(file) as image:
                edited = ImageOps.mirror(image) if plant == "mirrored copies" else image
                edited.save(target)
    return place / "real", place / "synthetic"


def images_in(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.suffix.lower() in (".jpg", ".png"))


if __name__ == "__main__":
    main()
