"""Disks that fill, calls that fail, processes that are killed: what is left, and what is lost.

A scenario is run once in peace, which says what should come out and how many calls of each kind
there are; then once more for each fault, in a folder of its own. Afterwards it is run again without
the fault: nothing may be lost by what happened.
"""

from __future__ import annotations

import errno
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from tests.reliability.forks import KILL, KINDS, ONCE, Ended, Fault, Forks
from tests.reliability.fuzzing import Wrong

ERRORS: Final = (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EIO + ONCE, KILL)
_MARKS: Final = ("scores.json", "sweep.json", "inspection.json", "verdict.json")


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A call whose results lie in the folder ``out`` and the file ``kept.csv``.

    Attributes:
        call: arguments.
        code: exit code in peace.
    """

    call: Sequence[str]
    code: int = 0


def scenarios(base: Path) -> dict[str, Scenario]:
    """What is tried, on what ``fuzzing.prepare`` has made."""
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        np.save(base / f"{name}.npy", rng.normal(size=(24, 6)))
    quick = ("--quick", "--quiet", "--out", "out")
    images = (*quick, "--cache", "cache", "--workers", "1")
    real, made = str(base / "real"), str(base / "synthetic")
    vectors = (str(base / "a.npy"), str(base / "b.npy"))
    gate = ("--max", "unrealistic=0.1", "--out", "out", "--junit", "out/junit.xml")
    return {
        "score, images": Scenario(call=("score", real, made, "--embedder", "builtin", *images)),
        "score, vectors": Scenario(call=("score", *vectors, *quick, "--keep", "kept.csv")),
        "sweep": Scenario(call=("sweep", str(base / "plan.yaml"), *images)),
        "inspect": Scenario(call=("inspect", made, "--embedder", "builtin", *images[1:])),
        "gate": Scenario(call=("gate", str(base / "audit"), *gate), code=1),
    }


def results_of(folder: Path) -> dict[str, Any]:
    """What a run left, by name, without what tells of time and place."""
    found: dict[str, Any] = {}
    for file in [folder / "kept.csv", *sorted((folder / "out").glob("*"))]:
        if not file.is_file():
            continue
        if file.suffix == ".json":
            found[file.name] = _timeless(json.loads(file.read_text()))
        elif file.suffix == ".csv":
            found[file.name] = file.read_text()
        else:  # pages and tables hold what the others hold
            found[file.name] = None
    images = (folder / "out").glob("arms/*/images/**/*.png")
    return found | {str(file.relative_to(folder)): file.read_bytes() for file in sorted(images)}


def _timeless(contents: Any) -> Any:
    if "arms" in contents:
        contents["counts"].pop("made", None)
        for arm in contents["arms"]:
            arm.pop("seconds", None)
    contents.pop("made", None)  # the day of a report
    return contents


def count_calls(scenario: Scenario, forks: Forks) -> tuple[dict[str, Any], Mapping[str, int]]:
    """The results of a scenario in peace, and its calls by kind."""
    with tempfile.TemporaryDirectory(prefix="faults-") as scratch:
        folder = Path(scratch)
        nothing = Fault(folder=folder, call="open", nth=0, error=0)
        done = forks.run(*scenario.call, cwd=folder, fault=nothing)
        assert done.code == scenario.code, done
        return results_of(folder), done.calls


def faults_of(calls: Mapping[str, int], each: int) -> Iterator[tuple[str, int, int]]:
    """Call, number and error: ``each`` numbers of every kind of call, first and last among them."""
    for call in KINDS:
        count = calls[call]
        numbers = sorted({int(n) for n in np.linspace(1, count, min(each, count))}) if count else []
        for number in numbers:
            for error in ERRORS:
                yield call, number, error


def try_fault(
    scenario: Scenario,
    forks: Forks,
    expected: Mapping[str, Any],
    fault: tuple[str, int, int],
    *,
    former: Path | None = None,
) -> Ended:
    """Run a scenario with a fault, then without.

    Args:
        scenario: what is run.
        forks: runs it.
        expected: its results in peace.
        fault: call, number and error.
        former: results of another run that lie there before.

    Raises:
        Wrong: something was lost, half-written or badly said.
    """
    with tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch)
        if former is not None:
            shutil.copytree(former, folder / "out")
        before = results_of(folder)
        call, number, error = fault
        injected = Fault(folder=folder, call=call, nth=number, error=error)
        done = forks.run(*scenario.call, cwd=folder, fault=injected)
        said = f"{scenario.call[0]}, {call} {number} {injected.name}: {done}"
        _refuse_failure(scenario, done, error, said)
        _refuse_halves(folder, before, expected, is_killed=done.code < 0, said=said)
        again = forks.run(*scenario.call, cwd=folder)
        if again.code != scenario.code:
            raise Wrong(f"it does not go on: {again} after {said}")
        if results_of(folder) != dict(expected):
            raise Wrong(f"other results afterwards: {said}")
        left = [str(file) for file in folder.rglob(".partial-*")]
        if left:
            raise Wrong(f"drafts stay: {left} after {said}")
    return done


def _refuse_failure(scenario: Scenario, done: Ended, error: int, said: str) -> None:
    if done.is_late:
        raise Wrong(f"it hangs: {said}")
    if done.code < 0 and error != KILL:
        raise Wrong(f"it crashes: {said}")
    if done.code >= 0 and done.code not in (scenario.code, 2):
        raise Wrong(f"another exit code: {said}")
    if "Traceback" in done.stderr or "fault in synthaudit" in done.stderr:
        raise Wrong(f"a traceback: {said}")
    lines = [line for line in done.stderr.splitlines() if not line.startswith("warning: ")]
    if len(lines) > 1:
        raise Wrong(f"more than a sentence: {said}")


def _refuse_halves(
    folder: Path,
    before: Mapping[str, Any],
    expected: Mapping[str, Any],
    *,
    is_killed: bool,
    said: str,
) -> None:
    """Results are all new, or all as they were; of a killed run they may be without their mark."""
    if not is_killed and list((folder / "out").glob(".partial-*")):
        raise Wrong(f"drafts stay: {said}")
    names = {name for name in (*before, *expected) if "/" not in name}
    found = {name: value for name, value in results_of(folder).items() if name in names}
    for whole in (before, expected):
        if found == {name: value for name, value in whole.items() if name in names}:
            return
    has_mark = any(mark in found for mark in _MARKS)
    kept_apart = {"kept.csv", "junit.xml", "report.html", "thumbnails.parquet"}
    if has_mark:
        # Faces that are written after the results: those of before are not beside them.
        rest = {name: value for name, value in expected.items() if name in names}
        if all(
            (name in found and found[name] == value) or name in kept_apart
            for name, value in rest.items()
        ):
            return
    elif is_killed or not before:
        return
    raise Wrong(f"half of the results: {sorted(found)}: {said}")
