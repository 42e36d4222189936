"""All cores, by threads of our own: numpy lets go of the interpreter while it computes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from threading import Lock
from typing import Final, TypeVar, cast

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")
First = TypeVar("First")
Second = TypeVar("Second")
Third = TypeVar("Third")
Advance = Callable[[int], None]
"""Told of steps of work that are done."""


def ignore(steps: int) -> None:
    """Tell nobody."""


def cores() -> int:
    """How many this process may use: affinity and the limits of a container count."""
    import loky

    return int(loky.cpu_count())


class _Stop:
    """Whether work in threads is to end, because it or what it is part of has failed."""

    def __init__(self, whole: _Stop | None) -> None:
        self._whole, self._is_set = whole, False

    def set(self) -> None:
        self._is_set = True

    def check(self) -> None:
        if self._is_set:
            raise CancelledError
        if self._whole is not None:
            self._whole.check()


_ADVANCING: Final = Lock()
"""Listeners are told of one step at a time."""

_STOP: Final[ContextVar[_Stop | None]] = ContextVar("stop", default=None)


def _one(_: object) -> int:
    return 1


def in_threads(
    work: Callable[[Item], Outcome],
    items: Sequence[Item],
    advance: Advance = ignore,
    *,
    steps: Callable[[Item], int] = _one,
) -> list[Outcome]:
    """Do some work on each item, as many at a time as there are cores.

    Outcomes do not depend on how many there are. An exception of an item is raised, as an interrupt
    is, and what has not been begun is left undone. The work may itself be in threads.

    Args:
        work: on one item.
        items: independent of one another.
        advance: told of each item as it is done, by whatever thread, one at a time.
        steps: how many steps an item is.

    Returns:
        Outcomes in the order of the items.
    """
    stop = _Stop(_STOP.get())

    def finish(item: Item) -> Outcome:
        stop.check()
        _STOP.set(stop)
        outcome = work(item)
        with _ADVANCING:
            advance(steps(item))
        return outcome

    count = min(cores(), len(items))
    if count < 2:
        return [copy_context().run(finish, item) for item in items]
    with single_matrix_thread(), ThreadPoolExecutor(count, "synthaudit") as executor:
        try:
            return list(executor.map(finish, items))
        except BaseException:
            stop.set()
            executor.shutdown(wait=False, cancel_futures=True)
            raise


def together(
    first: Callable[[], First], second: Callable[[], Second], third: Callable[[], Third]
) -> tuple[First, Second, Third]:
    """Three pieces of work side by side, each of which may be in threads itself."""
    pieces: tuple[Callable[[], object], ...] = (first, second, third)
    return cast("tuple[First, Second, Third]", tuple(in_threads(lambda piece: piece(), pieces)))


@contextmanager
def single_matrix_thread() -> Iterator[None]:
    """The matrix library with one thread, whatever the environment says.

    Its own threads fight with ours for cores, and last digits hang on how many there are.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="blas"):
        yield
