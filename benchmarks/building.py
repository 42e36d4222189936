"""Do built sets pass honestly, does aiming pay, do searches find? Writes reports/building.md.

python benchmarks/building.py [--seeds 20] [--part build|search|equal]

Half of it needs the 2,000 CIFAKE photos of ../shared/data; surfaces of the searches are planted.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final
from unittest import mock

import synthaudit
from synthaudit.building import running
from synthaudit.building.aiming import Aim, Aimed, Aimer
from synthaudit.building.assessment import Assessment
from synthaudit.building.ledger import Ledger
from synthaudit.measures.scores import SCORE_NAMES
from synthaudit.sweeping.searching import Searched

PROJECT: Final = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT)]

from tests.sweeping.planted_surface import PlantedSurface  # noqa: E402
from tests.sweeping.test_search import IMAGES, confirmed, searched  # noqa: E402

REPORT: Final = PROJECT / "reports" / "building.md"
DATA: Final = PROJECT.parent / "shared" / "data" / "cifake" / "real"
QUOTA: Final = 24
POLICY: Final = """[limits]
unoriginal = {max = 0.02}
unvaried = {max = 0.08}
"supporting.coverage.value" = {min = COVERAGE}
"""
LACKING: Final = ("ship", "truck")
GIVEN: Final = 24
WORKERS: Final = 2


class PlainAimer(Aimer):
    """As many images of every class, from whatever comes next: no aiming."""

    def aim(
        self,
        assessed: Assessment,  # noqa: ARG002 - what is there does not matter to it
        ledger: Ledger,
        quotas: Mapping[str | None, int],
        *,
        most: int | None,  # noqa: ARG002 - there is no budget
    ) -> Aim:
        """A sixth of the quota of each class."""
        jobs = []
        for subject, quota in quotas.items():
            used = ledger.numbers(subject)
            count = math.ceil(quota / 6)
            free = [n for n in range(len(used) + count) if n not in used][:count]
            jobs += [Aimed(job=self.job(subject, n), aim="") for n in free]
        return Aim(jobs=jobs, told=["all classes alike"])


def first_batch(folder: Path, seed: int) -> Path:
    """A set that lacks two classes and repeats itself: Gaussians, a third of them twice."""
    plan = synthaudit.Plan.model_validate(
        {
            "real": str(DATA),
            "seed": seed + 1000,
            "images_per_arm": GIVEN * 10,
            "generator": {"name": "gaussian", "spread": 1.2},
            "build": {"images_per_class": GIVEN},
        }
    )
    from synthaudit.generation.references import References
    from synthaudit.generation.verification import make_generator
    from synthaudit.settings import Settings
    from synthaudit.sweeping.preparation import open_real, prepare

    real = open_real(plan, Settings())
    prepared = prepare(plan, Settings(), real=real)
    generator = make_generator("gaussian", References(real, max_pixels=10**9))
    for job in prepared.arms[0].jobs:
        if job.subject in LACKING or job.number >= GIVEN * 2 // 3:
            continue
        place = folder / str(job.subject)
        place.mkdir(parents=True, exist_ok=True)
        image = next(iter(generator.make([job]))).image
        assert image is not None
        image.save(place / f"{job.number}.png")
        if job.number < GIVEN // 3:
            image.save(place / f"{job.number}-again.png")
    return folder


def built(scratch: Path, coverage: float, seed: int, *, aimed: bool) -> dict[str, Any]:
    """One build, and what is told of it."""
    (scratch / "policy.toml").write_text(POLICY.replace("COVERAGE", f"{coverage}"))
    given = scratch / f"given-{seed}"
    if not given.is_dir():
        first_batch(given, seed)
    plan = synthaudit.Plan.model_validate(
        {
            "real": str(DATA),
            "embedder": "builtin",
            "seed": seed,
            "generator": {"name": "augment", "strength": 2.0},
            "build": {
                "images_per_class": QUOTA,
                "policy": str(scratch / "policy.toml"),
                "rounds": 20,
            },
        }
    )
    out = scratch / f"{'aimed' if aimed else 'plain'}-{seed}"
    how: dict[str, Any] = {"obvious": 1.0, "resamples": 20, "permutations": 19, "repeats": 1}
    start = time.monotonic()

    def make() -> synthaudit.Build:
        return synthaudit.build(
            plan, out=out, add_to=given, progress=synthaudit.NoProgress(), **how
        )

    if aimed:
        found = make()
    else:
        with mock.patch.object(running, "Aimer", PlainAimer):
            found = make()
    full = next((own.round for own in found.rounds if own.excess is not None), None)
    until_full = sum(own.made for own in found.rounds if full is None or own.round <= full)
    told = {
        "seed": seed,
        "state": found.outcome.state,
        "made": int(found.spent["images"]),
        "until_full": until_full,
        "rounds": len(found.rounds),
        "uncovered": [own.uncovered for own in found.rounds],
        "kept": [own.kept for own in found.rounds],
        "copies_left": found.scores["unoriginal"]["value"],
        "judging": {name: dict(own) for name, own in found.scores.items()},
        "steering": dict(found.steering_scores),
        "seconds": round(time.monotonic() - start, 1),
        "why": list(found.outcome.why),
        "dropped": dict(found.dropped),
    }
    shutil.rmtree(out, ignore_errors=True)
    print(
        json.dumps({k: v for k, v in told.items() if k not in ("judging", "steering")}), flush=True
    )
    return told


def mean(rows: Sequence[Mapping[str, Any]], key: str, place: int | None = None) -> float:
    """Of a key, or of a place in a list under it."""
    return statistics.mean(own[key] if place is None else own[key][place] for own in rows)


def build_part(seeds: Sequence[int], coverage: float, scratch: Path) -> list[str]:
    """Aimed and plain builds from the same first batches."""
    with ProcessPoolExecutor(WORKERS) as pool:
        aimed, plain = (
            list(pool.map(partial(built, scratch, coverage, aimed=own), seeds))
            for own in (True, False)
        )
    both = (aimed, plain)
    head = (
        f"{len(seeds)} seeds. 2,000 CIFAKE photos, parted into 1,000 and 1,000; a first batch of "
        f"{GIVEN} Gaussians a class that lacks {' and '.join(LACKING)} and has a third of its "
        f"images twice; wanted are {QUOTA} images of each of 10 classes by `augment`, strength 2; "
        f"the policy asks for few repeats, few copies and a coverage of {coverage}. The plain loop "
        "makes as many images of all classes, from whatever comes next, and is else the same."
    )
    kinds = ("passes", "rejected", "incomplete")
    cells = {
        "ended as": [
            ", ".join(f"{kind} {sum(own['state'] == kind for own in rows)}" for kind in kinds)
            for rows in both
        ],
        "images made": [f"{mean(rows, 'made'):.0f}" for rows in both],
        "until quotas were full": [f"{mean(rows, 'until_full'):.0f}" for rows in both],
        "rounds": [f"{mean(rows, 'rounds'):.1f}" for rows in both],
        "steering half missed, first and last round": [
            f"{mean(rows, 'uncovered', 0):.3f}, {mean(rows, 'uncovered', -1):.3f}" for rows in both
        ],
    }
    table = [f"| {name} | {own[0]} | {own[1]} |" for name, own in cells.items()]
    return [
        *("## Builds", "", head, ""),
        *("| mean | aimed | plain loop |", "|---|---|---|", *table, ""),
        *(_comparison(aimed, plain), "", *_optimism(aimed), ""),
    ]


def _comparison(aimed: Sequence[Mapping[str, Any]], plain: Sequence[Mapping[str, Any]]) -> str:
    share = [own["made"] / other["made"] for own, other in zip(aimed, plain, strict=True)]
    filled = [
        own["until_full"] / other["until_full"] for own, other in zip(aimed, plain, strict=True)
    ]
    rises = sum(
        all(after <= before + 1e-9 for before, after in itertools.pairwise(own["uncovered"]))
        for own in aimed
    )
    return (
        f"Aimed builds made **{100 * statistics.mean(share):.0f} %** of the images of plain ones "
        f"({100 * min(share):.0f} to {100 * max(share):.0f} %); until quotas were full "
        f"{100 * statistics.mean(filled):.0f} %. What is covered fell in no round in {rises} of "
        f"{len(aimed)}. Copies by the judging half: {100 * mean(aimed, 'copies_left'):.2f} % on "
        f"average, {100 * max(own['copies_left'] for own in aimed):.2f} % at most."
    )


def _optimism(aimed: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = [
        "### What honest judging removes",
        "",
        "| score | steering | judging | difference | standard error | steering in the interval |",
        "|---|---|---|---|---|---|",
    ]
    for name in SCORE_NAMES:
        steering = [own["steering"][name] for own in aimed]
        judging = [own["judging"][name] for own in aimed]
        gaps = [own["value"] - value for own, value in zip(judging, steering, strict=True)]
        inside = sum(
            own["low"] - 1e-9 <= value <= own["high"] + 1e-9
            for own, value in zip(judging, steering, strict=True)
        )
        error = statistics.stdev(gaps) / math.sqrt(len(gaps)) if len(gaps) > 1 else math.nan
        lines.append(
            f"| {name} | {statistics.mean(steering):.3f} | "
            f"{statistics.mean(own['value'] for own in judging):.3f} | "
            f"{statistics.mean(gaps):+.4f} | {error:.4f} | {inside} of {len(aimed)} |"
        )
    return lines


def confirm(surface: PlantedSurface, seed: int) -> tuple[Searched, float, float, bool]:
    """A search, its winner's value when chosen and on fresh seeds, and whether anything differs."""
    found = searched(surface, seed)
    ranking = confirmed(surface, found, seed)
    fresh = ranking.values[ranking.arms[0]]["unrealistic"]
    return found, found.trials[found.finalists[0]].value, fresh, bool(ranking.better_than)


