"""A folder becomes the same list of images every time, and its oddities are told of."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from synthaudit.images.folders import open_folder
from tests.pictures import encoded, picture


def put(file: Path, data: bytes | None = None) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(encoded(picture(1)) if data is None else data)
    return file


def test_order_and_classes(tmp_path: Path) -> None:
    for name in ("b/2.png", "a/deep/er/1.jpg", "10.png", "2.png", "a/0.webp"):
        put(tmp_path / name)
    collection = open_folder(tmp_path, "real")
    assert [entry.path for entry in collection.entries] == [
        "10.png",
        "2.png",
        "a/0.webp",
        "a/deep/er/1.jpg",
        "b/2.png",
    ]
    assert [entry.label for entry in collection.entries] == [None, None, "a", "a", "b"]


def test_images_are_told_by_suffix_or_content(tmp_path: Path) -> None:
    put(tmp_path / "picture.dat")
    put(tmp_path / "photo", encoded(picture(2), "JPEG"))
    put(tmp_path / "broken.png", b"no image")
    put(tmp_path / "caption.txt", b"a dog")
    put(tmp_path / ".hidden.png")
    collection = open_folder(tmp_path, "real")
    assert [entry.path for entry in collection.entries] == ["broken.png", "photo", "picture.dat"]
    assert collection.notes == ["real: 1 files that are no images were left out."]


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    put(tmp_path / "a" / "1.png")
    (tmp_path / "a" / "again").symlink_to(tmp_path)
    collection = open_folder(tmp_path, "real")
    assert [entry.path for entry in collection.entries] == ["a/1.png"]
    assert "a/again links to a folder that was already visited" in collection.notes[0]


def test_linked_folders_and_files_are_followed(tmp_path: Path) -> None:
    elsewhere = put(tmp_path / "elsewhere" / "1.png").parent
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "class").symlink_to(elsewhere)
    (tmp_path / "set" / "2.png").symlink_to(elsewhere / "1.png")
    (tmp_path / "set" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    collection = open_folder(tmp_path / "set", "real")
    assert [entry.path for entry in collection.entries] == ["2.png", "class/1.png"]
    assert collection.entries[1].location.read() == (elsewhere / "1.png").read_bytes()
    assert [(lost.path, lost.reason) for lost in collection.unreadable] == [
        ("gone.png", "it is a symbolic link that leads nowhere")
    ]


def test_a_folder_that_cannot_be_opened_is_listed(
    tmp_path: Path, monkeypatch: Any, caplog: pytest.LogCaptureFixture
) -> None:
    put(tmp_path / "a" / "1.png")
    put(tmp_path / "b" / "1.png")
    scan = os.scandir

    def refuse(folder: Any) -> Any:
        if Path(folder).name == "a":
            raise PermissionError(13, "Permission denied")
        return scan(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    collection = open_folder(tmp_path, "real")
    assert [entry.path for entry in collection.entries] == ["b/1.png"]
    assert [(lost.path, lost.reason) for lost in collection.unreadable] == [
        ("a/", "the folder cannot be opened: permission denied")
    ]
    said = (
        f"{tmp_path / 'a'} cannot be opened (permission denied): the images in it are not counted."
    )
    assert collection.notes == [said]
    assert said in caplog.text


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the platform has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    put(tmp_path / "1.png")
    assert [entry.path for entry in open_folder(tmp_path, "real").entries] == ["1.png"]
