"""What the system does not give: one sentence, exit code 2, and never a verdict that passes."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path
from typing import Any

import pytest

import synthaudit.auditing.scoring
from tests.conftest import Run

POLICY = "[limits]\nunvaried = {max = 0.9}\n"
# Ends the processes that decode before they have begun.
SITE = """
import os, sys
if any("loky" in word for word in sys.orig_argv) and "tracker" not in " ".join(sys.orig_argv):
    os._exit(0)
"""


def test_processes_that_end_at_once_pass_nothing(
    two_sides: tuple[Path, Path], tmp_path: Path, installed: Run
) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(SITE)
    (tmp_path / "policy.toml").write_text(POLICY)
    done = installed(
        *("score", *two_sides, "--embedder", "builtin", "--quick", "--quiet", "--no-cache"),
        *("--workers", "1", "--gate", "policy.toml"),
        PYTHONPATH=str(tmp_path / "site"),
    )
    assert done.returncode == 2, done.stdout
    (line,) = done.stderr.splitlines()
    assert "the processes that decode images end as soon as they are started" in line
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "the memory is used up"),
        (RuntimeError("can't start new thread"), "no more threads or processes"),
        (BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN)), "no more threads or processes"),
        (OSError(errno.EMFILE, os.strerror(errno.EMFILE)), "open no more files"),
    ],
)
def test_limits_of_the_system_are_said(
    two_sides: tuple[Path, Path],
    synthaudit: Run,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    said: str,
) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(synthaudit_scoring(), "read_images", fails)
    done = synthaudit("score", *two_sides, "--embedder", "builtin", "--quiet", "--no-cache")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert said in line


def synthaudit_scoring() -> Any:
    """The module; the fixture has its package's name."""
    return synthaudit.auditing.scoring


def test_a_machine_without_threads(
    two_sides: tuple[Path, Path], synthaudit: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", fails)
    done = synthaudit("score", *two_sides, "--embedder", "builtin", "--quiet", "--no-cache")
    assert done.returncode == 2
    assert "no more threads or processes" in done.stderr
