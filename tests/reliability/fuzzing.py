"""A case run and judged: exit codes 0 to 3, one sentence, nothing half-written, the same twice."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.pictures import encoded, picture
from tests.reliability.forks import Ended, Forks
from tests.reliability.formats import Case

LONGEST_SECONDS = 90.0
LONGEST_SENTENCE = 2000
PLAN = """\
real: {real}
embedder: builtin
images_per_arm: 8
generator: {{name: augment}}
axes: {{strength: [0.2, 2.0]}}
"""


class Wrong(AssertionError):  # noqa: N818 - a verdict
    """What the command should not have done."""


def prepare(base: Path, forks: Forks) -> None:
    """What the cases start from: two sides, an audit, a sweep, a cache."""
    for side, start in (("real", 0), ("synthetic", 1000)):
        for number in range(24):
            place = base / side / "ab"[number % 2]
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{number}.png").write_bytes(encoded(picture(start + number)))
    (base / "plan.yaml").write_text(PLAN.format(real=base / "real"))
    how = ("--quick", "--quiet", "--cache", base / "cache", "--workers", "1")
    calls = (
        ("score", base / "real", base / "synthetic", "--embedder", "builtin", "--out",
         base / "audit"),
        ("sweep", base / "plan.yaml", "--out", base / "sweep"),
    )  # fmt: skip
    for call in calls:
        done = forks.run(*call, *how, cwd=base)
        assert done.code == 0, done


def lay_out(case: Case, folder: Path) -> None:
    """Write the files of a case."""
    for name, data in case.files.items():
        place = os.path.join(os.fsencode(folder), name)  # noqa: PTH118 - bytes
        try:
            os.makedirs(os.path.dirname(place), exist_ok=True)  # noqa: PTH103, PTH120
            with open(place, "wb") as stream:  # noqa: PTH123
                stream.write(data)
        except OSError:  # a name that is too long, or is another's folder
            continue


def judge(case: Case, forks: Forks, *, expected: Any = None) -> list[Ended]:
    """Run a case in a folder of its own, twice, and say what is wrong.

    Args:
        case: files and calls.
        forks: runs them.
        expected: a function of the folder that says what is wrong with the results, if anything.

    Raises:
        Wrong: with the call, and what it did.
    """
    ended: list[Ended] = []
    with tempfile.TemporaryDirectory(prefix="fuzz-", ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch)
        lay_out(case, folder)
        for call in case.calls:
            done = forks.run(*call, cwd=folder, seconds=LONGEST_SECONDS)
            ended.append(done)
            refuse(call, done)
            refuse_halves(folder)
            if expected is not None and (fault := expected(folder, done)):
                raise Wrong(f"{call}: {fault}; {done.stderr[-500:]}")
        if len(case.calls) == 1 and ended[0].seconds < 1.5:
            # Once more from the start: the same answer.
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            lay_out(case, folder)
            again = forks.run(*case.calls[0], cwd=folder, seconds=LONGEST_SECONDS)
            if (again.code, again.stdout) != (ended[0].code, ended[0].stdout):
                raise Wrong(f"{case.calls[0]}: another answer the second time: {again}")
    return ended


def refuse(call: Sequence[str], done: Ended) -> None:
    """Refuse a run that hangs, crashes, or says more than a sentence."""
    said = f"{call} ended with {done.code} after {done.seconds} s: {done.stderr[-1500:]}"
    if done.is_late:
        raise Wrong(f"it hangs: {said}")
    if done.code not in (0, 1, 2, 3):
        raise Wrong(f"it crashes: {said}")
    if "Traceback" in done.stderr or "fault in synthaudit" in done.stderr:
        raise Wrong(f"a traceback: {said}")
    # Beside --format json annotations for GitHub go there too.
    lines = [line for line in done.stderr.splitlines() if not line.startswith(("warning: ", "::"))]
    if call[0] == "sweep" and "--dry-run" in call:
        lines = [line for line in lines if line.startswith("error")]
    if len(lines) > 1 or (lines and not lines[0].startswith("error: ")):
        raise Wrong(f"more than a sentence: {said}")
    if done.code == 2 and not lines:
        raise Wrong(f"refused without a word: {said}")
    if any(len(line) > LONGEST_SENTENCE for line in done.stderr.splitlines()):
        raise Wrong(f"a long sentence: {said}")
    if any(ord(sign) < 32 and sign not in "\n\t" for sign in done.stderr + done.stdout):
        raise Wrong(f"control characters: {said!r}")


def refuse_halves(folder: Path) -> None:
    """Refuse what is not whole and stays."""
    left = [str(file) for file in folder.rglob(".partial-*")]
    if left:
        raise Wrong(f"drafts stay: {left}")
    out = folder / "out"
    if out.is_dir() and (out / "images.parquet").exists():
        marks = ("scores.json", "sweep.json", "inspection.json")
        if not any((out / mark).exists() for mark in marks):
            raise Wrong(f"half of the results: {sorted(file.name for file in out.iterdir())}")
