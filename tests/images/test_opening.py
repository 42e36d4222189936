"""What the user typed is opened as what it is, or refused in one sentence."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from synthaudit.errors import DataError, UsageError
from synthaudit.images.collection import Collection
from synthaudit.images.opening import open_source, refuse_overlap
from synthaudit.images.vectors import VectorTable
from tests.pictures import encoded, picture


def images(source: Any) -> Collection:
    opened = open_source(source)
    assert isinstance(opened, Collection)
    return opened


def vectors(source: Any) -> VectorTable:
    opened = open_source(source)
    assert isinstance(opened, VectorTable)
    return opened


@pytest.fixture
def three(tmp_path: Path) -> Path:
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(encoded(picture(number)))
    return tmp_path


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_manifests_of_every_kind_say_the_same(three: Path, kind: str) -> None:
    table = pd.DataFrame({"path": ["2.png", "0.png", "gone.png"], "class": ["dog", "7", "cat"]})
    file = three / f"list.{kind}"
    if kind == "csv":
        table.to_csv(file, index=False)
    elif kind == "jsonl":
        table.to_json(file, orient="records", lines=True)
    else:
        table.to_parquet(file)
    collection = images(file)
    assert [(entry.path, entry.label) for entry in collection.entries] == [
        ("0.png", "7"),
        ("2.png", "dog"),
    ]
    assert [(lost.path, lost.reason) for lost in collection.unreadable] == [
        ("gone.png", "there is no such file")
    ]


def test_a_manifest_without_classes_and_with_repeats(three: Path) -> None:
    (three / "list.csv").write_text("path\n0.png\n0.png\n\n1.png\n")
    collection = images(three / "list.csv")
    assert [(entry.path, entry.label) for entry in collection.entries] == [
        ("0.png", None),
        ("1.png", None),
    ]
    assert "1 rows repeat a path" in collection.notes[0]


def test_a_manifest_needs_its_column(three: Path) -> None:
    (three / "list.csv").write_text("file,class\n0.png,a\n")
    with pytest.raises(DataError, match="needs a column named path; it has file, class"):
        open_source(three / "list.csv")


def make_shard(file: Path, members: dict[str, bytes]) -> None:
    with tarfile.open(file, "w") as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def test_shards_by_glob_with_classes_beside(tmp_path: Path) -> None:
    first, second = encoded(picture(1)), encoded(picture(2), "JPEG")
    make_shard(tmp_path / "a-0.tar", {"s1.png": first, "s1.cls": b"3", "s2.jpg": second})
    make_shard(
        tmp_path / "a-1.tar", {"s3.png": first, "s3.json": json.dumps({"label": "dog"}).encode()}
    )
    collection = images(tmp_path / "a-*.tar")
    assert [(entry.path, entry.label) for entry in collection.entries] == [
        ("a-0.tar/s1.png", "3"),
        ("a-0.tar/s2.jpg", None),
        ("a-1.tar/s3.png", "dog"),
    ]
    assert [entry.location.read() for entry in collection.entries] == [first, second, first]


def test_a_compressed_or_cut_shard_is_refused(tmp_path: Path) -> None:
    make_shard(tmp_path / "whole.tar", {"a.png": encoded(picture(1, 200))})
    (tmp_path / "cut.tar").write_bytes((tmp_path / "whole.tar").read_bytes()[:700])
    with tarfile.open(tmp_path / "zip.tar", "w:gz") as archive:
        archive.add(tmp_path / "whole.tar", "x.png")
    for name in ("zip.tar", "cut.tar"):
        with pytest.raises(DataError, match="not a complete uncompressed tar file"):
            open_source(tmp_path / name)


def test_arrays(tmp_path: Path) -> None:
    array = np.random.default_rng(0).standard_normal((5, 3))
    np.save(tmp_path / "v.npy", array)
    table = vectors(tmp_path / "v.npy")
    assert table.vectors.dtype == np.float64
    assert np.array_equal(table.vectors, array)
    assert table.paths == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(4), r"shape \(images, dimensions\), not \(4,\)"),
        (np.array([["a"]]), "real numbers"),
        (np.zeros((2, 2), complex), "real numbers"),
        (np.zeros((0, 4)), "no vectors"),
    ],
)
def test_arrays_of_the_wrong_form(tmp_path: Path, array: np.ndarray, message: str) -> None:
    np.save(tmp_path / "v.npy", array)
    with pytest.raises(DataError, match=message):
        open_source(tmp_path / "v.npy")


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="cannot be read"):
        open_source(tmp_path / "v.npy")


def test_parquet_vectors_as_lists_or_columns(tmp_path: Path) -> None:
    array = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    lists = pd.DataFrame(
        {"path": list("abcd"), "class": ["x", None, "y", "x"], "embedding": list(array)}
    )
    lists.to_parquet(tmp_path / "lists.parquet")
    table = vectors(tmp_path / "lists.parquet")
    assert np.array_equal(table.vectors, array)
    assert (table.paths, table.labels) == (list("abcd"), ["x", None, "y", "x"])
    pd.DataFrame(array, columns=["0", "1", "2"]).to_parquet(tmp_path / "columns.parquet")
    assert np.array_equal(vectors(tmp_path / "columns.parquet").vectors, array)


def test_lists_of_different_length_are_refused(tmp_path: Path) -> None:
    pd.DataFrame({"embedding": [[1.0, 2.0], [1.0]]}).to_parquet(tmp_path / "v.parquet")
    with pytest.raises(DataError, match="of one length"):
        open_source(tmp_path / "v.parquet")


def test_what_does_not_exist_or_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(UsageError, match="does not exist; expected a folder of images"):
        open_source(tmp_path / "nothing")
    with pytest.raises(UsageError, match="should be a folder of images"):
        open_source(tmp_path / "notes.txt")
    with pytest.raises(UsageError, match=r"should match \.tar or \.parquet shards"):
        open_source(tmp_path / "*.txt")


def test_an_empty_folder_says_what_it_held_instead(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(DataError, match=r"no images in .*1 files that are no images"):
        open_source(tmp_path)


def test_sides_that_share_files(tmp_path: Path) -> None:
    inner = tmp_path / "real" / "synthetic"
    inner.mkdir(parents=True)
    (tmp_path / "alias").symlink_to(tmp_path / "real")
    with pytest.raises(UsageError, match="are both"):
        refuse_overlap(tmp_path / "real", tmp_path / "alias")
    with pytest.raises(UsageError, match=r"SYNTHETIC \(.*\) lies inside REAL"):
        refuse_overlap(tmp_path / "real", inner)
    with pytest.raises(UsageError, match=r"REAL \(.*\) lies inside SYNTHETIC"):
        refuse_overlap(inner, tmp_path / "alias")


def test_lists_of_numbers_keep_their_precision(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    rows = [[1.0, 1e300], [0.1, 2.0], [3.0, 4.0]]
    pd.DataFrame({"vector": rows}).to_parquet(tmp_path / "a.parquet")
    found = open_source(tmp_path / "a.parquet")
    assert isinstance(found, VectorTable)
    assert found.vectors.tolist() == rows
    assert not recwarn.list
