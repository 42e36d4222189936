"""WebDataset tar shards: images with an optional class beside each."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from synthaudit.errors import DataError
from synthaudit.images.collection import Collection, ImageEntry, Location, MemberLocation
from synthaudit.images.folders import IMAGE_SUFFIXES

_CLASS_SUFFIXES = (".cls", ".cls.txt", ".class", ".label")


def open_shards(shards: Sequence[Path], name: str) -> Collection:
    """The images of uncompressed tar shards, in order of shard and member name.

    Members that share the name up to its first dot are one sample. Its class is the text of a
    ``.cls`` member, the ``class`` or ``label`` of a ``.json`` one, or else the first folder of the
    member's path.

    Raises:
        DataError: a shard is compressed, truncated or no tar file.
    """
    entries: list[ImageEntry] = []
    for shard in sorted(shards):
        locate = partial(MemberLocation, shard)
        try:
            with shard.open("rb") as stream:
                entries.extend(index_shard(stream, shard.name, str(shard), locate))
        except OSError as error:
            raise DataError(f"{shard} cannot be read ({error}).") from error
    return Collection(
        name=name, root=shards[0].parent, entries=sorted(entries, key=lambda entry: entry.path)
    )


def index_shard(
    stream: BinaryIO, name: str, called: str, locate: Callable[[str, int, int], Location]
) -> list[ImageEntry]:
    """The images of one shard.

    Args:
        stream: its bytes.
        name: of its file, with which the paths of its images begin.
        called: what errors call it.
        locate: a member's name, offset and size to where its bytes are.

    Raises:
        DataError: it is compressed, truncated or no tar file.
    """
    images: list[tarfile.TarInfo] = []
    labels: dict[str, str] = {}
    try:
        # "r:" accepts no compression: members are read later straight from their offsets.
        with tarfile.open(fileobj=stream, mode="r:") as archive:
            for member in archive:
                if not member.isfile():
                    continue
                if PurePosixPath(member.name).suffix.lower() in IMAGE_SUFFIXES:
                    images.append(member)
                elif (label := _read_label(archive, member)) is not None:
                    labels[_sample_key(member.name)] = label
    except (tarfile.TarError, OSError, EOFError) as error:
        raise DataError(
            f"{called} is not a complete uncompressed tar file ({error}); "
            "unpack a compressed one with gunzip, or fetch it again."
        ) from error
    return [
        ImageEntry(
            path=f"{name}/{member.name}",
            label=labels.get(_sample_key(member.name), _first_folder(member.name)),
            location=locate(member.name, member.offset_data, member.size),
        )
        for member in images
    ]


def _sample_key(name: str) -> str:
    path = PurePosixPath(name)
    return str(path.with_name(path.name.split(".", 1)[0]))


def _first_folder(name: str) -> str | None:
    parts = PurePosixPath(name).parts
    return parts[0] if len(parts) > 1 else None


def _read_label(archive: tarfile.TarFile, member: tarfile.TarInfo) -> str | None:
    lower = member.name.lower()
    if not lower.endswith((*_CLASS_SUFFIXES, ".json")) or member.size > 1_000_000:
        return None
    stream = archive.extractfile(member)
    text = stream.read().decode("utf-8", "replace").strip() if stream else ""
    if not lower.endswith(".json"):
        return text or None
    try:
        record = json.loads(text)
    except ValueError:
        return None
    value = record.get("class", record.get("label")) if isinstance(record, dict) else None
    return None if value is None else str(value)
