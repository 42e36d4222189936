"""Are generated images good enough to train on? Four scores, and the images at fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from synthaudit.auditing.scoring import score, score_embeddings
    from synthaudit.errors import (
        DataError,
        EmbedderError,
        SettingsError,
        StorageError,
        SynthauditError,
        UsageError,
    )
    from synthaudit.proving.outcome import SelfTest
    from synthaudit.proving.running import selftest
    from synthaudit.result.audit import Audit, ClassScores, Score
    from synthaudit.settings import Settings

__all__ = [
    "Audit",
    "ClassScores",
    "DataError",
    "EmbedderError",
    "Score",
    "SelfTest",
    "Settings",
    "SettingsError",
    "StorageError",
    "SynthauditError",
    "UsageError",
    "score",
    "score_embeddings",
    "selftest",
]

_HOMES = {
    "Audit": "synthaudit.result.audit",
    "ClassScores": "synthaudit.result.audit",
    "Score": "synthaudit.result.audit",
    "SelfTest": "synthaudit.proving.outcome",
    "Settings": "synthaudit.settings",
    "score": "synthaudit.auditing.scoring",
    "score_embeddings": "synthaudit.auditing.scoring",
    "selftest": "synthaudit.proving.running",
}


def __getattr__(name: str) -> Any:
    # Names are fetched when asked for: ``synthaudit --help`` must not wait for numpy.
    if name not in __all__:
        raise AttributeError(f"module 'synthaudit' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES.get(name, "synthaudit.errors")), name)
