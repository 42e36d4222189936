"""Parquet shards that hold images: the bytes, the classes, and what is wrong with a row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import synthaudit
from synthaudit.errors import DataError, UsageError
from synthaudit.images import parquet_shards
from synthaudit.images.collection import Collection
from synthaudit.images.opening import open_source
from tests.pictures import encoded, picture


def opened(source: Path | str) -> Collection:
    found = open_source(source)
    assert isinstance(found, Collection)
    return found


def write(file: Path, images: list[bytes | None], *, labels: list[Any], **options: Any) -> None:
    """As the hub's own library lays it out."""
    structs = [None if data is None else {"bytes": data, "path": "0.png"} for data in images]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table({"image": pa.array(structs, kind), "label": pa.array(labels)})
    note = {"info": {"features": {"label": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}}
    table = table.replace_schema_metadata({"huggingface": json.dumps(note)})
    pq.write_table(table, file, **options)


def test_images_and_named_classes_of_several_shards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [encoded(picture(number)) for number in range(14)]
    write(tmp_path / "train-0.parquet", images[:9], labels=[0, 1] * 4 + [None], row_group_size=4)
    write(tmp_path / "train-1.parquet", images[9:], labels=[1] * 5)
    found = opened(tmp_path / "train-*.parquet")
    assert [entry.location.read() for entry in found.entries] == images
    assert [entry.label for entry in found.entries] == ["cat", "dog"] * 4 + [None] + ["dog"] * 5
    assert found.entries[9].path == "train-1.parquet/00000000"
    assert len({entry.location.stamp() for entry in found.entries}) == 14
    # In order, each row group is decoded once.
    reads: list[int] = []
    inner = pq.ParquetFile.read_row_group

    def count(self: Any, number: int, **options: Any) -> Any:
        reads.append(number)
        return inner(self, number, **options)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", count)
    parquet_shards._row_group.cache_clear()
    for entry in found.entries:
        entry.location.read()
    assert reads == [0, 1, 2, 0]


def test_a_plain_column_of_bytes_by_url(tmp_path: Path) -> None:
    images = [encoded(picture(number)) for number in range(3)]
    table = pa.table({"png": pa.array(images, pa.large_binary()), "class": ["a", "b", "a"]})
    pq.write_table(table, tmp_path / "shard.parquet")
    for source in (tmp_path / "shard.parquet", (tmp_path / "shard.parquet").as_uri()):
        found = opened(source)
        assert [entry.location.read() for entry in found.entries] == images
        assert [entry.label for entry in found.entries] == ["a", "b", "a"]


def test_a_new_version_is_read_anew(tmp_path: Path) -> None:
    file = tmp_path / "shard.parquet"
    for number in (1, 2):
        write(file, [encoded(picture(number))], labels=[0])
        entry = opened(file).entries[0]
        assert entry.location.read() == encoded(picture(number))


def test_the_hubs_own_library(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    images = [picture(number, 40) for number in range(6)]
    features = datasets.Features(
        image=datasets.Image(), label=datasets.ClassLabel(names=["cat", "dog"])
    )
    made = datasets.Dataset.from_dict(
        {"image": images, "label": [0, 1, 0, 1, 0, 1]}, features=features
    )
    made.to_parquet(tmp_path / "data.parquet")
    found = opened(tmp_path / "data.parquet")
    assert [entry.label for entry in found.entries] == ["cat", "dog"] * 3
    from synthaudit.images.decoding import open_rgb

    for entry, image in zip(found.entries, images, strict=True):
        assert open_rgb(entry.location.read()).tobytes() == image.convert("RGB").tobytes()


def test_rows_without_an_image_are_listed(tmp_path: Path) -> None:
    real = [encoded(picture(number)) for number in range(20)]
    fake = [encoded(picture(100 + number)) for number in range(20)]
    write(tmp_path / "real.parquet", real, labels=[0] * 20)
    write(tmp_path / "fake.parquet", [*fake, None, b"no image"], labels=[0] * 22)
    audit = synthaudit.score(
        tmp_path / "real.parquet",
        tmp_path / "fake.parquet",
        embedder="builtin",
        quick=True,
        max_unreadable=0.2,
    )
    assert audit.counts["synthetic"] == 20
    reasons = dict(zip(audit.unreadable["path"], audit.unreadable["reason"], strict=True))
    assert "row 20 holds no bytes" in reasons["fake.parquet/00000020"]
    assert "no image format" in reasons["fake.parquet/00000021"]


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no table PAR1")
    with pytest.raises(DataError, match="cannot be read as a Parquet file"):
        open_source(tmp_path / "broken.parquet")
    write(tmp_path / "a-0.parquet", [encoded(picture(1))], labels=[0])
    pq.write_table(pa.table({"path": ["x.png"]}), tmp_path / "a-1.parquet")
    with pytest.raises(DataError, match=r"a-1\.parquet has no column image"):
        open_source(tmp_path / "a-*.parquet")
    (tmp_path / "a-2.tar").write_bytes(b"")
    with pytest.raises(UsageError, match="shards of images only"):
        open_source(tmp_path / "a-*")
