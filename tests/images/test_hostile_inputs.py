"""What is handed to an audit, bent by hand and at random: opened, or refused in one sentence."""

from __future__ import annotations

import io
import json
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from synthaudit.errors import SynthauditError
from synthaudit.images.collection import Collection
from synthaudit.images.opening import open_source
from synthaudit.names import is_odd
from tests.pictures import encoded, picture

IMAGE = encoded(picture(1))


def shard(*members: tuple[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def with_size(field: bytes) -> bytes:
    """A shard whose first member says another size of itself, the checksum right."""
    bent = bytearray(shard(("a.png", IMAGE)))
    bent[124:136] = field
    bent[148:156] = b" " * 8
    bent[148:156] = b"%06o\0 " % sum(bent[:512])
    return bytes(bent)


def array(shape: str, kind: str = "<f4") -> bytes:
    header = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(64)


def table(**columns: object) -> bytes:
    buffer = io.BytesIO()
    pd.DataFrame(columns).to_parquet(buffer)
    return buffer.getvalue()


def saved(save: Callable[..., None], *arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    save(buffer, *arrays)
    return buffer.getvalue()


DEEP = b"[" * 100_000
REFUSED = {
    "a field of a megabyte": (".csv", b"path,class\na.png," + b"x" * 2**20),
    "two columns of paths": (".csv", b"path,path\na.png,a.png\n"),
    "more fields than columns": (".csv", b"path,class\na.png,b,c\n"),
    "an open quote": (".csv", b'path,class\n"a.png,b\n'),
    "nothing": (".csv", b""),
    "only a header": (".csv", b"path,class\n"),
    "lines of lists": (".jsonl", b'["a.png"]\n'),
    "rows of mixed kinds": (".jsonl", b'{"path":"a.png"}\n[1]\n3\n"x"\nnull\n'),
    "deep JSON": (".jsonl", b'{"path":"a.png","x":' + DEEP),
    "a number of many digits": (".jsonl", b'{"path":"a.png","class":' + b"9" * 6000 + b"}"),
    "no JSON": (".jsonl", b"path\na.png\n"),
    "a negative shape": (".npy", array("(-1, 4)")),
    "a shape beyond numbers": (".npy", array("(4611686018427387904, 4)")),
    "a shape beyond the file": (".npy", array("(99999999, 4)")),
    "a shape of truth": (".npy", array("(True, 2)")),
    "a shape that does not end": (".npy", array("(2, 2")),
    "objects": (".npy", array("(2, 2)", "|O")),
    "texts": (".npy", array("(2, 2)", "<U4")),
    "several arrays": (".npy", saved(np.savez, np.eye(3))),
    "a shard that was cut in a header": (".tar", shard(("a.png", IMAGE), ("b.png", IMAGE))[:-9800]),
    "a shard that was cut in an image": (".tar", shard(("a.png", IMAGE))[: 512 + 300]),
    "UTF-16": (".csv", "path\na.png\n".encode("utf-16")),
    "a compressed shard": (".tar", b"\x1f\x8b\x08" + bytes(600)),
    "a negative size": (".tar", with_size(b"-0000000001\0")),
    "another negative size": (".tar", with_size(b"\xff" * 12)),
    "a size beyond numbers": (".tar", with_size(b"\x80" + b"\xff" * 11)),
    "a list of classes": (".parquet", table(path=["a.png"], **{"class": [["x", "y"]]})),
    "paths that are lists": (".parquet", table(path=[["a.png", "b.png"]])),
    "paths that are numbers": (".parquet", table(path=[1, 2])),
    "lists of several lengths": (".parquet", table(embedding=[[1.0, 2.0], [3.0]])),
    "half a table": (".parquet", table(path=["a.png"])[:-10]),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_it_is_refused_in_one_sentence(name: str, tmp_path: Path) -> None:
    suffix, data = REFUSED[name]
    (tmp_path / "a.png").write_bytes(IMAGE)
    (tmp_path / f"x{suffix}").write_bytes(data)
    with pytest.raises(SynthauditError) as caught:
        open_source(tmp_path / f"x{suffix}")
    text = str(caught.value)
    assert not is_odd(text.replace("\\", ""))
    assert len(text) < 600
    assert "x." in text


def test_what_can_be_used_of_it_is_used(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(IMAGE)
    rows = [
        {"path": "a.png", "class": 5},
        {"path": "b.png\ud800"},
        {"path": "a\0.png"},
        {"path": "x" * 5000},
        {"path": 3},
        {"path": "c.png", "class": ["a", "b"]},
    ]
    (tmp_path / "x.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = open_source(tmp_path / "x.jsonl")
    assert isinstance(found, Collection)
    assert [(entry.path, entry.label) for entry in found.entries] == [("a.png", "5")]
    reasons = [lost.reason for lost in found.unreadable]
    assert reasons == [
        *["there is no such file"] * 3,
        "its path should be a text, not a number",
        "its class should be a text, not a list",
    ]
    members = [("..", IMAGE), (".", IMAGE), ("/etc/b.png", IMAGE), ("a.png", IMAGE)]
    deep = [("a.json", DEEP), ("b.json", b'{"class": ["x"]}')]
    (tmp_path / "x.tar").write_bytes(shard(*members, *deep))
    found = open_source(tmp_path / "x.tar")
    assert isinstance(found, Collection)
    assert [entry.path for entry in found.entries] == ["x.tar//etc/b.png", "x.tar/a.png"]


def test_classes_of_numbers_may_be_missing(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.png").write_bytes(IMAGE)
    classes = pd.array([5, None], dtype="Int64")
    (tmp_path / "x.parquet").write_bytes(table(path=["a.png", "b.png"], **{"class": classes}))
    found = open_source(tmp_path / "x.parquet")
    assert isinstance(found, Collection)
    assert [entry.label for entry in found.entries] == ["5", None]


WHOLE = {
    ".csv": b"path,class\na.png,cat\n",
    ".jsonl": b'{"path": "a.png", "class": "cat"}\n{"path": "a.png"}\n',
    ".npy": saved(np.save, np.eye(4)),
    ".tar": shard(("cat/a.png", IMAGE), ("cat/a.cls", b"dog"), ("b.json", b'{"label": 1}')),
    ".parquet": table(path=["a.png"], **{"class": ["cat"]}),
}


@pytest.mark.parametrize("suffix", sorted(WHOLE))
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_files_bent_at_random(suffix: str, tmp_path: Path, data: st.DataObject) -> None:
    """Bytes changed, cut out and put in; the answer is the same twice."""
    bent = bytearray(WHOLE[suffix])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(bent)))
        stop = data.draw(st.sampled_from((at, at + 1, at + 8, len(bent))))
        bent[at:stop] = data.draw(st.binary(max_size=8))
    (tmp_path / "a.png").write_bytes(IMAGE)
    (tmp_path / f"x{suffix}").write_bytes(bytes(bent))
    answers = []
    for _ in range(2):
        try:
            answers.append(repr(open_source(tmp_path / f"x{suffix}")))
        except SynthauditError as error:
            answers.append(f"refused: {error}")
    assert answers[0] == answers[1]
    assert not (answers[0].startswith("refused") and "\n" in answers[0])


def test_of_members_of_one_name_the_last_counts(tmp_path: Path) -> None:
    """As when they are unpacked; two rows of one path could not be told apart."""
    other = encoded(picture(2))
    (tmp_path / "b.tar").write_bytes(shard(("a.png", IMAGE), ("b.png", IMAGE), ("a.png", other)))
    found = open_source(tmp_path / "b.tar")
    assert isinstance(found, Collection)
    assert [entry.path for entry in found.entries] == ["b.tar/a.png", "b.tar/b.png"]
    assert found.entries[0].location.read() == other
