"""Pixels from worker processes through memory that both sides map, not through a pipe."""

from __future__ import annotations

import itertools
import mmap
import os
import sys
import weakref
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from synthaudit.images.decoding import Frame, Pixels

# Small pictures travel as fast through a pipe.
_LEAST_BYTES: Final = 1_000_000
_MAPPED_AT_ONCE: Final = 48

_numbers = itertools.count()
_mapped: OrderedDict[str, mmap.mmap] = OrderedDict()


@dataclass(frozen=True, kw_only=True)
class SharedBatch:
    """A stretch of memory that holds a chunk of pixels.

    Attributes:
        name: unlike that of any other slot.
        file: where other processes find it, while its maker lives: it leaves nothing behind.
        size: in bytes.
    """

    name: str
    file: str
    size: int

    def pixels(self, count: int, frame: Frame) -> Pixels:
        """(count, height, width, 3) uint8 in the slot itself; to be copied before it is reused."""
        used = count * frame.height * frame.width * 3
        flat = np.frombuffer(_map(self), np.uint8, used)
        return flat.reshape(count, frame.height, frame.width, 3)


class SharedBatches:
    """As many slots as chunks are on their way at once, used again and again.

    Args:
        frame: of the pixels.
        images: how many of them a slot holds.
    """

    def __init__(self, frame: Frame, images: int) -> None:
        self._size = frame.height * frame.width * 3 * images
        self._free: list[SharedBatch] = []

    def take(self) -> SharedBatch | None:
        """A free slot; None where pixels have to go through the pipe."""
        if sys.platform != "linux" or self._size < _LEAST_BYTES:
            return None
        if self._free:
            return self._free.pop()
        number = os.memfd_create("synthaudit")
        try:
            # Taken now: running out of it later would kill whoever writes.
            os.posix_fallocate(number, 0, self._size)
        except OSError:
            os.close(number)
            return None
        name = f"{os.getpid()}-{next(_numbers)}"
        weakref.finalize(self, _forget, name, number)
        return SharedBatch(name=name, file=f"/proc/{os.getpid()}/fd/{number}", size=self._size)

    def give_back(self, slot: SharedBatch) -> None:
        """Let a slot be used again."""
        self._free.append(slot)


def _forget(name: str, number: int) -> None:
    os.close(number)
    _mapped.pop(name, None)


def _map(slot: SharedBatch) -> mmap.mmap:
    """The memory of a slot, which stays mapped: mapping anew costs more than copying."""
    if slot.name not in _mapped:
        with Path(slot.file).open("r+b") as stream:
            _mapped[slot.name] = mmap.mmap(stream.fileno(), slot.size)
        while len(_mapped) > _MAPPED_AT_ONCE:
            # Not closed: an array may still look at it. It goes when the last one does.
            _mapped.popitem(last=False)
    _mapped.move_to_end(slot.name)
    return _mapped[slot.name]
