"""The images of a sweep by what made them: written whole or not at all, found again ever after."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from PIL import Image

from synthaudit.errors import StorageError
from synthaudit.generation.jobs import Made
from synthaudit.images.decoding import UnreadableImage, open_image, open_rgb
from synthaudit.leftovers import clear, draft_prefix
from synthaudit.progress import LOGGER

_PATIENCE_SECONDS: Final = 60.0
_ASKED_AT_ONCE: Final = 500
_DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_MANIFEST: Final = "manifest.sqlite"
_COLUMNS: Final = "digest, file, seconds, refused, recipe, facts, bytes"
_SUFFIX_OF: Final = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp"}


@dataclass(frozen=True, kw_only=True)
class Codec:
    """How images are kept: as the real ones are, so that the codec is not what is detected."""

    format: Literal["JPEG", "PNG", "WEBP"] = "JPEG"
    quality: int = 95
    subsampling: int = 0

    def encode(self, image: Image.Image) -> bytes:
        """The bytes of a file."""
        buffer = io.BytesIO()
        options: dict[str, Any] = {} if self.format == "PNG" else {"quality": self.quality}
        if self.format == "JPEG":
            options["subsampling"] = self.subsampling
        image.convert("RGB").save(buffer, self.format, **options)
        return buffer.getvalue()


@dataclass(frozen=True, kw_only=True)
class Stored:
    """An image of the store, and what it took.

    Attributes:
        file: None where the generator refused to make it.
        seconds: what it took; 0 where that is not known.
        refused: why there is none.
        memory: bytes at most; None where that is not known.
        money: what it cost; None where nobody has said.
    """

    file: Path | None
    seconds: float
    refused: str | None
    memory: int | None = None
    money: float | None = None


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What images took: how many there are, seconds, money."""

    images: int = 0
    seconds: float = 0.0
    money: float = 0.0


