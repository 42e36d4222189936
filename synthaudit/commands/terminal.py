"""What the commands share of the terminal: progress and notes on stderr, errors to exit codes."""

from __future__ import annotations

import functools
import logging
import sys
import threading
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from synthaudit.errors import EXIT_INTERRUPTED, SynthauditError
from synthaudit.progress import LOGGER

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as RichProgress
    from rich.progress import Task

Command = TypeVar("Command", bound=Callable[..., Any])

_SHOW_AFTER_SECONDS: Final = 1.0


def answers_errors(command: Command) -> Command:
    """Turn errors into one sentence on stderr and the exit code that belongs to them."""

    @functools.wraps(command)
    def run(*arguments: Any, **options: Any) -> Any:
        import typer

        try:
            return command(*arguments, **options)
        except SynthauditError as error:
            print(f"error: {error}", file=sys.stderr)  # noqa: T201
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            print("interrupted; run the same command again to go on.", file=sys.stderr)  # noqa: T201
            raise typer.Exit(EXIT_INTERRUPTED) from None
        except BrokenPipeError:
            sys.stderr.close()
            raise typer.Exit(0) from None
        except typer.Exit:
            raise
        # Exit code 1 says that a gate rejects; a fault of ours must not be taken for that.
        except Exception:  # noqa: BLE001
            traceback.print_exc()
            print("error: this is a fault in synthaudit: please report it.", file=sys.stderr)  # noqa: T201
            raise typer.Exit(2) from None

    return run  # type: ignore[return-value]


class Listener:
    """Progress bars with rates for stages that take more than a second, and notes, on stderr."""

    def __init__(self, *, quiet: bool) -> None:
        from rich.console import Console

        self.console = Console(stderr=True)
        self._quiet = quiet
        self._bar: RichProgress | None = None
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()
        self._stage, self._total, self._done = "", 0, 0
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
        self._end_stage()
        LOGGER.removeHandler(self._handler)
        LOGGER.setLevel(self._level)
        LOGGER.propagate = self._propagates

    def start(self, stage: str, total: int) -> None:
        """A stage begins; its bar appears if it takes long enough."""
        self._end_stage()
        self._stage, self._total, self._done = stage, total, 0
        if not self._quiet and self.console.is_terminal:
            self._timer = threading.Timer(_SHOW_AFTER_SECONDS, self._show)
            self._timer.daemon = True
            self._timer.start()

    def advance(self, steps: int) -> None:
        """Move the bar."""
        with self._lock:
            self._done += steps
            if self._bar is not None:
                self._bar.update(self._bar.task_ids[0], completed=self._done)

    def _show(self) -> None:
        from rich.progress import (
            BarColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeRemainingColumn,
        )

        columns: list[Any] = [SpinnerColumn(), TextColumn("{task.description}")]
        if self._total:
            columns += [
                BarColumn(),
                TextColumn("{task.completed:,.0f}/{task.total:,.0f}"),
                _make_rate_column(),
                TimeRemainingColumn(),
            ]
        with self._lock:
            self._bar = Progress(*columns, console=self.console, transient=True)
            self._bar.add_task(self._stage, total=self._total or None, completed=self._done)
            self._bar.start()

    def _end_stage(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        with self._lock:
            if self._bar is not None:
                self._bar.stop()
                self._bar = None


def _rate_text(task: Task) -> str:
    speed = task.finished_speed or task.speed
    return "" if speed is None else f"{speed:,.0f}/s"


def _make_rate_column() -> Any:
    from rich.progress import ProgressColumn
    from rich.text import Text

    class RateColumn(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(_rate_text(task), style="dim")

    return RateColumn()


class _NoteHandler(logging.Handler):
    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        lead = "warning: " if record.levelno >= logging.WARNING else ""
        self._console.print(
            f"{lead}{record.getMessage()}", markup=False, highlight=False, soft_wrap=True
        )
