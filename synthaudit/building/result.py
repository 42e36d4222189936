"""What a build came to, frozen: ``build.json``, and what scores.json says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from synthaudit.building.ledger import Round
from synthaudit.building.verdict import Outcome
from synthaudit.result.audit import Audit
from synthaudit.result.section import Section

BUILD_SCHEMA: Final = "synthaudit/build/1"


@dataclass(frozen=True, kw_only=True)
class Build:
    """A built set.

    Attributes:
        folder: that holds it.
        outcome: how it ended.
        rounds: one after the other.
        quota: by class, how many images are there and how many are wanted.
        dropped: how many were dropped, by reason.
        counts: ``kept``, ``made``, ``given``, ``spare`` (good, but more than the quotas need),
            ``real_steering``, ``real_judging``.
        spent: ``images``, ``seconds``, ``money``.
        scores: of the set by the half that judges, with their intervals; empty with too few images.
        steering_scores: by the half that has steered, which flatters.
        judged_on: digest of the judging half.
        judgements: how many different sets it has judged so far.
        checks: of the policy.
        sweep: which sweep chose the arm; None where there was but one arm.
        leaks: by what the judging half has had a part in the set after all.
        audit: against the judging half; None with too few images.
        provenance: how to make it again.
    """

    folder: Path
    outcome: Outcome
    rounds: Sequence[Round]
    quota: Mapping[str, Sequence[int]]
    dropped: Mapping[str, int]
    counts: Mapping[str, int]
    spent: Mapping[str, float]
    scores: Mapping[str, Mapping[str, float | None]]
    steering_scores: Mapping[str, float]
    judged_on: str
    judgements: int
    checks: Sequence[Mapping[str, Any]]
    sweep: str | None
    leaks: Sequence[str] = ()
    audit: Audit | None = field(repr=False, default=None)
    provenance: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def exit_code(self) -> int:
        """0 passes; 1 complete but rejected, or no longer improving; 3 budget spent."""
        return self.outcome.exit_code

    def to_dict(self) -> dict[str, Any]:
        """The contents of ``build.json``."""
        return {
            "schema": BUILD_SCHEMA,
            "verdict": {**asdict(self.outcome), "exit_code": self.exit_code},
            "checks": [dict(own) for own in self.checks],
            "quota": {name: list(own) for name, own in self.quota.items()},
            "counts": dict(self.counts),
            "dropped": dict(self.dropped),
            "spent": dict(self.spent),
            "scores": {name: dict(own) for name, own in self.scores.items()},
            "steering_scores": dict(self.steering_scores),
            "judged_on": self.judged_on,
            "judgements": self.judgements,
            "sweep": self.sweep,
            "leaks": list(self.leaks),
            "rounds": [asdict(own) for own in self.rounds],
            "provenance": dict(self.provenance),
        }


@dataclass(frozen=True, kw_only=True)
class BuildSection(Section):
    """What the audit of a built set says of how it was made.

    Attributes:
        build: without its audit.
    """

    build: Build = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """The same as ``build.json``, but for the plan."""
        left_out = ("schema", "provenance", "scores")
        return {
            "build": {k: v for k, v in self.build.to_dict().items() if k not in left_out},
        }

    def notes(self) -> tuple[str, ...]:
        """What the scores are by."""
        judging = self.build.counts["real_judging"]
        also = ""
        if self.build.judgements > 1:
            also = (
                f" It has judged {self.build.judgements} different sets of this folder: who goes "
                "on until it agrees is steered by it after all."
            )
        but = f", but for this: {'; '.join(self.build.leaks)}" if self.build.leaks else ""
        note = (
            f"These scores are by the {judging:,} real images that had no part in making the set"
            f"{but}. The other half steered what was made, dropped and kept.{also}"
        )
        return (note,)