class Store:
    """Images by the digest of their recipe, with a manifest beside them.

    The images count, not the manifest: one that is damaged or gone is made again from them, and a
    file that was cut since is no image.

    Args:
        folder: made if need be; several processes may share it.

    Raises:
        StorageError: it cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            clear(folder)
            try:
                self._manifest = self._open()
            except sqlite3.DatabaseError as error:
                self._manifest = self._open_another(error)
        except (OSError, sqlite3.Error) as error:
            raise StorageError(
                f"the store {folder} cannot be used ({error}): choose another folder with --out."
            ) from error

    def close(self) -> None:
        """Close the manifest."""
        self._manifest.close()

    def find(self, digests: Iterable[str]) -> dict[str, Stored]:
        """What the store has of some digests; images whose file is gone or cut are not there."""
        wanted, found, noted = list(digests), {}, set()
        for start in range(0, len(wanted), _ASKED_AT_ONCE):
            part = wanted[start : start + _ASKED_AT_ONCE]
            marks = ",".join("?" * len(part))
            rows = self._ask(
                "SELECT digest, file, seconds, refused, bytes, json_extract(facts, '$.memory'), "  # noqa: S608 - marks only
                "json_extract(facts, '$.money') FROM images "
                f"WHERE digest IN ({marks})",
                part,
            )
            for digest, name, seconds, refused, size, memory, money in rows:
                noted.add(digest)
                file = None if name is None else self.folder / name
                if file is None or _has_size(file, size):
                    found[digest] = Stored(
                        file=file, seconds=seconds, refused=refused, memory=memory, money=money
                    )
        return found | self._adopt([digest for digest in wanted if digest not in noted])

    def spent(self) -> Spent:
        """What all its images took."""
        rows = self._ask(
            "SELECT COUNT(file), COALESCE(SUM(seconds), 0.0), "
            "COALESCE(SUM(json_extract(facts, '$.money')), 0.0) FROM images",
            (),
        )
        images, seconds, money = rows[0]
        return Spent(images=int(images), seconds=float(seconds), money=float(money))

    def money(self) -> float:
        """What all its images have cost together."""
        return self.spent().money

    def keep(self, digest: str, made: Made, recipe: Mapping[str, Any], codec: Codec) -> Stored:
        """Write an image and note it; the note comes last.

        Raises:
            StorageError: there is no room, or no permission.
        """
        seconds = float(made.facts.get("seconds", 0.0))
        refused = made.facts.get("refused")
        name, data = None, b""
        if refused is None:
            suffix = _SUFFIX_OF[codec.format]
            if made.data is not None:
                data, suffix = made.data, _suffix_of(made.data)
            else:
                assert made.image is not None
                data = codec.encode(made.image)
            name = f"{digest[:2]}/{digest}{suffix}"
            self._write(self.folder / name, data)
        texts = [
            json.dumps(dict(own), ensure_ascii=False, default=str) for own in (recipe, made.facts)
        ]
        self._note([digest, name, seconds, refused, *texts, len(data)])
        file = None if name is None else self.folder / name
        return Stored(file=file, seconds=seconds, refused=refused)

    def _adopt(self, digests: Iterable[str]) -> dict[str, Stored]:
        """Images that are there without a note, for the manifest is younger than they."""
        listed: dict[str, dict[str, Path]] = {}
        found = {}
        for digest in digests:
            place = digest[:2]
            if place not in listed:
                files = (self.folder / place).glob("[!.]*")
                listed[place] = {file.stem: file for file in files}
            file = listed[place].get(digest)
            if file is not None and _is_image(file):
                name = f"{place}/{file.name}"
                self._note([digest, name, 0.0, None, None, None, file.stat().st_size])
                found[digest] = Stored(file=file, seconds=0.0, refused=None)
        return found

    def _write(self, file: Path, data: bytes) -> None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            draft = self.folder / f"{draft_prefix()}{file.name}"
            try:
                with draft.open("wb") as stream:
                    stream.write(data)
                    stream.flush()
                    os.fsync(stream.fileno())
                os.replace(draft, file)
            except BaseException:
                draft.unlink(missing_ok=True)
                raise
        except IsADirectoryError as error:
            raise StorageError(
                f"{file} is a folder in the place of an image: remove it and start again."
            ) from error
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise StorageError(
                f"an image cannot be written to {file.parent} ({reason}): free some space and "
                "give the same command again; what is made stays."
            ) from error

    def _note(self, values: Iterable[Any]) -> None:
        statement = f"INSERT OR REPLACE INTO images ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
        self._ask(statement, values)

    def _ask(self, statement: str, values: Iterable[Any]) -> list[tuple[Any, ...]]:
        own = list(values)
        try:
            try:
                return self._manifest.execute(statement, own).fetchall()
            except sqlite3.DatabaseError as error:
                self._manifest.close()
                self._manifest = self._open_another(error)
                return self._manifest.execute(statement, own).fetchall()
        except (OSError, sqlite3.Error) as error:
            raise StorageError(
                f"the manifest in {self.folder} cannot be used ({error}): free some space and "
                "give the same command again."
            ) from error

    def _open(self) -> sqlite3.Connection:
        # The default journal, not a write-ahead one, which shared folders do not bear.
        opened = sqlite3.connect(
            self.folder / _MANIFEST, timeout=_PATIENCE_SECONDS, isolation_level=None
        )
        try:
            opened.execute(
                "CREATE TABLE IF NOT EXISTS images (digest TEXT PRIMARY KEY, file TEXT, "
                "seconds REAL, refused TEXT, recipe TEXT, facts TEXT, bytes INTEGER)"
            )
            known = {row[1] for row in opened.execute("PRAGMA table_info(images)")}
            if "bytes" not in known:
                # Another process may add it meanwhile.
                with suppress(sqlite3.OperationalError):
                    opened.execute("ALTER TABLE images ADD COLUMN bytes INTEGER")
        except BaseException:
            opened.close()
            raise
        return opened

    def _open_another(self, error: sqlite3.DatabaseError) -> sqlite3.Connection:
        """In place of a damaged manifest; raises the error if it is of another kind."""
        if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _DAMAGE:
            raise error
        aside = self.folder / f"{_MANIFEST}.damaged-{time.time_ns()}"
        os.replace(self.folder / _MANIFEST, aside)
        (self.folder / f"{_MANIFEST}-journal").unlink(missing_ok=True)
        LOGGER.warning(
            "the manifest of the store was damaged; it was set aside as %s and is made again from "
            "the images. What a generator refused to make it is asked for again.",
            aside,
        )
        return self._open()


def _has_size(file: Path, size: int | None) -> bool:
    """Whether a file is there, as long as it was when it was noted, if that was."""
    try:
        status = file.stat()
    except OSError:
        return False
    return size is None or status.st_size == size


def _is_image(file: Path) -> bool:
    try:
        open_rgb(file.read_bytes())
    except OSError:
        return False
    except UnreadableImage as error:
        return not error.is_lasting
    return True


def _suffix_of(data: bytes) -> str:
    try:
        kind = open_image(io.BytesIO(data)).format or ""
    except (OSError, ValueError, Image.DecompressionBombError):
        kind = ""
    return _SUFFIX_OF.get(kind, ".img" if not kind else f".{kind.lower()}")


def codec_facts(codec: Codec) -> dict[str, Any]:
    """A codec as part of a recipe."""
    return asdict(codec)
