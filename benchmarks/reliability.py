"""What no input and no fault may do: thousands of cases, faults and runs at once, and a soak.

Run: python benchmarks/reliability.py [--scale 1.0] [--seed N] [--only PART ...]

Writes reports/reliability.md; a case that goes wrong is printed with its seed.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT), str(PROJECT / "benchmarks")]

from hypothesis import HealthCheck, Phase, given, seed, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from soak import soak  # noqa: E402

from tests.reliability.faults import (  # noqa: E402
    count_calls,
    faults_of,
    scenarios,
    try_fault,
)
from tests.reliability.forks import Fault, Forks, make_shim  # noqa: E402
from tests.reliability.formats import KINDS  # noqa: E402
from tests.reliability.fuzzing import Wrong, judge, prepare  # noqa: E402
from tests.reliability.together import change_meanwhile, run_together  # noqa: E402

CHUNK = 150
# Cases that start decoding processes take seconds each, the others a fraction of one.
CASES = {"pictures": 60, "names": 60, "caches": 60, "stores": 45, "tar": 150, "manifests": 300}
MANY = 600
NUMBERS = {"score, images": 4, "score, vectors": 5, "sweep": 3, "inspect": 4, "gate": 6}
SHARES = 4


@dataclass(kw_only=True)
class Tally:
    """What a part has tried."""

    tried: Counter[str] = field(default_factory=Counter)
    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """What another has tried, too."""
        self.tried.update(other.tried)
        self.wrong += other.wrong
        for name, counts in other.outcomes.items():
            self.outcomes.setdefault(name, Counter()).update(counts)


def fuzz(kind: str, cases: int, number: int) -> Tally:
    """Cases of one kind."""
    found = Tally()
    outcomes = found.outcomes.setdefault(kind, Counter())
    with tempfile.TemporaryDirectory() as scratch, Forks() as forks:
        base = Path(scratch)
        prepare(base, forks)

        @seed(number)
        @settings(
            max_examples=cases,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(st.data())
        def run(data: st.DataObject) -> None:
            case = data.draw(KINDS[kind](base))
            found.tried[kind] += 1
            try:
                ended = judge(case, forks)
            except Wrong as error:
                found.wrong.append(f"{kind}, seed {number}, case {found.tried[kind]}: {error}")
                return
            outcomes.update("refused" if run.code == 2 else "answered" for run in ended)

        run()
    return found


def inject(name: str, each: int, share: int) -> Tally:
    """A share of the faults of one scenario; every other one where there are former results."""
    found = Tally()
    with tempfile.TemporaryDirectory() as scratch:
        base = Path(scratch)
        with Forks(make_shim(base)) as forks:
            prepare(base, forks)
            scenario = scenarios(base)[name]
            expected, calls = count_calls(scenario, forks)
            for number, fault in enumerate(faults_of(calls, each)):
                if number % SHARES != share:
                    continue
                call, nth, error = fault
                what = Fault(folder=base, call=call, nth=nth, error=error).name
                found.tried[f"{name}|{call}|{what}"] += 1
                former = base / "audit" if name.startswith("score") and number % 2 else None
                try:
                    done = try_fault(scenario, forks, expected, fault, former=former)
                except Wrong as wrong:
                    found.wrong.append(f"{name}, {call} {nth} {what}: {wrong}")
                    continue
                said = "killed" if done.code < 0 else "refused" if done.code == 2 else "went on"
                found.outcomes.setdefault(name, Counter())[said] += 1
    return found


def at_once(name: str, count: int) -> Tally:
    """Several runs in one folder."""
    found = Tally()
    with tempfile.TemporaryDirectory() as scratch, Forks() as forks:
        prepare(Path(scratch), forks)
        what = f"{count} x {name} at once"
        found.tried[what] += 1
        try:
            run_together(scenarios(Path(scratch))[name], count)
        except Wrong as wrong:
            found.wrong.append(f"{what}: {wrong}")
    return found


def meanwhile(runs: int, number: int) -> Tally:
    """Audits of images that change."""
    found = Tally()
    with tempfile.TemporaryDirectory() as scratch, Forks() as forks:
        base = Path(scratch)
        prepare(base, forks)
        what = "score, while its images are cut, removed and replaced"
        for run in range(runs):
            found.tried[what] += 1
            try:
                came = change_meanwhile(scenarios(base)["score, images"], base, number + run)
                found.outcomes.setdefault(what, Counter())[came] += 1
            except Wrong as wrong:
                found.wrong.append(f"{what}, seed {number + run}: {wrong}")
    return found


def run_all(jobs: Sequence[tuple[Callable[..., Tally], tuple[object, ...]]]) -> Tally:
    """All jobs, on all cores."""
    whole = Tally()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        futures: list[Future[Tally]] = [pool.submit(work, *how) for work, how in jobs]
        for future, (work, how) in zip(futures, jobs, strict=True):
            try:
                found = future.result()
            except Exception as error:  # noqa: BLE001 - the other parts are still worth their time
                found = Tally(wrong=[f"{how[0]}, {work.__name__} itself failed: {error}"])
            print(work.__name__, *how, f"wrong: {len(found.wrong)}", flush=True)
            for text in found.wrong:
                print("  ", text[:3000], flush=True)
            whole.add(found)
    return whole


def fuzz_part(scale: float, number: int) -> list[str]:
    """Inputs, as a table."""
    jobs: list[tuple[Callable[..., Tally], tuple[object, ...]]] = []
    seeds: dict[str, list[int]] = {}
    for kind in KINDS:
        left = max(int(CASES.get(kind, MANY) * scale), 1)
        while left > 0:
            seeds.setdefault(kind, []).append(number + len(jobs))
            jobs.append((fuzz, (kind, min(left, CHUNK), number + len(jobs))))
            left -= CHUNK
    found = run_all(jobs)
    lines = [
        "| input | cases | runs answered | refused | wrong | seeds |",
        "|---|---|---|---|---|---|",
    ]
    for kind in KINDS:
        counts = found.outcomes[kind]
        wrong = sum(text.startswith(f"{kind},") for text in found.wrong)
        own = f"{seeds[kind][0]} to {seeds[kind][-1]}"
        lines.append(
            f"| {kind} | {found.tried[kind]:,} | {counts['answered']:,} | {counts['refused']:,} "
            f"| {wrong} | {own} |"
        )
    wrong = len(found.wrong)
    lines.append(f"| **all** | **{found.tried.total():,}** | | | **{wrong}** | |")
    return lines


def fault_part(scale: float) -> list[str]:
    """Faults, as a table."""
    found = run_all(
        [
            (inject, (name, max(int(each * scale), 1), share))
            for name, each in NUMBERS.items()
            for share in range(SHARES)
        ]
    )
    calls = sorted({key.split("|")[1] for key in found.tried})
    lines = [
        f"| run | {' | '.join(calls)} | went on | refused | killed | lost or wrong |",
        "|---|" + "---|" * (len(calls) + 4),
    ]
    for name in NUMBERS:
        by_call = [
            sum(n for key, n in found.tried.items() if key.startswith(f"{name}|{call}|"))
            for call in calls
        ]
        ended = [found.outcomes[name][said] for said in ("went on", "refused", "killed")]
        wrong = sum(text.startswith(f"{name}, ") for text in found.wrong)
        lines.append(f"| {name} | {' | '.join(map(str, [*by_call, *ended, wrong]))} |")
    lines.append(f"\n{found.tried.total():,} faults, {len(found.wrong)} of them wrong.")
    return lines


def together_part(scale: float, number: int) -> list[str]:
    """Runs at once, as a list."""
    runs = max(int(10 * scale), 1)
    jobs: list[tuple[Callable[..., Tally], tuple[object, ...]]] = [
        (at_once, (name, count)) for name in ("score, images", "sweep") for count in (2, 4)
    ]
    jobs += [(meanwhile, (runs, number + 1000 * share)) for share in range(2)]
    found = run_all(jobs)
    lines = ["| what | tried | outcome | wrong |", "|---|---|---|---|"]
    for what, count in found.tried.items():
        wrong = sum(text.startswith(what) for text in found.wrong)
        ended = found.outcomes.get(what)
        said = (
            "results of one alone"
            if ended is None
            else ", ".join(f"{n} {came}" for came, n in ended.items())
        )
        lines.append(f"| {what} | {count} | {said} | {wrong} |")
    return lines


PARTS = ("Inputs", "Faults", "Runs at once", "Soak")
TEXTS = {
    "Inputs": """\
