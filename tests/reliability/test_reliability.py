"""Whatever it is given and whatever fails: an answer or a sentence, and nothing is lost.

``make fuzz`` tries far more of the same.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.reliability.faults import count_calls, results_of, scenarios, try_fault
from tests.reliability.forks import KILL, Forks, make_shim
from tests.reliability.formats import KINDS
from tests.reliability.fuzzing import judge, prepare

YEAR = 365 * 86_400
# Those that decode pictures start processes, and take seconds.
_CASES = {"pictures": 1, "names": 1, "caches": 1, "stores": 1, "tar": 2, "manifests": 2}


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    return make_shim(tmp_path_factory.mktemp("shim"))


@pytest.fixture(scope="module")
def forks(shim: Path | None) -> Iterator[Forks]:
    with Forks(shim) as server:
        yield server


@pytest.fixture
def faults(forks: Forks, shim: Path | None) -> Forks:
    if shim is None:
        pytest.skip("there is no C compiler, or no Linux, to make calls fail with")
    return forks


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, forks: Forks) -> Path:
    folder = tmp_path_factory.mktemp("base")
    prepare(folder, forks)
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_or_a_sentence(kind: str, base: Path, forks: Forks) -> None:
    @settings(
        max_examples=_CASES.get(kind, 3),
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def run(data: st.DataObject) -> None:
        judge(data.draw(KINDS[kind](base)), forks)

    run()


# Where in the run, as a share of its calls of that kind.
@pytest.mark.parametrize(
    ("name", "call", "share", "error"),
    [
        ("score, vectors", "rename", 1.0, errno.EIO),
        ("score, vectors", "rename", 0.5, KILL),
        ("score, images", "write", 0.3, errno.ENOSPC),
        ("gate", "open", 1.0, errno.EACCES),
    ],
)
def test_nothing_is_lost(
    name: str, call: str, share: float, error: int, base: Path, faults: Forks
) -> None:
    scenario = scenarios(base)[name]
    expected, calls = count_calls(scenario, faults)
    assert calls[call], f"{name} makes no such call"
    try_fault(scenario, faults, expected, (call, max(int(share * calls[call]), 1), error))


def test_a_clock_that_is_set_back_changes_nothing(
    base: Path, faults: Forks, tmp_path: Path
) -> None:
    """By a year, between two runs on one cache."""
    scenario = scenarios(base)["score, images"]
    assert faults.run(*scenario.call, cwd=tmp_path).code == 0
    first = results_of(tmp_path)
    again = faults.run(*scenario.call, cwd=tmp_path, clock=-YEAR)
    assert again.code == 0, again.stderr
    assert results_of(tmp_path) == first