def search_part(seeds: Sequence[int]) -> list[str]:
    """Planted surfaces."""
    rows, gaps, before, after = [], [], [], []
    for seed in seeds:
        surface = PlantedSurface(seed)
        found, chosen, fresh, _ = confirm(surface, seed)
        truth = surface.true_value(found.trials[found.finalists[0]].point)
        gaps.append(truth - surface.best)
        before.append(chosen - truth)
        after.append(fresh - truth)
        share = surface.images / (surface.count * IMAGES)
        rows.append(
            f"| {seed} | {len(surface.sizes)} | {surface.count:,} | {len(found.trials)} | "
            f"{100 * share:.1f} % | {gaps[-1]:.3f} |"
        )
        print(rows[-1], flush=True)
    near = sum(gap <= 0.02 for gap in gaps)
    errors = [statistics.stdev(own) / math.sqrt(len(own)) for own in (before, after)]
    how = (
        f"{len(gaps)} planted surfaces: axis values that add up (standard deviation 0.06), pairs "
        "that do not (0.03), and the spread of CIFAKE's verdicts (0.24 an image, 0.4 of its "
        "variance shared by the images of a slot). Whole arms have 96 images."
    )
    what = (
        f"The arm found is within 0.02 of the best of all in **{near} of {len(gaps)}**; on average "
        f"it is {statistics.mean(gaps):.3f} worse. On the images that chose it the winner looks "
        f"{statistics.mean(before):+.4f} (standard error {errors[0]:.4f}) other than it is; on "
        f"fresh seeds {statistics.mean(after):+.4f} ({errors[1]:.4f})."
    )
    return [
        *("## Searches", "", how, "", what, ""),
        "| seed | axes | combinations | arms tried | share of the grid | gap to the best |",
        "|---|---|---|---|---|---|",
        *rows,
        "",
    ]