Hypothesis builds files of each kind: right, nearly right, and mutated by values and by bytes. Right
is: exit code 0 to 3, at most one sentence on stderr, no traceback, no hang, results whole or not
there, and the same answer twice.""",
    "Faults": """\
The nth call on a file of the run's folders fails (no space, input/output error, no permission; from
then on, or once), or the process is killed there, by a library that is loaded before the C library.
Right is: one sentence or none, results all new or all as they were, and afterwards the same command
gives what it gives in peace. The columns that are named after calls are numbers of faults.""",
    "Runs at once": "On one cache, and on one folder of a sweep; and on images that change.",
    "Soak": "In one process: after a quarter of the runs, and after the last.",
}


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--scale", type=float, default=1.0, help="of the numbers of cases")
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--only", nargs="*", choices=PARTS, default=PARTS)
    given_ = arguments.parse_args()
    makers: dict[str, Callable[[], list[str]]] = {
        "Inputs": lambda: fuzz_part(given_.scale, given_.seed),
        "Faults": lambda: fault_part(given_.scale),
        "Runs at once": lambda: together_part(given_.scale, given_.seed),
        "Soak": lambda: soak(int(200 * given_.scale) or 4, int(50 * given_.scale) or 4),
    }
    file = PROJECT / "reports" / "reliability.md"
    sections = _sections(file.read_text()) if file.exists() else {}
    for part in given_.only:
        start = time.perf_counter()
        lines = makers[part]()
        minutes = (time.perf_counter() - start) / 60
        sections[part] = "\n".join([TEXTS[part], "", *lines, "", f"({minutes:.1f} minutes.)"])
    text = ["# Reliability", "", "Made by `make fuzz` (`python benchmarks/reliability.py`)."]
    for part in PARTS:
        if part in sections:
            text += ["", f"## {part}", "", sections[part]]
    file.write_text("\n".join(text) + "\n")


def _sections(text: str) -> dict[str, str]:
    found = re.split(r"^## (.+)$", text, flags=re.MULTILINE)
    return {name: body.strip() for name, body in zip(found[1::2], found[2::2], strict=True)}


if __name__ == "__main__":
    main()
