"""Standard streams that outlive their readers and print whatever a file is called."""

from __future__ import annotations

import os
import sys
from typing import Any, TextIO, cast

from synthaudit.errors import UsageError


class PatientStream:
    """A stream whose reader may go: what is written then is lost, and the program goes on.

    ``head`` goes when it has seen enough, and a gate must still say by its exit code what it found.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write a text, or let it go; UsageError where it cannot be written for another reason."""
        try:
            return self._stream.write(text)
        except OSError as error:
            self._give_up(error)
            return len(text)

    def flush(self) -> None:
        """Write what is buffered, or let it go; errors as of ``write``."""
        try:
            self._stream.flush()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        """Write to nowhere from now on: what is buffered would fail again when the program ends."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)
        if not isinstance(error, BrokenPipeError):
            reason = (error.strerror or str(error)).lower()
            name = self._stream.name.strip("<>")
            raise UsageError(f"{name} cannot be written to ({reason}).") from error


def make_streams_patient() -> None:
    """Let stdout and stderr outlive their readers, and print what their encoding does not know."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # the caller closed it
            stream = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
        setattr(sys, name, cast("TextIO", PatientStream(stream)))
