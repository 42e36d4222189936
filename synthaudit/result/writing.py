"""Results to files: all of them complete, or none of them there."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from synthaudit.errors import StorageError, UsageError
from synthaudit.leftovers import clear, draft_prefix

if TYPE_CHECKING:
    import pandas as pd

    Contents = str | bytes | pd.DataFrame


def json_text(contents: Mapping[str, Any]) -> str:
    """The text of a result file such as ``scores.json``."""
    return json.dumps(contents, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def json_line(contents: Mapping[str, Any]) -> str:
    """The same on one line, for files with an object a line."""
    return json.dumps(contents, ensure_ascii=False, allow_nan=False) + "\n"


_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_RESULTS: Final = {
    "build.json": "a built set",
    "scores.json": "an audit",
    "sweep.json": "a sweep",
    "inspection.json": "an inspection",
}


def refuse_outputs(out: Path | None, keep: Path | None, *, own: str) -> None:
    """Refuse before the work where its results cannot go, or would take the place of others.

    Args:
        out: folder for results, if any.
        keep: file for the list of ``--keep``, if any.
        own: the file that tells results of this kind.

    Raises:
        StorageError: it cannot be written there.
        UsageError: the folder holds results of another kind.
    """
    if out is not None:
        refuse_file(out)
        for file, what in _RESULTS.items():
            if file != own:
                refuse_beside(out, file, what)
    if keep is not None:
        refuse_unwritable(keep)


def refuse_beside(folder: Path, file: str, what: str) -> None:
    """Refuse a folder that holds results of another kind, whose tables have the same names.

    Raises:
        UsageError: it does.
    """
    if (folder / file).is_file():
        raise UsageError(
            f"{folder} holds {what} ({file}), whose tables would be lost: give another folder."
        )


def refuse_folders(folder: Path, names: Iterable[str]) -> None:
    """Refuse before the work what the results could not replace.

    Raises:
        StorageError: there is a folder of the name of one of them.
    """
    for name in names:
        if (folder / name).is_dir():
            raise StorageError(
                f"{folder / name} is a folder in the place of a result: remove it, or give another "
                "folder with --out."
            )


def refuse_unwritable(file: Path) -> None:
    """Say before the work, not after it, that a file cannot be written.

    Raises:
        StorageError: it is a folder, or its folder is not there or not open to writing; or it is
            there and no list that ``--keep`` wrote, such as a manifest or an image.
    """
    if file.is_dir() or not os.access(file.parent, os.W_OK):
        reason = "it is a folder" if file.is_dir() else f"{file.parent} is no folder to write to"
        raise StorageError(f"{file} cannot be written ({reason}): choose another file.")
    if file.exists():
        with file.open("rb") as stream:
            is_ours = stream.readline(100).strip() in (b"", b"path,is_kept,reason")
        if not is_ours:
            raise StorageError(
                f"{file} is there and was not written by --keep: remove it, or choose another file."
            )


def refuse_file(folder: Path) -> None:
    """Say before the work that a folder for results cannot be made.

    Raises:
        StorageError: there is a file in its place, or on the way to it.
    """
    place = next((p for p in (folder, *folder.parents) if p.exists()), Path())
    if not place.is_dir() or not os.access(place, os.W_OK):
        reason = "is a file" if place.is_file() else "is no folder to write to"
        raise StorageError(
            f"the results cannot be written to {folder} ({place} {reason}): choose another folder "
            "with --out."
        )


def write_table(table: pd.DataFrame, file: Path) -> None:
    """Write one CSV file, whole or not at all.

    Raises:
        StorageError: it cannot be written.
    """
    write_files(file.parent, {file.name: table}, advice="choose another file")


def write_files(
    folder: Path,
    files: Mapping[str, Contents],
    *,
    replaces: Iterable[str] = (),
    advice: str = "choose another folder with --out",
) -> Path:
    """Write texts, bytes and tables (``.parquet`` or ``.csv``) into a folder, by file name.

    Everything is first written beside its place, then moved there: afterwards all files are those
    given, or all are as they were; where a run is killed just then, the last file, which stands for
    all, is not there. Files that others have put into the folder stay.

    Args:
        folder: made if need be.
        files: contents by name.
        replaces: names of files that an earlier run may have left; those not written now are
            removed.
        advice: what to do where it cannot be written.

    Raises:
        StorageError: the folder cannot be made or written.
    """
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        clear(folder)
        draft = tempfile.mkdtemp(prefix=draft_prefix(), dir=folder)
        try:
            for name, contents in files.items():
                _write(Path(draft) / name, contents)
            _exchange(Path(draft), folder, list(files), {*replaces} - {*files})
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        if made:
            shutil.rmtree(folder, ignore_errors=True)
        reason = (error.strerror or str(error)).lower()
        place = folder / next(iter(files)) if len(files) == 1 else folder
        raise StorageError(
            f"the results cannot be written to {place} ({reason}): {_remedy(error, advice)}."
        ) from error
    return folder


def _remedy(error: OSError, advice: str) -> str:
    if error.errno == errno.EISDIR:
        return "remove that folder, or give another place for the results"
    return f"free some space or {advice}" if error.errno in _FULL else advice


def _exchange(draft: Path, folder: Path, names: list[str], others: Iterable[str]) -> None:
    """Move new files to their place and remove others; all of it, or none."""
    former = draft / "former"
    former.mkdir()
    touched: list[str] = []
    try:
        for name in [*names, *others]:
            if (folder / name).is_dir():
                raise IsADirectoryError(errno.EISDIR, f"{name} there is a folder")
            if (folder / name).exists():
                _duplicate(folder / name, former / name)
        for name in [names[-1], *others]:
            touched.append(name)
            (folder / name).unlink(missing_ok=True)
        for name in names:
            touched.append(name)
            os.replace(draft / name, folder / name)
    except BaseException:
        for name in dict.fromkeys(touched):
            _bring_back(former / name, folder / name)
        raise


def _bring_back(former: Path, place: Path) -> None:
    """Make a place what it was, by whatever the disk still does."""
    if not former.exists():
        with suppress(OSError):
            place.unlink(missing_ok=True)
        return
    if place.exists() and place.samefile(former):
        return
    for bring in (os.replace, _put):
        with suppress(OSError):
            bring(former, place)
            return


def _put(former: Path, place: Path) -> None:
    place.unlink(missing_ok=True)
    _duplicate(former, place)


def _duplicate(file: Path, place: Path) -> None:
    """A second name of a file, or a copy where there are none."""
    try:
        os.link(file, place)
    except OSError:
        shutil.copy2(file, place)


def _write(file: Path, contents: Contents) -> None:
    # Arrow opens no path that is not UTF-8, but writes to what is open.
    with file.open("wb") as stream:
        if isinstance(contents, str):
            stream.write(contents.encode())
        elif isinstance(contents, bytes):
            stream.write(contents)
        elif file.suffix == ".parquet":
            contents.to_parquet(stream, index=False)
        else:
            contents.to_csv(stream, index=False)
        stream.flush()
        os.fsync(stream.fileno())
