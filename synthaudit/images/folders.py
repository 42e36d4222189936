"""Folders of images, with class sub-folders at any depth."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from synthaudit.images.collection import Collection, FileLocation, ImageEntry, Unreadable
from synthaudit.names import write_name
from synthaudit.progress import LOGGER

IMAGE_SUFFIXES: Final = frozenset(
    {
        *(".apng", ".avif", ".bmp", ".dib", ".gif", ".heic", ".heif", ".ico", ".j2k", ".jfif"),
        *(".jp2", ".jpe", ".jpeg", ".jpg", ".jxl", ".mpo", ".pbm", ".pcx", ".pgm", ".png"),
        *(".pnm", ".ppm", ".psd", ".qoi", ".svg", ".tga", ".tif", ".tiff", ".webp", ".xbm"),
    }
)
METADATA_NAMES: Final = ("metadata.jsonl", "metadata.csv", "metadata.parquet")
"""Tables of a data set, as ImageFolder of Hugging Face's ``datasets`` has them."""

_SIGNATURES: Final = (
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"GIF87a",
    b"GIF89a",
    b"II*\x00",
    b"MM\x00*",
    b"\x00\x00\x00\x0cjP  ",
)


def open_folder(folder: Path, name: str) -> Collection:
    """Every image below a folder, in sorted order; the class is the first sub-folder.

    A file counts as an image by its suffix or, whatever it is called, by its first bytes. Hidden
    files are left out. Links to folders are followed; a folder that is reached a second time is
    not.
    """
    walk = _Walk()
    walk.visit(str(folder))
    notes = list(walk.notes)
    if walk.others:
        notes.append(f"{name}: {walk.others:,} files that are no images were left out.")
    return Collection(
        name=name,
        root=folder,
        entries=sorted(walk.entries, key=lambda entry: entry.path),
        unreadable=sorted(walk.unreadable, key=lambda entry: entry.path),
        notes=notes,
    )


class _Walk:
    """Depth-first, real folders before links, each folder once by device and inode."""

    def __init__(self) -> None:
        self.entries: list[ImageEntry] = []
        self.unreadable: list[Unreadable] = []
        self.notes: list[str] = []
        self.others = 0
        # What has the name of an image, or is a table of images, says what they are of.
        self._spoken_of: set[str] = set()
        self._seen: set[tuple[int, int]] = set()
        self._folders: list[tuple[str, str]] = []
        self._links: list[tuple[str, str]] = []

    def visit(self, root: str) -> None:
        """Visit a folder and all below it; beside each path its form relative to the root."""
        self._folders.append((root, ""))
        while self._folders or self._links:
            path, relative = self._folders.pop() if self._folders else self._links.pop(0)
            try:
                listing = self._list(path, relative)
            except OSError as error:
                self._pass_over(path, relative, error)
                continue
            self._spoken_of = _spoken_of(path, listing)
            for entry in listing:
                self._sort_out(entry, f"{relative}/{entry.name}" if relative else entry.name)

    def _pass_over(self, path: str, relative: str, error: OSError) -> None:
        """Say that a folder is passed over: it counts as one, whatever it holds."""
        reason = f"the folder cannot be opened: {_reason(error)}"
        self.unreadable.append(Unreadable(path=f"{relative}/", reason=reason))
        shown = write_name(path)
        note = f"{shown} cannot be opened ({_reason(error)}): the images in it are not counted."
        self.notes.append(note)
        LOGGER.warning("%s", note)

    def _list(self, path: str, relative: str) -> list[os.DirEntry[str]]:
        status = os.stat(path)  # noqa: PTH116
        identity = (status.st_dev, status.st_ino)
        if identity in self._seen:
            self.notes.append(
                f"{relative} links to a folder that was already visited; its images are counted "
                "once."
            )
            return []
        self._seen.add(identity)
        with os.scandir(path) as listing:
            return sorted(listing, key=lambda entry: entry.name)

    def _sort_out(self, entry: os.DirEntry[str], relative: str) -> None:
        """Take an image in; put folders and links to folders on their lists."""
        if entry.name.startswith("."):
            return
        try:
            if entry.is_dir(follow_symlinks=False):
                self._folders.append((entry.path, relative))
            elif entry.is_dir():
                self._links.append((entry.path, relative))
            elif entry.is_file():
                self._take(entry.path, relative)
            elif entry.is_symlink():
                reason = "it is a symbolic link that leads nowhere"
                self.unreadable.append(Unreadable(path=relative, reason=reason))
            else:
                self.others += 1
        except OSError as error:
            reason = f"it cannot be opened: {_reason(error)}"
            self.unreadable.append(Unreadable(path=relative, reason=reason))

    def _take(self, path: str, relative: str) -> None:
        suffix = os.path.splitext(path)[1].lower()  # noqa: PTH122
        if suffix not in IMAGE_SUFFIXES and not _looks_like_image(path):
            self.others += os.path.splitext(path)[0] not in self._spoken_of  # noqa: PTH122
            return
        label = relative.split("/", 1)[0] if "/" in relative else None
        self.entries.append(ImageEntry(path=relative, label=label, location=FileLocation(path)))


def _spoken_of(folder: str, listing: list[os.DirEntry[str]]) -> set[str]:
    """Paths without their suffix of texts and tables that may say something of images."""
    split = [os.path.splitext(entry.name) for entry in listing]  # noqa: PTH122
    stems = {stem for stem, suffix in split if suffix.lower() in IMAGE_SUFFIXES}
    stems |= {os.path.splitext(name)[0] for name in METADATA_NAMES}  # noqa: PTH122
    return {os.path.join(folder, stem) for stem in stems}  # noqa: PTH118


def _looks_like_image(path: str) -> bool:
    with Path(path).open("rb") as stream:
        head = stream.read(16)
    return head.startswith(_SIGNATURES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
