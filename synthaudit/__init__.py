"""Are generated images good enough to train on? Four scores, and the images at fault."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from synthaudit.auditing.context import Context
    from synthaudit.auditing.scoring import score, score_embeddings
    from synthaudit.building.result import Build
    from synthaudit.building.running import build
    from synthaudit.embedding.protocol import Embedder
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
    from synthaudit.gating.bounds import Bound
    from synthaudit.gating.comparing import Comparison, compare
    from synthaudit.gating.judging import Verdict, judge
    from synthaudit.gating.policy import Limit, Policy, read_policy
    from synthaudit.generation.jobs import (
        Generator,
        GeneratorOptions,
        Job,
        Made,
        Traits,
        parse_options,
    )
    from synthaudit.generation.references import References
    from synthaudit.images.decoding import Frame
    from synthaudit.inspecting.result import Inspection
    from synthaudit.inspecting.running import inspect
    from synthaudit.measures.intervals import Quantity
    from synthaudit.measures.protocol import (
        Column,
        ImageMeasure,
        Measured,
        SetMeasure,
        SideVectors,
        Supporting,
    )
    from synthaudit.measures.samples import Samples
    from synthaudit.names import read_name, write_name
    from synthaudit.progress import NoProgress, Progress
    from synthaudit.reporting.files import write_report
    from synthaudit.reporting.html.sections import ReportSection
    from synthaudit.result.audit import Audit
    from synthaudit.result.reading import AuditFiles
    from synthaudit.result.scores import ClassScores, Score
    from synthaudit.selftesting.result import SelfTest
    from synthaudit.selftesting.running import selftest
    from synthaudit.settings import Settings
    from synthaudit.sweeping.plan import Plan, read_plan
    from synthaudit.sweeping.result import Sweep
    from synthaudit.sweeping.running import sweep
    from synthaudit.training.result import Training
    from synthaudit.training.running import train

_HOMES = {
    "Audit": "result.audit",
    "AuditFiles": "result.reading",
    "Bound": "gating.bounds",
    "Build": "building.result",
    "ClassScores": "result.scores",
    "Column": "measures.protocol",
    "Comparison": "gating.comparing",
    "Context": "auditing.context",
    "DataError": "errors",
    "Embedder": "embedding.protocol",
    "EmbedderError": "errors",
    "Frame": "images.decoding",
    "Generator": "generation.jobs",
    "GeneratorError": "errors",
    "GeneratorOptions": "generation.jobs",
    "ImageMeasure": "measures.protocol",
    "Inspection": "inspecting.result",
    "Job": "generation.jobs",
    "Limit": "gating.policy",
    "Made": "generation.jobs",
    "Measured": "measures.protocol",
    "NoProgress": "progress",
    "Plan": "sweeping.plan",
    "PlanError": "errors",
    "Policy": "gating.policy",
    "PolicyError": "errors",
    "Progress": "progress",
    "Quantity": "measures.intervals",
    "References": "generation.references",
    "ReportSection": "reporting.html.sections",
    "Samples": "measures.samples",
    "Score": "result.scores",
    "SelfTest": "selftesting.result",
    "SetMeasure": "measures.protocol",
    "Settings": "settings",
    "SettingsError": "errors",
    "SideVectors": "measures.protocol",
    "StorageError": "errors",
    "Supporting": "measures.protocol",
    "Sweep": "sweeping.result",
    "SynthauditError": "errors",
    "Training": "training.result",
    "Traits": "generation.jobs",
    "Unfinished": "errors",
    "UsageError": "errors",
    "Verdict": "gating.judging",
    "build": "building.running",
    "compare": "gating.comparing",
    "inspect": "inspecting.running",
    "judge": "gating.judging",
    "parse_options": "generation.jobs",
    "read_name": "names",
    "read_plan": "sweeping.plan",
    "read_policy": "gating.policy",
    "score": "auditing.scoring",
    "score_embeddings": "auditing.scoring",
    "selftest": "selftesting.running",
    "sweep": "sweeping.running",
    "train": "training.running",
    "write_name": "names",
    "write_report": "reporting.files",
}
__all__ = [
    "Audit",
    "AuditFiles",
    "Bound",
    "Build",
    "ClassScores",
    "Column",
    "Comparison",
    "Context",
    "DataError",
    "Embedder",
    "EmbedderError",
    "Frame",
    "Generator",
    "GeneratorError",
    "GeneratorOptions",
    "ImageMeasure",
    "Inspection",
    "Job",
    "Limit",
    "Made",
    "Measured",
    "NoProgress",
    "Plan",
    "PlanError",
    "Policy",
    "PolicyError",
    "Progress",
    "Quantity",
    "References",
    "ReportSection",
    "Samples",
    "Score",
    "SelfTest",
    "SetMeasure",
    "Settings",
    "SettingsError",
    "SideVectors",
    "StorageError",
    "Supporting",
    "Sweep",
    "SynthauditError",
    "Training",
    "Traits",
    "Unfinished",
    "UsageError",
    "Verdict",
    "build",
    "compare",
    "inspect",
    "judge",
    "parse_options",
    "read_name",
    "read_plan",
    "read_policy",
    "score",
    "score_embeddings",
    "selftest",
    "sweep",
    "train",
    "write_name",
    "write_report",
]


def __getattr__(name: str) -> Any:
    # Names are fetched when asked for: ``synthaudit --help`` must not wait for numpy.
    from importlib import import_module

    if name == "__version__":
        from synthaudit.version import installed_version

        return installed_version()
    if name not in _HOMES:
        raise AttributeError(f"module 'synthaudit' has no attribute {name!r}")
    return getattr(import_module(f"synthaudit.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
