"""Wrong classes: which synthetic images do not show the class that they were made for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from synthaudit.arrays import Flags, Integers
from synthaudit.auditing.context import Context
from synthaudit.auditing.step import Step
from synthaudit.auditing.steps.detector import AxesSection
from synthaudit.measures.protocol import Column
from synthaudit.measures.samples import Samples
from synthaudit.measures.usefulness.label_fidelity import LabelFidelity, label_fidelity
from synthaudit.measures.usefulness.learners import make_learner
from synthaudit.measures.usefulness.shared_classes import shared_classes
from synthaudit.result.section import Section

COLUMNS: Final = (
    Column(
        name="is_wrong_label",
        description="a synthetic image that shows another class than its own; 1 in 20 of those "
        "flagged should be right after all",
        missing=False,
    ),
    Column(
        name="wrong_label_probability",
        description="probability that it shows another class, 0 to 1; of synthetic images",
    ),
    Column(name="likelier_class", description="the likeliest class besides its own", missing=None),
    Column(
        name="likelier_class_probability",
        description="probability that it shows that one, 0 to 1; of synthetic images",
    ),
)


@dataclass(frozen=True, kw_only=True)
class LabelSection(Section):
    """What probes that have not seen the given classes say of them.

    Attributes:
        fidelity: over the images with a class that is known.
        names: of the classes.
        rows: (m,) which of the samples they are.
    """

    fidelity: LabelFidelity = field(repr=False)
    names: Sequence[str]
    rows: Integers = field(repr=False)

    def flags(self, count: int) -> Flags:
        """(n,) images of another class than their own."""
        flags = np.zeros(count, bool)
        flags[self.rows] = self.fidelity.is_wrong
        return flags

    def columns(self, samples: Samples) -> Mapping[str, npt.NDArray[Any]]:
        """What each image shows instead."""
        found, count = self.fidelity, len(samples)
        wrong, likelier = np.full((2, count), np.nan)
        names = np.full(count, None, object)
        wrong[self.rows] = found.probability_wrong
        likelier[self.rows] = found.likelier_probability
        names[self.rows] = np.array(self.names, dtype=object)[found.likelier]
        return {
            "is_wrong_label": self.flags(count),
            "wrong_label_probability": wrong,
            "likelier_class": names,
            "likelier_class_probability": likelier,
        }

    def counts(self) -> Mapping[str, int]:
        """How many are wrong."""
        return {"wrong_labels": int(self.fidelity.is_wrong.sum())}

    def to_dict(self) -> dict[str, Any]:
        """How many are wrong, how sure that is, and where it cannot be told."""
        found = self.fidelity
        return {
            "labels": {
                "wrong": int(found.is_wrong.sum()),
                "estimated_share": found.share,
                "p_value": found.p_value,
                "agreement": found.agreement,
                "accuracy": found.accuracy,
                "recall": found.recall,
                "false_rate": found.false_rate,
                "cannot_tell": [self.names[number] for number in found.cannot_tell],
            },
        }


def judge_labels(samples: Samples, context: Context) -> LabelSection | None:
    """Ask probes; None without two classes that both sides have."""
    shared = shared_classes(samples)
    if shared is None:
        return None
    known = np.flatnonzero(shared.known)
    learner = make_learner(
        samples.vectors[known],
        lambda: context.section(AxesSection).axes[known],
        shared.target[known],
        classes=len(shared.names),
        clusters=samples.groups[known],
    )
    found = label_fidelity(
        learner,
        np.flatnonzero(samples.is_synthetic[known]),
        np.flatnonzero(~samples.is_synthetic[known]),
        seed=context.settings.seed,
    )
    judged = known[samples.is_synthetic[known]]
    is_kept = context.is_kept(samples)[judged]
    found = replace(found, is_wrong=found.is_wrong & ~is_kept)
    return LabelSection(fidelity=found, names=shared.names, rows=judged)


STEP: Final = Step(name="labels", run=judge_labels, needs=("axes",), columns=COLUMNS)
