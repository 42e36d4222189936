"""Work in threads: in order, told of, nested, and ended by the first failure."""

from __future__ import annotations

import threading
import time

import pytest
from threadpoolctl import threadpool_info

from synthaudit import threads
from synthaudit.threads import in_threads, single_matrix_thread, together


@pytest.fixture(autouse=True)
def _four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "cores", lambda: 4)


def test_outcomes_keep_their_order_and_every_item_is_told() -> None:
    told: list[int] = []
    found = in_threads(lambda item: item * item, range(50), told.append)
    assert found == [item * item for item in range(50)]
    assert told == [1] * 50


def test_items_run_side_by_side() -> None:
    meeting = threading.Barrier(4, timeout=20)
    in_threads(lambda _: meeting.wait(), range(4))  # would never end one after the other


def test_the_matrix_library_has_one_thread_and_then_its_own_again() -> None:
    def blas() -> set[int]:
        return {own["num_threads"] for own in threadpool_info() if own["user_api"] == "blas"}

    before = blas()
    assert in_threads(lambda _: blas(), range(2)) == [{1}, {1}]
    with single_matrix_thread():
        assert blas() == {1}
    assert blas() == before


def test_a_failure_ends_what_has_not_begun_also_in_threads_within() -> None:
    begun: list[int] = []

    def inner(item: int) -> None:
        begun.append(item)
        time.sleep(0.01)

    def outer(item: int) -> None:
        if item == 0:
            time.sleep(0.05)
            raise ValueError("the first")
        in_threads(inner, range(10_000))

    start = time.monotonic()
    with pytest.raises(ValueError, match="the first"):
        in_threads(outer, range(2))
    assert len(begun) < 5_000
    assert time.monotonic() - start < 10


def test_three_kinds_of_work_together() -> None:
    assert together(lambda: 1, lambda: "two", lambda: [3.0]) == (1, "two", [3.0])
