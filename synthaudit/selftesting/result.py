"""What a self-test found: how far each fault moved each statistic, and the least that is seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

SELFTEST_SCHEMA: Final = "synthaudit/selftest/1"


@dataclass(frozen=True, kw_only=True)
class FaultResult:
    """One fault at one rate, averaged over the plantings.

    Attributes:
        fault: its name.
        rate: share at fault.
        measure: the statistic that should answer.
        clean: that statistic without the fault, on the same splits.
        value: that statistic with it.
        moved: by how much each statistic moved.
        seen_by: statistics that in every planting exceeded their highest of all clean splits.
        recall: share of the images at fault that are flagged.
        precision: share of the flagged images that are at fault; None when nothing is flagged.
    """

    fault: str
    rate: float
    measure: str
    clean: float
    value: float
    moved: Mapping[str, float]
    seen_by: Sequence[str]
    recall: float
    precision: float | None

    @property
    def is_detected(self) -> bool:
        """Whether the statistic that should answer did."""
        return self.measure in self.seen_by


@dataclass(frozen=True, kw_only=True)
class SelfTest:
    """All outcomes on one set of real images.

    Attributes:
        name: of the images, as the user called them.
        real: how many images played the real side, on average.
        synthetic: likewise the synthetic side.
        embedder: what saw them.
        clean: by statistic, its highest value over the clean splits: what a fault must exceed.
        splits: how many clean splits there were.
        outcomes: by fault, rates ascending.
        left_out: faults that could not be planted, with the reason.
        seed: decides everything.
    """

    name: str
    real: int
    synthetic: int
    embedder: str
    clean: Mapping[str, float]
    splits: int
    outcomes: Sequence[FaultResult]
    left_out: Mapping[str, str]
    seed: int

    def of(self, fault: str) -> list[FaultResult]:
        """The outcomes of one fault, rates ascending."""
        return [outcome for outcome in self.outcomes if outcome.fault == fault]

    @property
    def faults(self) -> list[str]:
        """The faults that were planted, in order."""
        return list(dict.fromkeys(outcome.fault for outcome in self.outcomes))

    def smallest(self, fault: str) -> float | None:
        """The least rate from which on the fault is detected at every one tried; None for none."""
        least = None
        for outcome in reversed(self.of(fault)):
            if not outcome.is_detected:
                break
            least = outcome.rate
        return least

    def to_dict(self) -> dict[str, Any]:
        """The contents of ``selftest.json``."""
        return {
            "schema": SELFTEST_SCHEMA,
            "name": self.name,
            "counts": {"real": self.real, "synthetic": self.synthetic, "splits": self.splits},
            "embedder": self.embedder,
            "seed": self.seed,
            "smallest": {fault: self.smallest(fault) for fault in self.faults},
            "clean": dict(self.clean),
            "outcomes": [asdict(outcome) for outcome in self.outcomes],
            "left_out": dict(self.left_out),
        }
