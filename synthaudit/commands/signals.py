"""What the system asks of a running command: to stop, in the way that lets it go on later."""

from __future__ import annotations

import signal
from types import FrameType
from typing import NoReturn


class Terminated(KeyboardInterrupt):
    """SIGTERM, which ends a run as an interrupt does, but with an exit code of its own."""


def listen_to_signals() -> None:
    """Let SIGTERM end a run in order, and SIGINT where a shell had it ignored.

    A shell that runs a script tells what it starts in the background to ignore SIGINT; whoever
    sends one all the same means it. Where SIGHUP is ignored too, as by ``nohup``, that stays.
    """
    signal.signal(signal.SIGTERM, _terminate)
    is_by_nohup = hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN and not is_by_nohup:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated
