"""Broken pictures, and how the two sides differ in appearance as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from synthaudit.arrays import Flags, Integers
from synthaudit.auditing.context import Context
from synthaudit.auditing.step import Step
from synthaudit.images.appearance import APPEARANCE
from synthaudit.measures.broken import (
    DEFECTS,
    BrokenPictures,
    Shift,
    judge_pictures,
    measure_shifts,
)
from synthaudit.measures.protocol import Column
from synthaudit.measures.samples import Samples
from synthaudit.result.section import Section

# Measures of other packages have such plain names.
_PREFIX: Final = "look_"
COLUMNS: Final = (
    Column(
        name="is_broken",
        description="a synthetic picture that is dark, blurred or the like as no real one is",
        missing=False,
    ),
    Column(name="defect", description="what is wrong with a broken picture", missing=None),
    Column(
        name="broken_p_value",
        description="probability that a fresh picture is as far out in any respect, 0 to 1; "
        "of synthetic images",
    ),
    *(
        Column(
            name=f"{_PREFIX}{name}",
            description=f"appearance: {name}, as `synthaudit/images/appearance.py` defines it",
        )
        for name in APPEARANCE
    ),
)


@dataclass(frozen=True, kw_only=True)
class BrokenSection(Section):
    """The broken ones among the judged pictures.

    Attributes:
        rows: (M,) the samples that were judged.
        found: of each.
        shifts: how the synthetic pictures differ from the real ones, by figure; none without two
            sides.
        false_discoveries: rate to which the discoveries are held.
    """

    rows: Integers
    found: BrokenPictures
    shifts: Mapping[str, Shift]
    false_discoveries: float

    def flags(self, count: int) -> Flags:
        """(n,) the broken ones."""
        flags = np.zeros(count, bool)
        flags[self.rows] = self.found.is_broken
        return flags

    def defects(self, count: int) -> npt.NDArray[np.object_]:
        """(n,) what is wrong with the broken ones, None for the others."""
        names = np.full(count, None, object)
        own = self.found.is_broken
        names[self.rows[own]] = [DEFECTS[number].name for number in self.found.defect[own]]
        return names

    def columns(self, samples: Samples) -> Mapping[str, npt.NDArray[Any]]:
        """Flags, reasons, and the appearance of every picture."""
        assert samples.appearance is not None
        count = len(samples)
        p_value = np.full(count, np.nan)
        p_value[self.rows] = self.found.p_value
        return {
            "is_broken": self.flags(count),
            "defect": self.defects(count),
            "broken_p_value": p_value,
            **{
                f"{_PREFIX}{name}": figures
                for name, figures in zip(APPEARANCE, samples.appearance.T, strict=True)
            },
        }

    def counts(self) -> Mapping[str, int]:
        """How many are broken."""
        return {"broken": int(self.found.is_broken.sum())}

    def to_dict(self) -> dict[str, Any]:
        """How many are broken, and in what way; how the sides differ."""
        own = self.found.is_broken
        number, times = np.unique(self.found.defect[own], return_counts=True)
        return {
            "broken": {
                "pictures": int(own.sum()),
                "share": float(own.mean()) if len(own) else 0.0,
                "p_value": self.found.any_p_value,
                "false_discoveries": self.false_discoveries,
                "defects": {DEFECTS[n].name: int(t) for n, t in zip(number, times, strict=True)},
            },
            "appearance": {name: asdict(shift) for name, shift in self.shifts.items()},
        }


def judge_broken(samples: Samples, context: Context) -> BrokenSection | None:
    """Judge the synthetic pictures by the real ones; None for ready vectors."""
    if samples.appearance is None:
        return None
    settings = context.settings
    found = judge_pictures(
        samples.appearance,
        APPEARANCE,
        samples.synthetic,
        samples.real,
        false_discoveries=settings.false_discoveries,
    )
    is_kept = context.is_kept(samples)[samples.synthetic]
    return BrokenSection(
        rows=samples.synthetic,
        found=replace(found, is_broken=found.is_broken & ~is_kept),
        shifts=measure_shifts(
            samples.appearance,
            APPEARANCE,
            samples.is_synthetic,
            groups=samples.groups,
            confidence=settings.confidence,
        ),
        false_discoveries=settings.false_discoveries,
    )


STEP: Final = Step(name="broken", run=judge_broken, columns=COLUMNS)
