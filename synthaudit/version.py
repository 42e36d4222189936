"""Which synthaudit this is."""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

DISTRIBUTION: Final = "synthaudit-images"
"""What is installed; on PyPI the plain name is another author's package."""


def installed_version() -> str:
    """The version of what is installed."""
    return version(DISTRIBUTION)
