"""How long work tells of itself: the route reports, whoever called it decides what is shown."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol

from synthaudit.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as RichProgress
    from rich.progress import Task

LOGGER: Final = logging.getLogger("synthaudit")
"""Notes to the user (what was skipped, what was chosen instead); the command line prints them."""

DONE: Final = "done"
"""The stage after the last one."""

_SHOW_AFTER_SECONDS: Final = 1.0
_LINE_EVERY_SECONDS: Final = 10.0


class Progress(Protocol):
    """A listener for stages of work that have a known number of steps."""

    def start(self, stage: str, total: int) -> None:
        """A stage begins; the one before it is over. ``total`` is 0 where it is not known."""

    def advance(self, steps: int) -> None:
        """Some steps of the current stage are done."""


class NoProgress:
    """Listens to nothing."""

    def start(self, stage: str, total: int) -> None:
        """Ignore."""

    def advance(self, steps: int) -> None:
        """Ignore."""


class ProgressLines:
    """A line every ten seconds, for logs and for Python: which stage, how far, how long.

    Args:
        write: takes a line; stderr where none is given.
        every: seconds between lines.
    """

    def __init__(
        self, write: Callable[[str], None] | None = None, *, every: float = _LINE_EVERY_SECONDS
    ) -> None:
        self._write, self._every = write or _to_stderr, every
        self._begun = time.monotonic()
        self._stage, self._total, self._done = "", 0, 0
        self._over = threading.Event()
        self._clock: threading.Thread | None = None

    def start(self, stage: str, total: int) -> None:
        """A stage begins."""
        self._stage, self._total, self._done = "" if stage == DONE else stage, total, 0
        if self._clock is None:
            self._clock = threading.Thread(target=self._tick, name="synthaudit-lines", daemon=True)
            self._clock.start()

    def advance(self, steps: int) -> None:
        """Count."""
        self._done += steps

    def stop(self) -> None:
        """No more lines."""
        self._over.set()
        if self._clock is not None:
            self._clock.join()

    def _tick(self) -> None:
        while not self._over.wait(self._every):
            if not self._stage:
                continue
            counted = f": {self._done:,} of {self._total:,}" if self._total else ""
            self._write(f"{self._stage}{counted} ({time.monotonic() - self._begun:.0f} s)")


class ProgressBars:
    """A bar with its rate for each stage that takes more than a second, in terminals and notebooks.

    Args:
        console: where to; rich's own for stderr, which knows notebooks, where none is given.
    """

    def __init__(self, console: Console | None = None) -> None:
        from rich.console import Console

        self._console = console or Console(stderr=True)
        self._bar: RichProgress | None = None
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()
        self._stage, self._total, self._done = "", 0, 0

    def start(self, stage: str, total: int) -> None:
        """A stage begins; its bar appears if it takes long enough."""
        self.stop()
        self._stage, self._total, self._done = stage, total, 0
        self._timer = threading.Timer(_SHOW_AFTER_SECONDS, self._show)
        self._timer.daemon = True
        self._timer.start()

    def advance(self, steps: int) -> None:
        """Move the bar."""
        with self._lock:
            self._done += steps
            if self._bar is not None:
                self._bar.update(self._bar.task_ids[0], completed=self._done)

    def stop(self) -> None:
        """No bar any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        with self._lock:
            if self._bar is not None:
                self._bar.stop()
                self._bar = None

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
            self._bar = Progress(*columns, console=self._console, transient=True)
            self._bar.add_task(self._stage, total=self._total or None, completed=self._done)
            self._bar.start()


@contextmanager
def listening(progress: Progress | None) -> Iterator[Progress]:
    """A listener for a call from Python, which stops telling when the work ends.

    Args:
        progress: what the caller gave; None for bars in a notebook, and elsewhere for a line on
            stderr every ten seconds.

    Raises:
        UsageError: it cannot listen.
    """
    if progress is not None:
        if isinstance(progress, type) or not hasattr(progress, "start"):
            raise UsageError(
                "progress should be an object with start(stage, total) and advance(steps), such as "
                f"synthaudit.NoProgress(), not {progress!r}."
            )
        yield progress
        return
    own: ProgressBars | ProgressLines = ProgressBars() if _is_notebook() else ProgressLines()
    try:
        yield own
    finally:
        own.stop()


def _is_notebook() -> bool:
    """Whether IPython runs us in a notebook rather than in a terminal."""
    shell = sys.modules.get("IPython")
    running = None if shell is None else shell.get_ipython()
    return type(running).__name__ == "ZMQInteractiveShell"


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"synthaudit: {line}\n")
    sys.stderr.flush()


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
