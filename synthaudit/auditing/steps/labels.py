"""Wrong classes: which synthetic images do not show the class that they were made for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy.typing as npt

from synthaudit.auditing.context import Context
from synthaudit.auditing.step import Step
from synthaudit.auditing.steps.detector import AxesSection
from synthaudit.measures.protocol import Column
from synthaudit.measures.samples import Samples
from synthaudit.measures.usefulness.label_fidelity import LabelFidelity, label_fidelity
from synthaudit.result.section import Section

COLUMNS: Final = (
    Column(
        name="is_wrong_label",
        description="a synthetic image that a probe, trained on the real ones, gives another class",
        missing=False,
    ),
)


@dataclass(frozen=True, kw_only=True)
class LabelSection(Section):
    """What a probe trained on the real images says of the intended classes."""

    fidelity: LabelFidelity = field(repr=False)

    def columns(self, samples: Samples) -> Mapping[str, npt.NDArray[Any]]:  # noqa: ARG002
        """The images that it takes for another class."""
        return {"is_wrong_label": self.fidelity.is_wrong}

    def summary(self) -> dict[str, Any]:
        """Accuracies, and how many are wrong."""
        return {
            "agreement": self.fidelity.agreement,
            "real_accuracy": self.fidelity.real_accuracy,
            "wrong": int(self.fidelity.is_wrong.sum()),
        }


def judge_labels(samples: Samples, context: Context) -> LabelSection | None:
    """Ask a probe; None without two classes that both sides have."""
    axes = context.section(AxesSection).axes
    found = label_fidelity(samples.on(axes), seed=context.settings.seed)
    return None if found is None else LabelSection(fidelity=found)


STEP: Final = Step(name="labels", run=judge_labels, needs=("axes",), columns=COLUMNS)
