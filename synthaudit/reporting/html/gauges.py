"""The four scores as bars that begin at what chance gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from synthaudit.measures.scores import SCORE_NAMES
from synthaudit.reporting.interpretation import STATES, finding_of, state_of
from synthaudit.reporting.words import odds
from synthaudit.result.finding import FAULTS


@dataclass(frozen=True, kw_only=True)
class Gauge:
    """A score, drawn by its distance from chance: empty at chance or below, full at 1."""

    name: str
    meaning: str
    value: float
    low: float | None
    high: float | None
    chance: float | None
    null: float | None
    floor: float | None
    p_value: float | None
    state: str
    sentence: str

    def place(self, value: float | None) -> float:
        """Where a value lies on the bar, in per cent of its length."""
        start = self.chance or 0.0
        return 100.0 * min(max(((value or 0.0) - start) / (1.0 - start), 0.0), 1.0)

    @property
    def word(self) -> str:
        """Its state in a word."""
        return STATES[self.state].word

    @property
    def odds(self) -> str | None:
        """How often chance alone would give as much."""
        return None if self.p_value is None else odds(self.p_value)

    @property
    def spoken(self) -> str:
        """What the bar shows, for those who do not see it."""
        text = f"{self.name} {self.value:.3f}"
        if self.low is not None and self.high is not None:
            text += f", interval {self.low:.3f} to {self.high:.3f}"
        if self.chance is not None:
            text += f", chance {self.chance:.3f}, where the bar begins"
        if self.null is not None:
            text += f", without any difference {self.null:.3f}"
        if self.floor is not None:
            text += f", the real images against themselves {self.floor:.3f}"
        return text + "; it ends at 1, higher is worse"


def gauges_of(scores: Mapping[str, Any]) -> list[Gauge]:
    """The gauges of an audit."""
    gauges = []
    for name in SCORE_NAMES:
        finding = finding_of(scores, name)
        ends = scores.get("intervals", {}).get(name) or (None, None)
        gauges.append(
            Gauge(
                name=name,
                meaning=FAULTS[name],
                value=scores[name],
                low=ends[0],
                high=ends[1],
                chance=scores["chance"].get(name),
                null=scores.get("null", {}).get(name),
                floor=scores.get("floor", {}).get(name),
                p_value=finding.p_value,
                state=state_of(finding),
                sentence=finding.text,
            )
        )
    return gauges
