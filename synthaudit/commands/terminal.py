"""What the commands share of the terminal: progress and notes on stderr, errors to exit codes."""

from __future__ import annotations

import errno
import functools
import logging
import sys
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self, TypeVar

from synthaudit.commands.signals import Terminated
from synthaudit.errors import EXIT_INTERRUPTED, EXIT_TERMINATED, SynthauditError
from synthaudit.names import printable
from synthaudit.progress import LOGGER, ProgressBars, ProgressLines

if TYPE_CHECKING:
    from rich.console import Console

Command = TypeVar("Command", bound=Callable[..., Any])


def answers_errors(command: Command) -> Command:
    """Turn errors into one sentence on stderr and the exit code that belongs to them."""

    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> Any:
        import typer

        try:
            return command(*arguments, **options)
        except SynthauditError as error:
            print(f"error: {printable(str(error))}", file=sys.stderr)  # noqa: T201
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt as error:
            is_asked = isinstance(error, Terminated)
            how = "terminated" if is_asked else "interrupted"
            print(f"{how}; run the same command again to go on.", file=sys.stderr)  # noqa: T201
            raise typer.Exit(EXIT_TERMINATED if is_asked else EXIT_INTERRUPTED) from None
        except typer.Exit:
            raise
        # Exit code 1 says that a gate rejects; a fault of ours must not be taken for that.
        except Exception as error:  # noqa: BLE001
            if (limit := _system_limit(error)) is not None:
                print(f"error: {limit}", file=sys.stderr)  # noqa: T201
                raise typer.Exit(2) from None
            traceback.print_exc()
            print("error: this is a fault in synthaudit: please report it.", file=sys.stderr)  # noqa: T201
            raise typer.Exit(2) from None

    return run  # type: ignore[return-value]


def _system_limit(error: Exception) -> str | None:
    """What the system refuses to give, where that is the reason."""
    if isinstance(error, MemoryError):
        return "the memory is used up: audit fewer images, or give --memory a smaller number."
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        return "the system lets this process open no more files: raise its limit (ulimit -n)."
    is_thread = isinstance(error, RuntimeError) and "start new thread" in str(error)
    if is_thread or (isinstance(error, OSError) and error.errno == errno.EAGAIN):
        return (
            "the system lets this process start no more threads or processes: end others, raise "
            "its limit (ulimit -u), or give --workers 1."
        )
    return None


class Listener:
    """Progress and notes on stderr: bars on a terminal, elsewhere a line every ten seconds."""

    def __init__(self, *, quiet: bool) -> None:
        from rich.console import Console

        self.console = Console(stderr=True)
        self._quiet = quiet
        self._shown: ProgressBars | ProgressLines
        self._shown = (
            ProgressBars(self.console) if self.console.is_terminal else ProgressLines(self._line)
        )
        self._handler = _NoteHandler(self.console)
        self._level, self._propagates = LOGGER.level, LOGGER.propagate

    def __enter__(self) -> Self:
        # Whoever called may have settings of their own, which come back in the end.
        self._level, self._propagates = LOGGER.level, LOGGER.propagate
        LOGGER.addHandler(self._handler)
        LOGGER.setLevel(logging.WARNING if self._quiet else logging.INFO)
        LOGGER.propagate = False
        return self

    def __exit__(self, *_: object) -> None:
        self._shown.stop()
        LOGGER.removeHandler(self._handler)
        LOGGER.setLevel(self._level)
        LOGGER.propagate = self._propagates

    def start(self, stage: str, total: int) -> None:
        """A stage begins."""
        if not self._quiet:
            self._shown.start(stage, total)

    def advance(self, steps: int) -> None:
        """Some steps are done."""
        if not self._quiet:
            self._shown.advance(steps)

    def _line(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


class _NoteHandler(logging.Handler):
    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        lead = "warning: " if record.levelno >= logging.WARNING else ""
        self._console.print(
            f"{lead}{printable(record.getMessage())}", markup=False, highlight=False, soft_wrap=True
        )
