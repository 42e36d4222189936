"""Folders of images, with class sub-folders at any depth."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from synthaudit.images.collection import Collection, FileLocation, ImageEntry, Unreadable

IMAGE_SUFFIXES: Final = frozenset(
    {
        *(".apng", ".avif", ".bmp", ".dib", ".gif", ".heic", ".heif", ".ico", ".j2k", ".jfif"),
        *(".jp2", ".jpe", ".jpeg", ".jpg", ".jxl", ".mpo", ".pbm", ".pcx", ".pgm", ".png"),
        *(".pnm", ".ppm", ".psd", ".qoi", ".svg", ".tga", ".tif", ".tiff", ".webp", ".xbm"),
    }
)
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
    walk = _Walk(folder)
    walk.visit(folder)
    walk.visit_links()
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

    def __init__(self, root: Path) -> None:
        self.root = root
        self.entries: list[ImageEntry] = []
        self.unreadable: list[Unreadable] = []
        self.notes: list[str] = []
        self.others = 0
        self._seen: set[tuple[int, int]] = set()
        self._links: list[Path] = []

    def visit_links(self) -> None:
        while self._links:
            self.visit(self._links.pop(0))

    def visit(self, folder: Path) -> None:
        pending = [folder]
        while pending:
            current = pending.pop()
            try:
                status = current.stat()
                identity = (status.st_dev, status.st_ino)
                if identity in self._seen:
                    self.notes.append(
                        f"{self._relative(current)} links to a folder that was already visited; "
                        "its images are counted once."
                    )
                    continue
                self._seen.add(identity)
                with os.scandir(current) as listing:
                    found = sorted(listing, key=lambda entry: entry.name)
            except OSError as error:
                self._refuse(current, f"the folder cannot be opened: {_reason(error)}", "/")
                continue
            pending.extend(reversed([p for entry in found if (p := self._sort_out(entry))]))

    def _sort_out(self, entry: os.DirEntry[str]) -> Path | None:
        """Take a file in; return a real folder to descend into; keep links for later."""
        if entry.name.startswith("."):
            return None
        path = Path(entry.path)
        try:
            if entry.is_dir(follow_symlinks=False):
                return path
            if entry.is_dir():
                self._links.append(path)
            elif entry.is_file():
                self._take(path)
            elif entry.is_symlink():
                self._refuse(path, "it is a symbolic link that leads nowhere")
            else:
                self.others += 1
        except OSError as error:
            self._refuse(path, f"it cannot be opened: {_reason(error)}")
        return None

    def _take(self, path: Path) -> None:
        if path.suffix.lower() not in IMAGE_SUFFIXES and not _looks_like_image(path):
            self.others += 1
            return
        relative = path.relative_to(self.root)
        label = relative.parts[0] if len(relative.parts) > 1 else None
        self.entries.append(
            ImageEntry(path=relative.as_posix(), label=label, location=FileLocation(path))
        )

    def _refuse(self, path: Path, reason: str, ending: str = "") -> None:
        self.unreadable.append(Unreadable(path=self._relative(path) + ending, reason=reason))

    def _relative(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix()


def _looks_like_image(path: Path) -> bool:
    with path.open("rb") as stream:
        head = stream.read(16)
    return head.startswith(_SIGNATURES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
