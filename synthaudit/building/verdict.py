"""How far a set is from passing, when a build ends, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from synthaudit.building.ledger import Ledger, Round
from synthaudit.gating.judging import Check, Verdict, judge
from synthaudit.gating.policy import Policy
from synthaudit.measures.selection import (
    COPIES,
    OBVIOUS,
    OTHER_CLASS,
    REPEATED,
    UNFAITHFUL,
)

State = Literal["passes", "rejected", "incomplete", "spent"]
EXIT_CODES: Final[Mapping[State, int]] = {"passes": 0, "rejected": 1, "incomplete": 1, "spent": 3}

_PATIENCE: Final = 2
_LEAST_GAIN: Final = 0.01
_MANY: Final = 0.3
_REMEDIES: Final = {
    COPIES: ("copies a real image", "lower what ties the images to real ones"),
    OTHER_CLASS: ("shows another class", "mend the prompt"),
    UNFAITHFUL: ("does not show its prompt", "mend the prompt, or raise the guidance"),
    OBVIOUS: (
        "is an obvious fake",
        "change the style words, the guidance or the model, or raise --obvious",
    ),
    REPEATED: ("repeats another image", "vary the prompts, or lower the guidance"),
}
_OTHERWISE: Final = "see dropped.csv"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a build ended.

    Attributes:
        state: ``passes``; ``rejected``: complete, but the gate says no; ``incomplete``: it cannot
            be completed, or not within its rounds; ``spent``: the budget is used up.
        why: in sentences.
    """

    state: State
    why: Sequence[str]

    @property
    def exit_code(self) -> int:
        """0, 1 or 3."""
        return EXIT_CODES[self.state]


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What the gate says of a set.

    Attributes:
        passes: whether it does.
        excess: by how much limits are missed, 0 where it passes: the sum over the limits of how far
            each number is beyond, in units of the limit; without a policy the number of grave
            findings.
        why: what it does not pass by, in sentences.
        verdict: all checks; None without a policy.
    """

    passes: bool
    excess: float
    why: Sequence[str]
    verdict: Verdict | None = None


def judge_set(contents: Mapping[str, Any], policy: Policy | None) -> Judgement:
    """Judge the contents of a ``scores.json``; without a policy by their own verdict.

    Raises:
        PolicyError: the policy does not fit the scores.
    """
    if policy is None:
        own = contents["verdict"]
        grave = [each["text"] for each in contents["findings"] if each["severity"] == "high"]
        passes = own["fit"] is True
        why = [] if passes else [*grave] or [own["text"]]
        return Judgement(passes=passes, excess=0.0 if passes else 1.0 + len(grave), why=why)
    found = judge(contents, policy)
    failed = [own for own in found.checks if own.severity == "error" and own.state != "pass"]
    return Judgement(
        passes=found.state == "pass",
        excess=sum(_excess(own) for own in failed),
        why=[_sentence(own) for own in failed],
        verdict=found,
    )


def _excess(check: Check) -> float:
    beyond = abs(check.value - check.limit) if check.state == "fail" else 0.0
    return beyond / max(abs(check.limit), 0.01) + 0.01


def _sentence(check: Check) -> str:
    return f"{check.path} is {check.value:.4g}, not {check.sign} {check.limit:g}: {check.why}."


def is_stalled(rounds: Sequence[Round]) -> bool:
    """Whether the last rounds have brought nothing: neither images nor a gate that is nearer."""
    if len(rounds) <= _PATIENCE:
        return False
    return not any(
        _improves(before, after)
        for before, after in zip(rounds[-_PATIENCE - 1 : -1], rounds[-_PATIENCE:], strict=True)
    )


def _improves(before: Round, after: Round) -> bool:
    wanted = sum(own[1] for own in after.quota.values())
    if after.kept >= before.kept + max(_LEAST_GAIN * wanted, 1.0):
        return True
    if before.excess is None or after.excess is None:
        return after.kept > before.kept and after.excess is not None
    return after.excess < before.excess * (1.0 - _LEAST_GAIN)


def lacking(quota: Mapping[str, Sequence[int]], ledger: Ledger) -> list[str]:
    """Why classes are short of their quotas, in a sentence each, the shortest first."""
    short = {name: own[1] - own[0] for name, own in quota.items() if own[0] < own[1]}
    told = []
    for name in sorted(short, key=lambda name: (-short[name], name)):
        there, wanted = quota[name]
        lead = f"{name}: " if name else ""
        record = ledger.record(name or None, rounds=len(ledger.rounds))
        made = record.pop("made", 0)
        sentence = f"{lead}{there:,} of {wanted:,} images are there"
        if made and record:
            reason, count = max(record.items(), key=lambda own: (own[1], own[0]))
            text, remedy = _REMEDIES.get(reason, (f"is dropped ({reason})", _OTHERWISE))
            # What befalls a few is not why a class is short.
            if count >= _MANY * made:
                sentence = f"{lead}{100 * count / made:.0f} % of what is made {text}: {remedy}"
        told.append(f"{sentence}.")
    return told
