"""How long work tells of itself: the route reports, whoever called it decides what is shown."""

from __future__ import annotations

import logging
from typing import Final, Protocol

LOGGER: Final = logging.getLogger("synthaudit")
"""Notes to the user (what was skipped, what was chosen instead); the command line prints them."""


class Progress(Protocol):
    """A listener for stages of work that have a known number of steps."""

    def start(self, stage: str, total: int) -> None:
        """A stage begins; the one before it is over."""

    def advance(self, steps: int) -> None:
        """Some steps of the current stage are done."""


class NoProgress:
    """Listens to nothing."""

    def start(self, stage: str, total: int) -> None:
        """Ignore."""

    def advance(self, steps: int) -> None:
        """Ignore."""
