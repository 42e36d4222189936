"""Whatever it is given: an answer or a sentence. ``make fuzz`` tries far more of the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.reliability.forks import Forks
from tests.reliability.formats import KINDS
from tests.reliability.fuzzing import judge, prepare

# Those that decode pictures start processes, and take seconds.
_CASES = {"pictures": 1, "names": 1, "caches": 1, "stores": 1, "tar": 2, "manifests": 3}


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with Forks() as server:
        yield server


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, forks: Forks) -> Path:
    folder = tmp_path_factory.mktemp("base")
    prepare(folder, forks)
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_or_a_sentence(kind: str, base: Path, forks: Forks) -> None:
    @settings(
        max_examples=_CASES.get(kind, 6),
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
