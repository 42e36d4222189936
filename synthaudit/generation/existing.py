"""Images that already exist: one folder or pattern an arm."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from synthaudit.errors import GeneratorError
from synthaudit.generation.jobs import GeneratorOptions, Job, Made, parse_options
from synthaudit.generation.references import References
from synthaudit.images.folders import IMAGE_SUFFIXES


class ExistingOptions(GeneratorOptions):
    """Options of the generator ``folder``.

    Attributes:
        pattern: a folder, or a glob pattern of files, with ``{axis}`` and ``{subject}``.
    """

    pattern: str = Field(min_length=1)


class ExistingImages:
    """Takes the files of a pattern in the order of their names, one a slot."""

    name = "folder"
    known_options = tuple(ExistingOptions.model_fields)

    def __init__(self, references: References | None = None) -> None:  # noqa: ARG002
        """It starts from no real images."""
        # For the life of this generator: of a later sweep the folder may hold other files.
        self._listed: dict[str, list[Path]] = {}

    def check(self, job: Job) -> None:
        """Refuse patterns that match too few files."""
        self._file(job)

    def identity(self, job: Job) -> Mapping[str, Any]:
        """Path, size and time of the file."""
        file = self._file(job)
        status = file.stat()
        return {"file": str(file), "size": status.st_size, "modified_ns": status.st_mtime_ns}

    def make(self, jobs: Sequence[Job]) -> Iterator[Made]:
        """Hand on the files as they are."""
        for job in jobs:
            file = self._file(job)
            try:
                data = file.read_bytes()
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
                raise GeneratorError(f"{file} cannot be read: {reason}.") from error
            yield Made(image=None, data=data)

    def count_cut_words(self, prompt: str) -> int:  # noqa: ARG002 - there is no prompt
        """None: nothing is read."""
        return 0

    def _file(self, job: Job) -> Path:
        pattern = parse_options(ExistingOptions, self.name, job.options).pattern
        if pattern not in self._listed:
            self._listed[pattern] = _files(pattern)
        files = self._listed[pattern]
        if job.number >= len(files):
            raise GeneratorError(
                f"{pattern} has {len(files):,} images, fewer than the {job.number + 1:,} that an "
                "arm needs: lower images_per_arm or mend the pattern."
            )
        return files[job.number]


def _files(pattern: str) -> list[Path]:
    """Image files of a folder or a pattern, sorted."""
    found = [pattern] if Path(pattern).is_dir() else glob.glob(pattern, recursive=True)
    files: list[Path] = []
    for place in map(Path, found):
        files += place.rglob("*") if place.is_dir() else [place]
    return sorted(f for f in files if f.is_file() and f.suffix.lower() in IMAGE_SUFFIXES)
