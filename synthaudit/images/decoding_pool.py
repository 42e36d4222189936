"""Worker processes that decode: bytes in, batches of uint8 pixels out, crashes survived."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import cache, partial
from threading import Lock, Thread
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from synthaudit.errors import UsageError
from synthaudit.images.decoding import Frame, Pixels, UnreadableImage, decode
from synthaudit.images.shared_batches import SharedBatch, SharedBatches
from synthaudit.leftovers import clear_semaphores
from synthaudit.threads import cores

CHUNK_IMAGES: Final = 32
"""How many files go to a worker at once."""

_IDLE_SECONDS: Final = 60
_LOOKS_SECONDS: Final = 1.0

_SAFE_PATH: Final = {"PYTHONSAFEPATH": "1"}
"""A helper process imports nothing from the current folder, which may be somebody's data set."""

_STARTING: Final = Lock()


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why an image could not be decoded, and whether its bytes will always fail."""

    reason: str
    is_lasting: bool


@dataclass(frozen=True, kw_only=True)
class DecodedChunk:
    """What became of some files.

    Attributes:
        pixels: (k, ...) of those that decoded, in order: uint8 pixels, or traits in their place.
        failures: a slot for each file, None for those that decoded.
    """

    pixels: npt.NDArray[Any]
    failures: Sequence[Failure | None]


Work = Callable[[Sequence[bytes], Frame, int], DecodedChunk]


class DecodingPool:
    """Decodes chunks of files in parallel processes.

    The processes are loky's: they start without running the caller's script again, are shared by
    all audits of this process and end by themselves when idle.

    Args:
        frame: the grid to decode to.
        workers: how many processes; None for one a core.
        max_pixels: larger images are refused.
        work: what to make of files instead of pixels: a function like ``decode_chunk``.
    """

    def __init__(
        self,
        frame: Frame,
        *,
        workers: int | None,
        max_pixels: int,
        work: Work | None = None,
    ) -> None:
        self.workers = workers or cores()
        self._work = work or decode_chunk
        # Only pixels have a size that is known beforehand.
        self._slots = SharedBatches(frame, CHUNK_IMAGES) if work is None else None
        self._slot_of: dict[Future[DecodedChunk], SharedBatch] = {}
        self._frame = frame
        self._max_pixels = max_pixels

    def submit(self, files: Sequence[bytes]) -> Future[DecodedChunk]:
        """Begin to decode some files."""
        executor = worker_processes(self.workers)
        arguments = (list(files), self._frame, self._max_pixels)
        future: Future[DecodedChunk]
        slot = None
        if self._slots is not None and 1 < len(files) <= CHUNK_IMAGES:
            slot = self._slots.take()
        if slot is None:
            future = executor.submit(self._work, *arguments)
        else:
            future = executor.submit(decode_into, slot, *arguments)
            self._slot_of[future] = slot
        return future

    def collect(self, future: Future[DecodedChunk], files: Sequence[bytes]) -> DecodedChunk:
        """Wait for a chunk; where a process died, find the file that killed it."""
        slot = self._slot_of.pop(future, None)
        try:
            found = future.result()
            if slot is None or len(found.pixels):
                return found
            count = sum(failure is None for failure in found.failures)
            return replace(found, pixels=slot.pixels(count, self._frame).copy())
        except BrokenProcessPool:
            self._refuse_without_processes()
            chunks = [self._decode_alone(file) for file in files]
        finally:
            if slot is not None and self._slots is not None:
                self._slots.give_back(slot)
        decoded = [chunk.pixels for chunk in chunks if len(chunk.pixels)]
        return DecodedChunk(
            pixels=np.concatenate(decoded) if decoded else chunks[0].pixels,
            failures=[chunk.failures[0] for chunk in chunks],
        )

    def _refuse_without_processes(self) -> None:
        """Tell a file that kills its process from processes that die of themselves."""
        for _ in range(2):  # the first may be lost with a pool that a file has broken
            try:
                worker_processes(self.workers).submit(os.getpid).result()
                return
            except BrokenProcessPool:
                continue
        raise UsageError(
            "the processes that decode images end as soon as they are started: look for what the "
            "system or its memory limit ends, and for a sitecustomize module, or try --workers 1."
        )

    def _decode_alone(self, file: bytes) -> DecodedChunk:
        for _ in range(2):  # the first may be lost with a pool that another file has broken
            try:
                return self.submit([file]).result()
            except BrokenProcessPool:
                continue
        failure = Failure(reason="it crashes the decoder", is_lasting=False)
        return DecodedChunk(pixels=_no_pixels(self._frame), failures=[failure])


def decode_chunk(files: Sequence[bytes], frame: Frame, max_pixels: int) -> DecodedChunk:
    """Decode some files in this process."""
    read = partial(decode, frame=frame, max_pixels=max_pixels)
    return read_each(files, read, nothing=_no_pixels(frame))


def decode_into(
    slot: SharedBatch, files: Sequence[bytes], frame: Frame, max_pixels: int
) -> DecodedChunk:
    """Decode some files into shared memory; the chunk itself then has no pixels.

    Where a system lets no process look at the memory of another, it has them after all.
    """
    chunk = decode_chunk(files, frame, max_pixels)
    try:
        slot.pixels(len(chunk.pixels), frame)[:] = chunk.pixels
    except OSError:
        return chunk
    return replace(chunk, pixels=_no_pixels(frame))


def read_each(
    files: Sequence[bytes], read: Callable[[bytes], npt.NDArray[Any]], *, nothing: npt.NDArray[Any]
) -> DecodedChunk:
    """Read some files one by one, and note which cannot be.

    Args:
        files: their bytes.
        read: makes an array of one, all of one shape.
        nothing: what ``pixels`` is when none can be read.
    """
    arrays: list[npt.NDArray[Any]] = []
    failures: list[Failure | None] = []
    for data in files:
        try:
            arrays.append(read(data))
            failures.append(None)
        except UnreadableImage as error:
            failures.append(Failure(reason=str(error), is_lasting=error.is_lasting))
    return DecodedChunk(pixels=np.stack(arrays) if arrays else nothing, failures=failures)


def worker_processes(workers: int | None) -> Any:
    """The executor whose processes all audits of this process share; None is one a core."""
    import loky

    with _STARTING:
        _start_trackers()
    return loky.get_reusable_executor(
        max_workers=workers or cores(),
        timeout=_IDLE_SECONDS,
        initializer=_begin_worker,
        initargs=(os.getpid(),),
        env=_SAFE_PATH,
    )


@cache
def _start_trackers() -> None:
    """Start the processes that clear up after the others, who would start them as they are."""
    from multiprocessing import resource_tracker

    from loky.backend import resource_tracker as own_tracker

    clear_semaphores()
    before = {name: os.environ.get(name) for name in _SAFE_PATH}
    os.environ.update(_SAFE_PATH)
    try:
        resource_tracker.ensure_running()
        own_tracker.ensure_running()
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _no_pixels(frame: Frame) -> Pixels:
    return np.empty((0, frame.height, frame.width, 3), np.uint8)


def _begin_worker(parent: int) -> None:
    """Leave interrupts to the parent, and go when it has gone, however it was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    Thread(target=_go_with, args=(parent,), daemon=True, name="synthaudit-parent").start()


def _go_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOKS_SECONDS)
    os._exit(1)