def equal_part(runs: int) -> list[str]:
    """Five arms that are the same."""
    called, before, after = 0, [], []
    for seed in range(runs):
        surface = PlantedSurface(seed, sizes=[5], spread=0.0)
        _, chosen, fresh, differs = confirm(surface, seed)
        called += differs
        before.append(chosen - 0.5)
        after.append(fresh - 0.5)
    errors = [statistics.stdev(own) / math.sqrt(len(own)) for own in (before, after)]
    what = (
        f"The winner is called better than another arm in **{called} of {runs}** runs. Its value "
        f"when chosen is {statistics.mean(before):+.4f} off ({errors[0]:.4f}), confirmed "
        f"{statistics.mean(after):+.4f} ({errors[1]:.4f})."
    )
    return ["## Five equal arms", "", what, ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--part", choices=("build", "search", "equal"))
    parser.add_argument("--coverage", type=float, default=0.3)
    parser.add_argument("--out", type=Path, default=REPORT)
    chosen = parser.parse_args()
    seeds = range(chosen.first, chosen.first + chosen.seeds)
    lines = ["# Building and searching", "", "`python benchmarks/building.py`", ""]
    if chosen.part in (None, "build"):
        with tempfile.TemporaryDirectory() as folder:
            lines += build_part(seeds, chosen.coverage, Path(folder))
    if chosen.part in (None, "search"):
        lines += search_part(seeds)
    if chosen.part in (None, "equal"):
        lines += equal_part(100)
    chosen.out.write_text("\n".join(lines))


if __name__ == "__main__":
    main()
