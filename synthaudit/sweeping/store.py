"""The images of a sweep by what made them: written whole or not at all, found again ever after."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from PIL import Image

from synthaudit.errors import StorageError
from synthaudit.generation.jobs import Made
from synthaudit.images.decoding import open_image

_PATIENCE_SECONDS: Final = 60.0
_ASKED_AT_ONCE: Final = 500
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
    """An image of the store: its file, None where the generator refused to make it."""

    file: Path | None
    seconds: float
    refused: str | None


class Store:
    """Images by the digest of their recipe, with a manifest beside them.

    Args:
        folder: made if need be; several processes may share it.

    Raises:
        StorageError: it cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # The default journal, not a write-ahead one, which shared folders do not bear.
            self._manifest = sqlite3.connect(
                folder / "manifest.sqlite", timeout=_PATIENCE_SECONDS, isolation_level=None
            )
            self._manifest.execute(
                "CREATE TABLE IF NOT EXISTS images (digest TEXT PRIMARY KEY, file TEXT, "
                "seconds REAL, refused TEXT, recipe TEXT, facts TEXT)"
            )
        except (OSError, sqlite3.Error) as error:
            raise StorageError(
                f"the store {folder} cannot be used ({error}): choose another folder with --out."
            ) from error

    def close(self) -> None:
        """Close the manifest."""
        self._manifest.close()

    def find(self, digests: Iterable[str]) -> dict[str, Stored]:
        """What the store has of some digests; images whose file is gone are not there."""
        wanted, found = list(digests), {}
        for start in range(0, len(wanted), _ASKED_AT_ONCE):
            part = wanted[start : start + _ASKED_AT_ONCE]
            marks = ",".join("?" * len(part))
            rows = self._ask(
                f"SELECT digest, file, seconds, refused FROM images WHERE digest IN ({marks})",  # noqa: S608 - marks only
                part,
            )
            for digest, name, seconds, refused in rows:
                file = None if name is None else self.folder / name
                if file is None or file.is_file():
                    found[digest] = Stored(file=file, seconds=seconds, refused=refused)
        return found

    def keep(self, digest: str, made: Made, recipe: Mapping[str, Any], codec: Codec) -> Stored:
        """Write an image and note it; the note comes last.

        Raises:
            StorageError: there is no room, or no permission.
        """
        seconds = float(made.facts.get("seconds", 0.0))
        refused = made.facts.get("refused")
        name = None
        if refused is None:
            data = made.data
            suffix = _suffix_of(data) if data is not None else _SUFFIX_OF[codec.format]
            if data is None:
                assert made.image is not None
                data = codec.encode(made.image)
            name = f"{digest[:2]}/{digest}{suffix}"
            self._write(self.folder / name, data)
        self._ask(
            "INSERT OR REPLACE INTO images VALUES (?, ?, ?, ?, ?, ?)",
            [
                digest,
                name,
                seconds,
                refused,
                json.dumps(recipe, ensure_ascii=False, default=str),
                json.dumps(dict(made.facts), ensure_ascii=False, default=str),
            ],
        )
        file = None if name is None else self.folder / name
        return Stored(file=file, seconds=seconds, refused=refused)

    def _write(self, file: Path, data: bytes) -> None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                dir=file.parent, prefix=".partial-", delete=False
            ) as draft:
                try:
                    draft.write(data)
                    draft.flush()
                    os.fsync(draft.fileno())
                    os.replace(draft.name, file)
                except OSError:
                    Path(draft.name).unlink(missing_ok=True)
                    raise
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise StorageError(
                f"an image cannot be written to {file.parent} ({reason}): free some space and "
                "start again with --resume; what is made stays."
            ) from error

    def _ask(self, statement: str, values: Iterable[Any]) -> list[tuple[Any, ...]]:
        try:
            return self._manifest.execute(statement, list(values)).fetchall()
        except sqlite3.Error as error:
            raise StorageError(
                f"the manifest in {self.folder} cannot be used ({error}): free some space and "
                "start again with --resume."
            ) from error


def _suffix_of(data: bytes) -> str:
    try:
        kind = open_image(io.BytesIO(data)).format or ""
    except (OSError, ValueError, Image.DecompressionBombError):
        kind = ""
    return _SUFFIX_OF.get(kind, ".img" if not kind else f".{kind.lower()}")


def codec_facts(codec: Codec) -> dict[str, Any]:
    """A codec as part of a recipe."""
    return asdict(codec)
