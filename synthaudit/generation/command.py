"""Any program as a generator: a JSON job on its input, images in a folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from shutil import which
from typing import Any, Final

from pydantic import Field

from synthaudit.errors import GeneratorError
from synthaudit.generation.jobs import GeneratorOptions, Job, Made, Traits, parse_options
from synthaudit.generation.references import References
from synthaudit.images.folders import IMAGE_SUFFIXES
from synthaudit.leftovers import scratch_folder

_SHOWN: Final = 400


class CommandOptions(GeneratorOptions):
    """Options of the generator ``command``.

    Attributes:
        command: the program and its arguments.
        seconds: time limit of one call.
        batch_size: jobs a call.
        price: what an image costs, for ``budget: {money: ...}``.
        version: change it when the program changes, so that its images are made anew.
        options: anything the program should know; an axis may be a key of it.
    """

    command: list[str] = Field(min_length=1)
    seconds: float = Field(default=600.0, gt=0.0)
    batch_size: int = Field(default=8, ge=1)
    price: float | None = Field(default=None, ge=0.0)
    version: str | int | None = None
    options: dict[str, Any] = Field(default_factory=dict)


class CommandGenerator:
    """Runs a program for each batch.

    It gets ``{"folder": ..., "jobs": [{"file": stem, "prompt": ..., "subject": ..., "seed": ...,
    "options": {...}}]}`` on its input and leaves ``stem.png`` (or another image format) in the
    folder; a file that is not there is an image that it refused.
    """

    name = "command"
    known_options = tuple(CommandOptions.model_fields)

    def __init__(self, references: References | None = None) -> None:
        """It starts from no real images."""

    def check(self, job: Job) -> None:
        """Refuse programs that do not exist."""
        program = self._options(job).command[0]
        if which(program) is None:
            raise GeneratorError(f"there is no program {program!r}: mend command or the PATH.")

    def identity(self, job: Job) -> Mapping[str, Any]:
        """The command with its version."""
        options = self._options(job)
        return {"command": options.command, "version": options.version}

    def traits(self, job: Job) -> Traits:
        """What it costs; a time limit decides nothing of an image."""
        return Traits(price=self._options(job).price, passing=("price", "seconds"))

    def make(self, jobs: Sequence[Job]) -> Iterator[Made]:
        """Run the program, batch by batch."""
        for options, group in groupby(jobs, key=self._options):
            same = list(group)
            for start in range(0, len(same), options.batch_size):
                yield from self._run(options, same[start : start + options.batch_size])

    def count_cut_words(self, prompt: str) -> int:  # noqa: ARG002 - its own affair
        """Unknown: the program reads the prompt."""
        return 0

    def _options(self, job: Job) -> CommandOptions:
        return parse_options(CommandOptions, self.name, job.options)

    def _run(self, options: CommandOptions, jobs: Sequence[Job]) -> Iterator[Made]:
        with scratch_folder() as scratch:
            asked = {
                "folder": str(scratch),
                "jobs": [
                    {
                        "file": f"{place:05d}",
                        "prompt": job.prompt,
                        "subject": job.subject,
                        "number": job.number,
                        "seed": job.seed,
                        "options": options.options,
                    }
                    for place, job in enumerate(jobs)
                ],
            }
            start = time.perf_counter()
            done = self._call(options, json.dumps(asked))
            facts: dict[str, Any] = {"seconds": round((time.perf_counter() - start) / len(jobs), 4)}
            if options.price is not None:
                facts["money"] = options.price
            if done.stderr.strip():
                facts["stderr"] = done.stderr.strip()[-_SHOWN:]
            for place, job in enumerate(jobs):
                file = _image_of(scratch, f"{place:05d}")
                if file is None:
                    refused = {"refused": "the program left no image"}
                    yield Made(image=None, facts={**facts, **refused})
                else:
                    made = Made(image=None, data=file.read_bytes(), facts=facts)
                    made.refuse_broken(job, options.command[0])
                    yield made

    def _call(self, options: CommandOptions, text: str) -> subprocess.CompletedProcess[str]:
        name = options.command[0]
        try:
            done = _run(options.command, text, options.seconds)
        except subprocess.TimeoutExpired as error:
            raise GeneratorError(
                f"{name} took more than {options.seconds:g} s: raise seconds or lower batch_size."
            ) from error
        except OSError as error:
            raise GeneratorError(f"{name} cannot be run: {error.strerror}.") from error
        if done.returncode != 0:
            last = " ".join(done.stderr.split())[-_SHOWN:]
            how = f"ended with exit code {done.returncode}"
            if done.returncode < 0:
                how = f"was ended by {signal.Signals(-done.returncode).name}"
            raise GeneratorError(f"{name} {how}: {last or 'it said nothing'}.")
        return done


def _run(command: Sequence[str], text: str, seconds: float) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; where that does not come, all that it has started ends too.

    Output goes to files: what it leaves running may hold a pipe open for ever.
    """
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(  # noqa: S603 - running it is what the plan asks for
            command, stdin=subprocess.PIPE, stdout=output, stderr=errors, start_new_session=True
        )
        try:
            process.communicate(text.encode(), timeout=seconds)
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL) if hasattr(os, "killpg") else process.kill()
            process.wait()
            raise
        texts = []
        for stream in (output, errors):
            stream.seek(0)
            texts.append(stream.read().decode("utf-8", "replace"))
    return subprocess.CompletedProcess(command, process.returncode, *texts)


def _image_of(folder: Path, stem: str) -> Path | None:
    files = [folder / f"{stem}{suffix}" for suffix in sorted(IMAGE_SUFFIXES)]
    return next((file for file in files if file.is_file()), None)
