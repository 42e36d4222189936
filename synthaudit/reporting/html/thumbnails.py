"""Small pictures for a report: WebP, within a budget of bytes."""

from __future__ import annotations

import io
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import Final

from PIL import Image

from synthaudit.images.collection import Location
from synthaudit.images.decoding import Frame, UnreadableImage, open_rgb
from synthaudit.images.decoding_pool import worker_processes
from synthaudit.threads import cores

GALLERY_EDGE: Final = 192
LARGE_EDGES: Final = (1024, 512, GALLERY_EDGE)
"""Longest side of a picture of a gallery where no file lies beside the page."""

MAP_EDGES: Final = (96, 64, 48, 32)
"""Longest side of a picture on the map: the largest at which all of them fit."""

_LEAST: Final = 64
_QUALITY: Final = 75
_BATCH: Final = 32

Key = tuple[str, str]
"""Side and path, or the name of an arm and a path."""


class Thumbnails:
    """Pictures by whatever names them, made while a budget lasts.

    Args:
        locations: where the bytes of each image are; images without one have no picture.
        budget: bytes in all.
        max_pixels: larger images are left out.
    """

    def __init__(
        self,
        locations: Mapping[Key, Location],
        *,
        budget: int,
        max_pixels: int,
    ) -> None:
        self._locations, self._left = locations, budget
        self._max_pixels = max_pixels
        self.made: dict[Key, bytes] = {}

    def add(self, wanted: Iterable[Key], edge: int) -> None:
        """Make pictures of images that have none yet, the first ones first.

        Tiny images are enlarged for the galleries, pixel by pixel, not smoothed. A picture that is
        wanted several times takes its bytes as often.
        """
        times = Counter(wanted)
        keys = [key for key in times if key not in self.made and key in self._locations]
        for key, data in self._encoded(keys, edge):
            if data is None:
                continue
            if len(data) * times[key] > self._left:
                return
            self._left -= len(data) * times[key]
            self.made[key] = data

    def add_all(self, wanted: Iterable[Key], edges: Sequence[int], *, share: float = 1.0) -> None:
        """Make pictures of all, as large as the budget allows by the size of the first of them.

        Args:
            wanted: whose pictures.
            edges: longest sides to choose from, the largest first.
            share: of what is left of the budget, that they may take unless they are the smallest.
        """
        keys = [key for key in dict.fromkeys(wanted) if key not in self.made]
        for edge in edges[:-1]:
            sizes = [len(data) for _, data in self._encoded(keys[:_BATCH], edge) if data]
            if sum(sizes) / max(len(sizes), 1) * len(keys) <= share * self._left:
                self.add(keys, edge)
                return
        self.add(keys, edges[-1])

    def _encoded(self, keys: Sequence[Key], edge: int) -> Iterator[tuple[Key, bytes | None]]:
        work = partial(encode_all, edge=edge, max_pixels=self._max_pixels)
        batches = [keys[start : start + _BATCH] for start in range(0, len(keys), _BATCH)]
        if len(batches) < 2:
            for batch in batches:
                yield from zip(batch, work(self._read(batch)), strict=True)
            return
        executor = worker_processes(None)
        # A few batches ahead keep the workers busy and the memory small.
        ahead = 2 * cores() + 2
        pending = [(b, executor.submit(work, self._read(b))) for b in batches[:ahead]]
        rest = iter(batches[ahead:])
        while pending:
            batch, future = pending.pop(0)
            try:
                made = future.result()
            except BrokenProcessPool:
                made = [None] * len(batch)
                executor = worker_processes(None)
            pending.extend(
                (following, executor.submit(work, self._read(following)))
                for following in itertools.islice(rest, 1)
            )
            yield from zip(batch, made, strict=True)

    def _read(self, keys: Sequence[Key]) -> list[bytes]:
        found = []
        for key in keys:
            location = self._locations.get(key)
            try:
                found.append(b"" if location is None else location.read())
            except OSError:
                found.append(b"")
        return found


def encode_all(files: Sequence[bytes], *, edge: int, max_pixels: int) -> list[bytes | None]:
    """Pictures of files, None for those that cannot be read."""
    return [_encode(data, edge, max_pixels) for data in files]


def _encode(data: bytes, edge: int, max_pixels: int) -> bytes | None:
    try:
        # Large photographs are decoded at the smallest scale that is large enough.
        image = open_rgb(data, frame=Frame(height=edge, width=edge), max_pixels=max_pixels)
    except UnreadableImage:
        return None
    image.thumbnail((edge, edge))
    if edge == GALLERY_EDGE and max(image.size) < _LEAST:
        factor = _LEAST // max(image.size) + 1
        size = (image.width * factor, image.height * factor)
        image = image.resize(size, Image.Resampling.NEAREST)
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=_QUALITY)
    return buffer.getvalue()
