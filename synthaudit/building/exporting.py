"""A built set in the shards that training reads: WebDataset and Parquet, beside its folder."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from synthaudit.errors import StorageError, UsageError
from synthaudit.leftovers import clear, draft_prefix
from synthaudit.names import read_name

Kind = Literal["webdataset", "parquet"]

_IMAGES_A_SHARD: Final = 10_000
_BYTES_A_SHARD: Final = 500_000_000
_MARK: Final = "synthaudit-export.json"


def export(folder: Path, kind: Kind) -> Path:
    """Write a set as shards into a folder beside it, in the place of those of an earlier run.

    Args:
        folder: of the set.
        kind: ``webdataset``: tar files with an image, its class number and a JSON a sample;
            ``parquet``: a row an image, as Hugging Face's ``datasets`` stores them.

    Returns:
        The folder of the shards.

    Raises:
        UsageError: something else lies there.
        StorageError: there is no room, or no permission.
    """
    place = folder.with_name(f"{folder.name}-{kind}")
    if place.exists() and not (place / _MARK).is_file():
        raise UsageError(f"{place} holds something else than an export: move it elsewhere.")
    rows = [
        json.loads(line) for line in (folder / "metadata.jsonl").read_text("utf-8").splitlines()
    ]
    classes = sorted({str(row["class"]) for row in rows if row["class"] is not None})
    try:
        clear(folder.parent)
        draft = Path(tempfile.mkdtemp(prefix=draft_prefix(), dir=folder.parent))
        try:
            count = _KINDS[kind](folder, rows, classes, draft)
            told = {"images": len(rows), "classes": classes, "shards": count}
            (draft / _MARK).write_text(json.dumps(told, indent=1) + "\n", "utf-8")
            draft.chmod(0o755)
            shutil.rmtree(place, ignore_errors=True)
            draft.replace(place)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StorageError(
            f"the set cannot be exported to {place} ({reason}): free some space, and give --export "
            "again."
        ) from error
    return place


def _shards(
    folder: Path, rows: Sequence[Mapping[str, Any]]
) -> Iterator[list[tuple[Mapping[str, Any], bytes]]]:
    """Rows with the bytes of their images, a list a shard."""
    own: list[tuple[Mapping[str, Any], bytes]] = []
    size = 0
    for row in rows:
        data = (folder / read_name(str(row["file_name"]))).read_bytes()
        if own and (len(own) >= _IMAGES_A_SHARD or size + len(data) > _BYTES_A_SHARD):
            yield own
            own, size = [], 0
        own.append((row, data))
        size += len(data)
    if own:
        yield own


def _write_tars(
    folder: Path, rows: Sequence[Mapping[str, Any]], classes: Sequence[str], place: Path
) -> int:
    number = {name: position for position, name in enumerate(classes)}
    count = 0
    for shard in _shards(folder, rows):
        with tarfile.open(place / f"{folder.name}-{count:06d}.tar", "w") as archive:
            for row, data in shard:
                stem, _, suffix = str(row["file_name"]).removeprefix("images/").rpartition(".")
                told = json.dumps(row, ensure_ascii=False).encode()
                members = [(suffix, data), ("json", told)]
                if row["class"] is not None:
                    members.append(("cls", str(number[str(row["class"])]).encode()))
                for ending, contents in members:
                    member = tarfile.TarInfo(f"{stem}.{ending}")
                    member.size = len(contents)
                    archive.addfile(member, io.BytesIO(contents))
        count += 1
    return count


def _write_parquet(
    folder: Path, rows: Sequence[Mapping[str, Any]], classes: Sequence[str], place: Path
) -> int:
    import pyarrow as pa
    from pyarrow import parquet

    number = {name: position for position, name in enumerate(classes)}
    others = [name for name in (rows[0] if rows else {}) if name not in ("file_name", "class")]
    features: dict[str, Any] = {"image": {"_type": "Image"}}
    if classes:
        features["label"] = {"_type": "ClassLabel", "names": list(classes)}
    features |= {name: {"dtype": _dtype(rows, name), "_type": "Value"} for name in others}
    told = {"huggingface": json.dumps({"info": {"features": features}})}
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    fields = [pa.field("image", image)]
    fields += [pa.field("label", pa.int64())] if classes else []
    fields += [pa.field(name, pa.type_for_alias(_dtype(rows, name))) for name in others]
    schema = pa.schema(fields, metadata=told)
    shards = list(_shards(folder, rows))
    for count, shard in enumerate(shards):
        table = [
            {
                "image": {"bytes": data, "path": str(row["file_name"])},
                **({"label": number.get(str(row["class"]))} if classes else {}),
                **{name: row[name] for name in others},
            }
            for row, data in shard
        ]
        file = place / f"train-{count:05d}-of-{len(shards):05d}.parquet"
        with file.open("wb") as stream:
            parquet.write_table(pa.Table.from_pylist(table, schema=schema), stream)
    return len(shards)


def _dtype(rows: Sequence[Mapping[str, Any]], name: str) -> str:
    """The type of a column; texts where nothing is known."""
    kinds = {type(row[name]) for row in rows} - {type(None)}
    if kinds == {int}:
        return "int64"
    return "float64" if kinds and kinds <= {int, float} else "string"


_KINDS: Final[
    Mapping[str, Callable[[Path, Sequence[Mapping[str, Any]], Sequence[str], Path], int]]
] = {"webdataset": _write_tars, "parquet": _write_parquet}
"""By name; another kind is another function and a line here."""
