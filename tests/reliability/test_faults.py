"""Calls that fail and processes that are killed: an error or none, and nothing lost by it.

``make fuzz`` tries the same at many more places.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reliability.faults import count_calls, results_of, scenarios, try_fault
from tests.reliability.forks import KILL, ONCE, Forks, make_shim
from tests.reliability.fuzzing import prepare

YEAR = 365 * 86_400


@pytest.fixture(scope="module")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    shim = make_shim(tmp_path_factory.mktemp("shim"))
    if shim is None:
        pytest.skip("there is no C compiler, or no Linux, to make calls fail with")
    with Forks(shim) as server:
        yield server


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, forks: Forks) -> Path:
    folder = tmp_path_factory.mktemp("base")
    prepare(folder, forks)
    return folder


# Where in the run, as a share of its calls of that kind.
@pytest.mark.parametrize(
    ("name", "call", "share", "error"),
    [
        ("score, vectors", "write", 0.5, errno.ENOSPC),
        ("score, vectors", "rename", 1.0, errno.EIO),
        ("score, vectors", "rename", 0.5, KILL),
        ("score, images", "write", 0.3, errno.ENOSPC),
        ("score, images", "open", 0.0, errno.EACCES),
        ("sweep", "mkdir", 0.5, errno.EACCES),
        ("sweep", "rename", 0.4, KILL),
        ("inspect", "fsync", 1.0, errno.EIO + ONCE),
        ("gate", "open", 1.0, errno.ENOSPC),
    ],
)
def test_nothing_is_lost(
    name: str, call: str, share: float, error: int, base: Path, forks: Forks
) -> None:
    scenario = scenarios(base)[name]
    expected, calls = count_calls(scenario, forks)
    assert calls[call], f"{name} makes no such call"
    try_fault(scenario, forks, expected, (call, max(int(share * calls[call]), 1), error))


@pytest.mark.parametrize("seconds", [-YEAR, YEAR])
def test_a_clock_that_is_wrong_changes_nothing(
    seconds: int, base: Path, forks: Forks, tmp_path: Path
) -> None:
    """Set back between two runs on one cache, or ahead."""
    scenario = scenarios(base)["score, images"]
    assert forks.run(*scenario.call, cwd=tmp_path).code == 0
    first = results_of(tmp_path)
    again = forks.run(*scenario.call, cwd=tmp_path, clock=seconds)
    assert again.code == 0, again.stderr
    assert results_of(tmp_path) == first
