"""WebDataset tar shards: images with an optional class beside each."""

from __future__ import annotations

import json
import os
import tarfile
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from synthaudit.errors import DataError
from synthaudit.images.collection import ImageEntry, Location, MemberLocation
from synthaudit.images.folders import IMAGE_SUFFIXES
from synthaudit.images.generation_record import GenerationRecord
from synthaudit.images.places import is_url, open_binary, version_of
from synthaudit.images.remote import RemoteLocation

_CLASS_SUFFIXES = (".cls", ".cls.txt", ".class", ".label")


def open_shard(shard: str) -> list[ImageEntry]:
    """The images of an uncompressed tar shard, by its path or its URL.

    Members that share the name up to its first dot are one sample. Its class is the text of a
    ``.cls`` member, the ``class`` or ``label`` of a ``.json`` one, or else the first folder of the
    member's path; its prompt is in the same ``.json`` or the text of a ``.txt`` member.

    Raises:
        DataError: it is compressed, truncated or no tar file.
    """
    locate: Callable[[str, int, int], Location] = partial(MemberLocation, Path(shard))
    if is_url(shard):
        locate = partial(_locate_in_object, shard, version_of(shard))
    try:
        with open_binary(shard) as stream:
            return _index(stream, PurePosixPath(shard).name, shard, locate)
    except OSError as error:
        raise DataError(f"{shard} cannot be read ({error}).") from error


def _locate_in_object(
    url: str, version: str, member: str, offset: int, size: int
) -> RemoteLocation:
    return RemoteLocation(url, f"{version} {member}", offset, size)


def _index(
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
    # Of several members of one name the last one counts, as when they are unpacked.
    images: dict[str, tarfile.TarInfo] = {}
    labels: dict[str, str] = {}
    records: dict[str, dict[str, object]] = {}
    try:
        # "r:" accepts no compression: members are read later straight from their offsets.
        with tarfile.open(fileobj=stream, mode="r:") as archive:
            for member in archive:
                if not member.isfile() or member.size < 0 or not PurePosixPath(member.name).name:
                    continue
                if PurePosixPath(member.name).suffix.lower() in IMAGE_SUFFIXES:
                    images[member.name] = member
                elif text := _read_text(archive, member):
                    key, fields = _sample_key(member.name), _fields(member.name, text)
                    if (label := _label_of(fields)) is not None:
                        labels[key] = label
                    # What a table of names says goes before a text alone, whichever comes first.
                    own = records.setdefault(key, {})
                    is_text = member.name.lower().endswith(".txt")
                    records[key] = {**fields, **own} if is_text else {**own, **fields}
    # Python's own errors on sizes that no file has, beside those that are meant.
    except (tarfile.TarError, OSError, EOFError, ValueError, OverflowError) as error:
        raise DataError(
            f"{called} is not a complete uncompressed tar file ({error}); "
            "unpack a compressed one with gunzip, or fetch it again."
        ) from error
    size = stream.seek(0, os.SEEK_END)
    last = max((member.offset_data + member.size for member in images.values()), default=0)
    # A cut header is passed over in silence, as if the archive ended there.
    if last > size or 0 < size - archive.offset < tarfile.BLOCKSIZE:
        raise DataError(f"{called} is not a complete tar file: it was cut off. Fetch it again.")
    return [
        ImageEntry(
            path=f"{name}/{member.name}",
            label=labels.get(_sample_key(member.name), _first_folder(member.name)),
            location=locate(member.name, member.offset_data, member.size),
            record=GenerationRecord.of(records.get(_sample_key(member.name), {})),
        )
        for member in images.values()
    ]


def _sample_key(name: str) -> str:
    path = PurePosixPath(name)
    return f"{path.parent}/{path.name.split('.', 1)[0]}"


def _first_folder(name: str) -> str | None:
    parts = PurePosixPath(name).parts
    return parts[0] if len(parts) > 1 else None


def _read_text(archive: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    """The text of a member that says something of its sample; empty for others."""
    known = (*_CLASS_SUFFIXES, ".json", ".txt")
    if not member.name.lower().endswith(known) or member.size > 1_000_000:
        return ""
    stream = archive.extractfile(member)
    return stream.read().decode("utf-8", "surrogateescape").strip() if stream else ""


def _fields(name: str, text: str) -> dict[str, object]:
    """What a member says, by name."""
    lower = name.lower()
    if lower.endswith(_CLASS_SUFFIXES):
        return {"class": text}
    if lower.endswith(".txt"):
        return {"text": text}
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) else {}


def _label_of(fields: dict[str, object]) -> str | None:
    value = fields.get("class", fields.get("label"))
    return str(value) if isinstance(value, str | int) else None
