"""What long work tells of itself where there is no terminal: a line every so often, no more."""

from __future__ import annotations

import re
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest

import synthaudit
from synthaudit.progress import DONE, NoProgress, ProgressBars, ProgressLines, listening


def wait_for(lines: list[str], begin: str) -> None:
    limit = time.monotonic() + 20
    while not any(line.startswith(begin) for line in lines):
        assert time.monotonic() < limit
        time.sleep(0.01)


def test_lines_say_stage_steps_and_seconds() -> None:
    lines: list[str] = []
    told = ProgressLines(lines.append, every=0.02)
    told.start("permuting", 100)
    told.advance(30)
    wait_for(lines, "permuting: 30 of 100 (")
    told.start("drawing", 0)
    wait_for(lines, "drawing (")
    told.start(DONE, 0)
    told.stop()
    count = len(lines)
    time.sleep(0.1)
    assert len(lines) == count
    assert all(re.fullmatch(r"(permuting: \d+ of 100|drawing) \(\d+ s\)", line) for line in lines)


def test_python_is_told_every_ten_seconds_and_silenced_by_request(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ProgressLines.__init__, "__kwdefaults__", {"every": 0.02})
    real, synthetic = np.random.default_rng(0).normal(size=(2, 400, 64))
    synthaudit.score_embeddings(real, synthetic, permutations=19, resamples=20)
    told = capsys.readouterr().err.splitlines()
    assert any(" of " in line and line.startswith("synthaudit: ") for line in told)
    synthaudit.score_embeddings(real, synthetic, quick=True, progress=NoProgress())
    assert capsys.readouterr().err == ""


def test_a_notebook_gets_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    shell = type("ZMQInteractiveShell", (), {})()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    with listening(None) as listener:
        assert isinstance(listener, ProgressBars)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    with listening(None) as listener:
        assert isinstance(listener, ProgressLines)


def test_what_the_caller_gives_is_told() -> None:
    own = NoProgress()
    with listening(own) as listener:
        assert listener is own
    for wrong in (1, NoProgress):
        with pytest.raises(synthaudit.UsageError, match="progress should be an object"):
            synthaudit.score_embeddings([[1.0]], [[2.0]], progress=wrong)  # type: ignore[arg-type]


def test_every_stage_of_a_full_audit_that_takes_long_is_counted() -> None:
    class Watch(NoProgress):
        def __init__(self) -> None:
            self.stages: dict[str, list[int]] = {}
            self.now = ""

        def start(self, stage: str, total: int) -> None:
            self.now = stage
            self.stages[stage] = [0, total]

        def advance(self, steps: int) -> None:
            self.stages[self.now][0] += steps

    watch = Watch()
    rng = np.random.default_rng(1)
    real, synthetic = rng.normal(size=(2, 200, 16))
    classes = [str(row % 2) for row in range(200)]
    synthaudit.score_embeddings(
        real,
        synthetic,
        real_classes=classes,
        synthetic_classes=classes,
        permutations=19,
        resamples=20,
        progress=watch,
    )
    for stage in (
        "searching near-duplicates",
        "cross-validating the detector",
        "finding how sure the scores are",
        "measuring coverage and fidelity",
        "training probes",
    ):
        done, total = watch.stages[stage]
        assert done == total > 0, stage
