"""A process for each device: batches go out by pipes, images come back, the dead are replaced."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any, Final

from loky.backend import get_context

from synthaudit.errors import GeneratorError, SynthauditError
from synthaudit.generation.jobs import Made
from synthaudit.progress import LOGGER
from synthaudit.sweeping.engines.this_process import Answer, Answers, Batch, Worker, WorkerPlan

_MOST_DEATHS: Final = 2
_PATIENCE_SECONDS: Final = 10.0


@dataclass(kw_only=True)
class _Process:
    """A worker as the parent sees it: its batch, and how many images of that have come."""

    device: str
    process: Any
    pipe: Connection
    batch: int | None = None
    come: int = 0


class WorkerProcesses:
    """Makes batches on several devices of this machine.

    Args:
        plan: what the workers need.
        devices: a worker each.
    """

    def __init__(self, plan: WorkerPlan, devices: Sequence[str]) -> None:
        self._plan, self._devices = plan, devices

    def run(self, batches: Sequence[Batch]) -> Answers:
        """As ``Engine``; a batch whose worker dies is made by another, at most twice."""
        if not batches:
            return
        run = _Run(self._plan, batches)
        try:
            run.start(self._devices[: len(batches)])
            yield from run.answers()
        finally:
            run.stop()


@dataclass
class _Run:
    plan: WorkerPlan
    batches: Sequence[Batch]
    waiting: deque[int] = field(default_factory=deque)
    deaths: dict[int, int] = field(default_factory=dict)
    workers: list[_Process] = field(default_factory=list)

    def start(self, devices: Sequence[str]) -> None:
        self.waiting = deque(range(len(self.batches)))
        for device in devices:
            self._begin(device)

    def stop(self) -> None:
        """Let those that are idle end by themselves, which clears up after them."""
        for worker in self.workers:
            worker.pipe.close()
            if worker.batch is not None:
                worker.process.terminate()
        for worker in self.workers:
            worker.process.join(_PATIENCE_SECONDS)
            if worker.process.is_alive():
                worker.process.terminate()

    def answers(self) -> Iterator[Answer]:
        while any(worker.batch is not None for worker in self.workers):
            busy = {worker.pipe: worker for worker in self.workers if worker.batch is not None}
            for ready in wait(list(busy)):
                worker = busy[ready]  # type: ignore[index]
                try:
                    made = worker.pipe.recv()
                except (EOFError, OSError):
                    yield from self._bury(worker)
                    continue
                yield from self._take(worker, made)

    def _take(self, worker: _Process, made: Made | None) -> Iterator[Answer]:
        """An image, or the word that the batch is done."""
        if made is None:
            worker.batch = None
            self._hand_out(worker)
            return
        if made.error is not None:
            self.waiting.clear()
        assert worker.batch is not None
        yield worker.batch, worker.come, made
        worker.come += 1

    def _begin(self, device: str) -> None:
        # Forked processes cannot use a GPU that their parent has used, and those of the standard
        # library that are not run the caller's script again.
        context = get_context("loky")
        own, other = context.Pipe()
        process = context.Process(target=_work, args=(self.plan, device, other), daemon=True)
        process.start()
        other.close()
        worker = _Process(device=device, process=process, pipe=own)
        self.workers.append(worker)
        self._hand_out(worker)

    def _hand_out(self, worker: _Process) -> None:
        if not self.waiting:
            return
        worker.batch, worker.come = self.waiting.popleft(), 0
        with suppress(OSError):  # a worker that has died is noticed by its pipe
            worker.pipe.send(list(self.batches[worker.batch]))

    def _bury(self, worker: _Process) -> Iterator[Answer]:
        """Replace a worker that has died; its batch is made anew."""
        worker.process.join(_PATIENCE_SECONDS)
        self.workers.remove(worker)
        worker.pipe.close()
        number, how = worker.batch, _manner_of(worker.process.exitcode)
        assert number is not None
        self.deaths[number] = self.deaths.get(number, 0) + 1
        if self.deaths[number] > _MOST_DEATHS:
            self.waiting.clear()
            error = GeneratorError(
                f"the worker on {worker.device} {how} {self.deaths[number]} times at the same "
                "images: it may lack memory; what is made stays."
            )
            yield number, worker.come, Made(image=None, error=error)
            return
        LOGGER.warning("the worker on %s %s; another one takes its place.", worker.device, how)
        self.waiting.appendleft(number)
        self._begin(worker.device)


def _manner_of(code: int | None) -> str:
    if code is not None and code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


def _work(plan: WorkerPlan, device: str, pipe: Connection) -> None:
    """The life of a worker: until its parent closes the pipe."""
    # An interrupt from the keyboard reaches all; the parent decides what becomes of it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    worker: Worker | None = None
    with suppress(EOFError, OSError):
        while True:
            batch = pipe.recv()
            try:
                worker = worker or Worker(plan, device)
                for made in worker.make(batch):
                    pipe.send(made)
            except SynthauditError as error:
                pipe.send(Made(image=None, error=GeneratorError(str(error))))
            pipe.send(None)
