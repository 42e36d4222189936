"""Are generated images good enough to train on? Four scores, and the images at fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from synthaudit.auditing.scoring import score, score_embeddings
    from synthaudit.errors import (
        DataError,
        EmbedderError,
        GeneratorError,
        PlanError,
        PolicyError,
        SettingsError,
        StorageError,
        SynthauditError,
        Unfinished,
        UsageError,
    )
    from synthaudit.gating.judging import Verdict, judge
    from synthaudit.gating.policy import Policy, read_policy
    from synthaudit.reporting.files import write_report
    from synthaudit.result.audit import Audit, ClassScores, Score
    from synthaudit.selftesting.result import SelfTest
    from synthaudit.selftesting.running import selftest
    from synthaudit.settings import Settings
    from synthaudit.sweeping.plan import Plan, read_plan
    from synthaudit.sweeping.result import Sweep
    from synthaudit.sweeping.running import sweep

__all__ = [
    "Audit",
    "ClassScores",
    "DataError",
    "EmbedderError",
    "GeneratorError",
    "Plan",
    "PlanError",
    "Policy",
    "PolicyError",
    "Score",
    "SelfTest",
    "Settings",
    "SettingsError",
    "StorageError",
    "Sweep",
    "SynthauditError",
    "Unfinished",
    "UsageError",
    "Verdict",
    "judge",
    "read_plan",
    "read_policy",
    "score",
    "score_embeddings",
    "selftest",
    "sweep",
    "write_report",
]

_HOMES = {
    "Audit": "synthaudit.result.audit",
    "ClassScores": "synthaudit.result.audit",
    "Score": "synthaudit.result.audit",
    "SelfTest": "synthaudit.selftesting.result",
    "Settings": "synthaudit.settings",
    "Policy": "synthaudit.gating.policy",
    "Verdict": "synthaudit.gating.judging",
    "judge": "synthaudit.gating.judging",
    "read_policy": "synthaudit.gating.policy",
    "Plan": "synthaudit.sweeping.plan",
    "Sweep": "synthaudit.sweeping.result",
    "read_plan": "synthaudit.sweeping.plan",
    "sweep": "synthaudit.sweeping.running",
    "score": "synthaudit.auditing.scoring",
    "score_embeddings": "synthaudit.auditing.scoring",
    "selftest": "synthaudit.selftesting.running",
    "write_report": "synthaudit.reporting.files",
}


def __getattr__(name: str) -> Any:
    # Names are fetched when asked for: ``synthaudit --help`` must not wait for numpy.
    if name not in __all__:
        raise AttributeError(f"module 'synthaudit' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES.get(name, "synthaudit.errors")), name)
