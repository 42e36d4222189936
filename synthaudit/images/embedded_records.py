"""What image programs leave in their files: A1111, ComfyUI, InvokeAI, Fooocus, NovelAI."""

from __future__ import annotations

import io
import logging
import struct
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, Final

import numpy as np

from synthaudit.images.collection import Collection, ImageEntry
from synthaudit.images.generation_record import GenerationRecord

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_TEXT_CHUNKS: Final = (b"tEXt", b"zTXt", b"iTXt", b"eXIf")
_PIXELS: Final = b"IDAT"
_LARGEST_CHUNK: Final = 1_000_000
_LARGEST_FILE: Final = 100_000_000
_THREADS: Final = 4
# The files of a set are of one kind: where none of so many has a text, none is looked for.
_LOOKED_AT: Final = 64


def with_embedded_records(collection: Collection) -> Collection:
    """A set's images with what their own files say, where nothing beside them says it.

    Where none of 64 images spread over the set says anything, the others are not opened.
    """
    asked = [
        row
        for row, entry in enumerate(collection.entries)
        if entry.record is None or entry.record.prompt is None
    ]
    spread = np.linspace(0, len(asked) - 1, min(len(asked), _LOOKED_AT)).astype(int)
    first = [asked[place] for place in spread]
    found = _read(collection.entries, first)
    if not any(found.values()):
        return collection
    found |= _read(collection.entries, [row for row in asked if row not in found])
    entries = [
        entry
        if (record := found.get(row)) is None
        else replace(entry, record=record if entry.record is None else entry.record.filled(record))
        for row, entry in enumerate(collection.entries)
    ]
    return replace(collection, entries=entries)


def _read(entries: Sequence[ImageEntry], rows: Sequence[int]) -> dict[int, GenerationRecord | None]:
    with ThreadPoolExecutor(_THREADS) as pool:
        found = pool.map(_record_in_file, [entries[row] for row in rows])
        return dict(zip(rows, found, strict=True))


def _record_in_file(entry: ImageEntry) -> GenerationRecord | None:
    try:
        return record_in(entry.location.read())
    except OSError:
        return None


def record_in(data: bytes) -> GenerationRecord | None:
    """What the file of an image says of how it was made; None where it says nothing readable.

    Texts after the pixels, texts larger than a megabyte and texts hidden in pixels are left out.
    """
    if not _may_say(data):
        return None
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            found = _parser().parse(image)
        if found is None:
            return None
        return GenerationRecord.of(_fields(found))
    # Files come from strangers, and Pillow and parsers of five programs raise what they like.
    except Exception:  # noqa: BLE001
        return None


def _may_say(data: bytes) -> bool:
    """Whether a file has a text of a size that may be read, by its own headers."""
    if len(data) > _LARGEST_FILE:
        return False
    if not data.startswith(_PNG):
        # The comment of a camera's record, in files of JPEG and WebP.
        return b"Exif" in data[:65_536] or b"EXIF" in data[-1_000_000:]
    place, says = len(_PNG), False
    while place + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, place)
        if name == _PIXELS:
            break
        if name in _TEXT_CHUNKS:
            if length > _LARGEST_CHUNK:
                return False
            says = True
        place += length + 12
    return says


def _parser() -> Any:
    from sd_parsers import ParserManager
    from sd_parsers.extractors import Eagerness

    logging.getLogger("sd_parsers").setLevel(logging.CRITICAL)
    return ParserManager(eagerness=Eagerness.FAST)


def _fields(found: Any) -> dict[str, object]:
    """What a parser found, by the names of records."""
    samplers = found.samplers
    seeds = [sampler.parameters.get("seed") for sampler in samplers]
    models = [str(model) for model in found.models]
    made = str(getattr(found.generator, "value", found.generator))
    return {
        "prompt": found.full_prompt,
        "seed": next((seed for seed in seeds if seed is not None), None),
        "generator": ", ".join([made, *sorted(models)]),
    }
