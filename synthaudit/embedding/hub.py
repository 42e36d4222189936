"""Pretrained weights: the local hub cache first, the hub once, and never a long wait."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

from synthaudit.errors import EmbedderError

PATIENCE_SECONDS: Final = 6.0
CARD: Final = "README.md"
"""What a repository says of itself, its licence first."""

_BLOB_NAME: Final = re.compile(r"[0-9a-f]{64}")


def find_cached(repository: str, files: Sequence[str]) -> Path | None:
    """The first of some files that the local hub cache holds."""
    from huggingface_hub import try_to_load_from_cache

    for file in files:
        found = try_to_load_from_cache(repository, file)
        if isinstance(found, str):
            return Path(found)
    return None


def find_on_hub(repository: str, files: Sequence[str]) -> str | None:
    """The first of some files that the hub says it has, asked once; None without an answer.

    Name resolution and proxies can hang beyond any time limit of the client, so the question is
    asked in a thread that is left behind after ``PATIENCE_SECONDS``.
    """
    if is_offline():
        return None
    answer: list[str] = []

    def ask() -> None:
        from huggingface_hub import get_hf_file_metadata, hf_hub_url
        from huggingface_hub.errors import EntryNotFoundError

        for file in files:
            try:
                get_hf_file_metadata(hf_hub_url(repository, file), timeout=PATIENCE_SECONDS)
            except EntryNotFoundError:
                continue
            answer.append(file)
            return

    _wait_for(ask)
    return answer[0] if answer else None


def fetch(repository: str, files: Sequence[str], *, local_files_only: bool) -> Path:
    """The path of the first of some files that can be had, downloading it if need be.

    Raises:
        EmbedderError: it is neither in the local cache nor to be fetched.
    """
    cached = find_cached(repository, files)
    if cached is not None:
        return cached
    file = None if local_files_only else find_on_hub(repository, files)
    if file is None:
        asked = "was not asked" if local_files_only or is_offline() else "gave no answer in time"
        raise EmbedderError(
            f"the weights {repository} are not in the local cache and the hub {asked}: fetch them "
            f"where there is a network with `hf download {repository}`, or use --embedder builtin."
        )
    from huggingface_hub import hf_hub_download

    try:
        weights = Path(hf_hub_download(repository, file))
    except Exception as error:  # the client raises errors of several libraries
        raise EmbedderError(f"the download of {repository}/{file} failed: {error}") from error
    # So that the licence is at hand without the hub from then on.
    fetch_beside(repository, CARD)
    return weights


def fetch_beside(repository: str, file: str) -> Path | None:
    """A small file of a repository, asked for once; None without an answer in time."""
    if is_offline():
        return None
    answer: list[Path] = []

    def ask() -> None:
        from huggingface_hub import hf_hub_download

        answer.append(Path(hf_hub_download(repository, file, etag_timeout=PATIENCE_SECONDS)))

    _wait_for(ask)
    return answer[0] if answer else None


def is_offline() -> bool:
    """Whether the user has told the hub's client to stay offline."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}


def file_digest(weights: Path) -> str:
    """SHA-256 of a file of weights; the hub cache names large files by it."""
    target = weights.resolve().name
    if _BLOB_NAME.fullmatch(target):
        return target
    status = weights.stat()
    return _digest_as_of(weights, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=4096)
def _digest_as_of(weights: Path, size: int, modified_ns: int) -> str:  # noqa: ARG001
    """Remembered by size and time: a process that lives long may see the file change."""
    with weights.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _wait_for(ask: Callable[[], None]) -> None:
    """Ask in a thread that is left behind after ``PATIENCE_SECONDS``; no answer is an answer."""

    def run() -> None:
        try:
            ask()
        # Whatever library it failed in.
        except Exception:  # noqa: BLE001
            return

    thread = threading.Thread(target=run, name="synthaudit-hub", daemon=True)
    thread.start()
    thread.join(PATIENCE_SECONDS)
