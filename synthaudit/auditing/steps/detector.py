"""The detector: a cross-validated classifier that tells real from synthetic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy.typing as npt

from synthaudit.arrays import Floats
from synthaudit.auditing.context import Context
from synthaudit.auditing.step import Step
from synthaudit.measures.detection.cross_validation import principal_axes
from synthaudit.measures.detection.detector import Detection, detect
from synthaudit.measures.protocol import Column
from synthaudit.measures.samples import Samples
from synthaudit.result.section import Section

COLUMNS: Final = (
    Column(
        name="label_quality",
        description="out-of-fold probability of the side that the image is on, 0 to 1",
    ),
    Column(
        name="probability_synthetic",
        description="out-of-fold probability of being synthetic, 0 to 1",
    ),
)


@dataclass(frozen=True, kw_only=True)
class AxesSection(Section):
    """What the detector and the probes look at; nothing of it is told.

    Attributes:
        axes: (n, rank) standardised principal axes.
    """

    axes: Floats = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class DetectorSection(Section):
    """What the detector says.

    Attributes:
        detection: of every image.
        undetermined: how many real and synthetic images it could not judge.
    """

    detection: Detection = field(repr=False)
    undetermined: tuple[int, int]

    def to_dict(self) -> dict[str, Any]:
        """How well it tells the sides apart."""
        return {
            "detector": {
                "auc": self.detection.auc,
                "accuracy": self.detection.accuracy,
                "undetermined_real": self.undetermined[0],
                "undetermined_synthetic": self.undetermined[1],
            }
        }

    def columns(self, samples: Samples) -> Mapping[str, npt.NDArray[Any]]:  # noqa: ARG002
        """Its probabilities."""
        return {
            "label_quality": self.detection.label_quality,
            "probability_synthetic": self.detection.probability_synthetic,
        }

    def notes(self) -> tuple[str, ...]:
        """Which images it could not judge."""
        real, synthetic = self.undetermined
        if not real + synthetic:
            return ()
        note = (
            f"The detector could not judge {real:,} real and {synthetic:,} synthetic images and "
            "gives them 0.5: a side is too small, or nearly all of it is one cluster of copies."
        )
        return (note,)


def turn_to_axes(samples: Samples, context: Context) -> AxesSection:
    """Turn the vectors to their standardised principal axes."""
    context.progress.start("turning vectors to their axes", 0)
    return AxesSection(axes=principal_axes(samples.vectors, context.engine.allocate))


def detect_repeatedly(samples: Samples, context: Context) -> DetectorSection:
    """Average cross-validations with different folds."""
    return _detect(samples, context, repeats=context.settings.repeats)


def detect_once(samples: Samples, context: Context) -> DetectorSection:
    """Cross-validate with one draw of the folds."""
    return _detect(samples, context, repeats=1)


def detect_as_studio(samples: Samples, context: Context) -> DetectorSection:
    """Cross-validate as Cleanlab Studio does, every image weighing the same."""
    return _detect(samples, context, repeats=1, balanced=False)


def _detect(
    samples: Samples, context: Context, *, repeats: int, balanced: bool = True
) -> DetectorSection:
    settings = context.settings
    context.progress.start("cross-validating the detector", repeats)
    detection = detect(
        samples.on(context.section(AxesSection).axes),
        folds=settings.folds,
        repeats=repeats,
        balanced=balanced,
        seed=settings.seed,
        validate=context.engine.validate,
        advance=context.progress.advance,
    )
    lost = detection.undetermined
    return DetectorSection(
        detection=detection,
        undetermined=(int(lost[samples.real].sum()), int(lost[samples.synthetic].sum())),
    )


_NEEDS: Final = ("duplicates", "axes")
AXES: Final = Step(name="axes", run=turn_to_axes, is_scratch=True)
REPEATED: Final = Step(name="detector", run=detect_repeatedly, needs=_NEEDS, columns=COLUMNS)
ONCE: Final = Step(name="detector", run=detect_once, needs=_NEEDS, columns=COLUMNS)
AS_STUDIO: Final = Step(name="detector", run=detect_as_studio, needs=_NEEDS, columns=COLUMNS)
