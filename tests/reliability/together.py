"""Several runs on one folder, and images that change while they are read."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from tests.pictures import encoded, picture
from tests.reliability.faults import Scenario, results_of
from tests.reliability.fuzzing import Wrong

COMMAND = Path(sys.executable).with_name("synthaudit")


def run_together(scenario: Scenario, count: int) -> None:
    """Run a scenario several times at once in one folder.

    Raises:
        Wrong: one of them fails, or the results are not those of one run.
    """
    with tempfile.TemporaryDirectory(prefix="together-") as scratch:
        alone, shared = Path(scratch) / "alone", Path(scratch) / "shared"
        alone.mkdir()
        shared.mkdir()
        _refuse(_start([scenario.call], alone), scenario)
        _refuse(_start([scenario.call] * count, shared), scenario)
        if results_of(shared) != results_of(alone):
            raise Wrong(f"{count} x {scenario.call[0]} at once: other results than one alone")
        if left := list(shared.rglob(".partial-*")):
            raise Wrong(f"{count} x {scenario.call[0]} at once: drafts stay: {left}")


def change_meanwhile(scenario: Scenario, sides: Path, seed: int) -> str:
    """Run a scenario while its images are written anew, cut, removed and made again.

    Args:
        scenario: of two sides.
        sides: the folder that holds them.
        seed: of what changes when.

    Returns:
        What came of it: ``answered`` or ``refused``.

    Raises:
        Wrong: neither.
    """
    with tempfile.TemporaryDirectory(prefix="meanwhile-") as scratch:
        folder = Path(scratch)
        shutil.copytree(sides, folder / "sides")
        call = [word.replace(str(sides), str(folder / "sides")) for word in scenario.call]
        files = sorted((folder / "sides").rglob("*.png"))
        is_over = threading.Event()
        disturbance = threading.Thread(target=_disturb, args=(files, seed, is_over))
        disturbance.start()
        try:
            ((code, stderr),) = _start([call], folder)
        finally:
            is_over.set()
            disturbance.join()
    if code not in (0, 1, 2) or "Traceback" in stderr or len(stderr.splitlines()) > 3:
        raise Wrong(f"{call[0]} with images that change: {code}: {stderr[-1500:]}")
    return "refused" if code == 2 else "answered"


def _disturb(files: Sequence[Path], seed: int, is_over: threading.Event) -> None:
    chance = random.Random(seed)
    time.sleep(chance.uniform(0.0, 2.0))
    while not is_over.wait(0.002):
        file = chance.choice(files)
        how = chance.randrange(4)
        if how == 0:
            file.unlink(missing_ok=True)
        elif how == 1:
            file.write_bytes(encoded(picture(chance.randrange(5000))))
        elif how == 2:
            file.write_bytes(encoded(picture(1))[: chance.randrange(400)])
        else:
            draft = file.with_suffix(".new")
            draft.write_bytes(encoded(picture(chance.randrange(5000))))
            os.replace(draft, file)


def _start(calls: Sequence[Sequence[str]], folder: Path) -> list[tuple[int, str]]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    started = [
        subprocess.Popen(
            [COMMAND, *call],
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for call in calls
    ]
    ended = []
    for process in started:
        _, stderr = process.communicate(timeout=300)
        ended.append((process.returncode, stderr))
    return ended


def _refuse(ended: Sequence[tuple[int, str]], scenario: Scenario) -> None:
    for code, stderr in ended:
        if code != scenario.code or "Traceback" in stderr:
            raise Wrong(f"{len(ended)} x {scenario.call[0]} at once: {code}: {stderr[-1500:]}")
