"""Images behind URLs: listed, read in parts, refused in one sentence; results copied back."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from synthaudit.errors import DataError, UsageError
from synthaudit.images.collection import Collection
from synthaudit.images.opening import open_source, refuse_overlap
from synthaudit.images.remote import RemoteLocation
from tests.conftest import Run
from tests.pictures import encoded, picture


def opened(url: str) -> Collection:
    found = open_source(url)
    assert isinstance(found, Collection)
    return found


def test_a_folder_is_that_of_its_path(two_sides: tuple[Path, Path]) -> None:
    real = two_sides[0]
    (real / "notes.txt").write_text("no image")
    (real / ".hidden.png").write_bytes(encoded(picture(1)))
    here, there = opened(str(real)), opened(real.as_uri())
    assert [entry.path for entry in there.entries] == [entry.path for entry in here.entries]
    assert [entry.label for entry in there.entries] == [entry.label for entry in here.entries]
    for one, other in zip(here.entries, there.entries, strict=True):
        assert one.location.read() == other.location.read()


def test_a_stamp_changes_with_the_file(tmp_path: Path) -> None:
    file = tmp_path / "1.png"
    file.write_bytes(encoded(picture(1)))
    first = opened(tmp_path.as_uri()).entries[0].location.stamp()
    assert first == opened(tmp_path.as_uri()).entries[0].location.stamp()
    os.utime(file, (1, 1))
    assert first != opened(tmp_path.as_uri()).entries[0].location.stamp()


def test_a_shard_is_read_in_parts(tmp_path: Path) -> None:
    contents = {f"cat/{number}.png": encoded(picture(number)) for number in range(4)}
    contents["cat/2.cls"] = b"dog"
    with tarfile.open(tmp_path / "shard.tar", "w") as archive:
        for name, data in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    found = opened((tmp_path / "shard.tar").as_uri())
    assert [entry.label for entry in found.entries] == ["cat", "cat", "dog", "cat"]
    for entry in found.entries:
        assert entry.location.read() == contents[entry.path.removeprefix("shard.tar/")]
    assert len({entry.location.stamp() for entry in found.entries}) == 4
    (tmp_path / "broken.tar").write_bytes(b"no archive")
    with pytest.raises(DataError, match="not a complete uncompressed tar file"):
        open_source((tmp_path / "broken.tar").as_uri())


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        open_source((tmp_path / "nowhere").as_uri())
    with pytest.raises(UsageError, match="cannot be reached"):
        open_source("strange://bucket/images")
    with pytest.raises(DataError, match="no images"):
        open_source(tmp_path.as_uri())
    with pytest.raises(UsageError, match="two different sets"):
        refuse_overlap(tmp_path.as_uri(), tmp_path.as_uri())
    gone = RemoteLocation(url=(tmp_path / "gone.png").as_uri(), version=None)
    with pytest.raises(OSError, match=r"gone\.png"):
        gone.read()


def test_results_go_to_a_url(two_sides: tuple[Path, Path], tmp_path: Path, synthaudit: Run) -> None:
    options = ["--embedder", "builtin", "--quick", "--no-cache", "--quiet"]
    sides = [side.as_uri() for side in two_sides]
    done = synthaudit("score", *sides, *options, "--out", (tmp_path / "there").as_uri())
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "there").as_uri() in done.stdout.replace("\n", "")
    done = synthaudit("score", *two_sides, *options, "--out", tmp_path / "here")
    assert done.returncode == 0, done.stderr
    names = {file.name for file in (tmp_path / "here").iterdir()}
    assert {file.name for file in (tmp_path / "there").iterdir()} == names
    same = [(tmp_path / place / "scores.json").read_text() for place in ("here", "there")]
    assert same[0] == same[1]
    done = synthaudit("score", *two_sides, *options, "--out", "strange://bucket")
    assert done.returncode == 2
    assert "cannot be reached" in done.stderr
