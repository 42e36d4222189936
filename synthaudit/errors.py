"""Every failure that synthaudit raises on purpose, and the exit code that each one maps to.

SynthauditError            2
├── UsageError             2   the call itself: a wrong option, a missing folder
│   ├── SettingsError      2   an unknown or impossible setting
│   ├── PlanError          2   a sweep's plan that cannot be carried out
│   └── PolicyError        2   a gate's policy that is wrong or does not fit the scores
├── DataError              2   the data cannot be audited: no images, too many unreadable ones
├── EmbedderError          2   an embedder or its weights cannot be had
├── GeneratorError         2   a generator or its weights cannot be had, or it fails
├── StorageError           2   a result cannot be written: no space, no permission
└── Unfinished             3   a budget ran out, or other shards are still at work
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


class SynthauditError(Exception):
    """Root of all errors; the message is one sentence: expected, came, what to do."""

    exit_code = 2


class UsageError(SynthauditError):
    """The call is wrong: an option, an argument or a path that does not exist."""


class SettingsError(UsageError):
    """A setting is unknown or has an impossible value."""


class DataError(SynthauditError):
    """The data cannot be audited."""


class EmbedderError(SynthauditError):
    """An embedder does not exist, or its weights are not at hand."""


class StorageError(SynthauditError):
    """A result or a cache cannot be written."""


class PlanError(UsageError):
    """The plan of a sweep is wrong."""


class GeneratorError(SynthauditError):
    """A generator or its weights cannot be had, or it made nothing."""


class Unfinished(SynthauditError):  # noqa: N818 - an outcome, not a fault
    """A budget ran out, or other shards have not finished: what is known was reported."""

    exit_code = 3


class PolicyError(UsageError):
    """The policy of a gate is wrong, or does not fit the scores."""


@contextmanager
def blaming(what: str, error: type[SynthauditError]) -> Iterator[None]:
    """Say of whatever another's code raises inside whose code it was.

    Args:
        what: whose, such as ``the measure 'sharpness' of their-package 1.0``.
        error: what is raised in its place.

    Raises:
        SynthauditError: our own errors as they are, others in one sentence.

    >>> with blaming("the measure 'sharpness'", SettingsError):
    ...     1 / 0
    Traceback (most recent call last):
    synthaudit.errors.SettingsError: the measure 'sharpness' failed (ZeroDivisionError: division \
by zero): mend it or leave it out.
    """
    try:
        yield
    except (SynthauditError, MemoryError):
        raise
    # It is a stranger's code, which may raise anything.
    except Exception as failure:
        text = " ".join(str(failure).split())[:300]
        reason = f"{type(failure).__name__}: {text}" if text else type(failure).__name__
        raise error(f"{what} failed ({reason}): mend it or leave it out.") from failure
