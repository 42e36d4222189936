"""An audit against a policy: what passes, what fails, what cannot be decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from synthaudit.errors import PolicyError
from synthaudit.gating.bounds import BOUNDS, Bound
from synthaudit.gating.comparing import (
    contents_of,
    has_same_real,
    paired_changes,
    refuse_incomparable,
)
from synthaudit.gating.numbers import Number, numbers_at
from synthaudit.gating.policy import Limit, Policy
from synthaudit.measures.intervals import Quantity, difference
from synthaudit.result.audit import Audit

if TYPE_CHECKING:
    import pandas as pd

VERDICT_SCHEMA: Final = "synthaudit/verdict/1"

State = Literal["pass", "fail", "undecided"]


@dataclass(frozen=True, kw_only=True)
class Check(Quantity):
    """One number, or its change against the baseline, against one bound.

    Attributes:
        path: of the number.
        bound: its name, such as ``max``.
        sign: how the bound is written, such as ``<=``.
        limit: the bound itself.
        severity: ``error`` or ``warn``.
        state: what came of it.
        why: in a sentence.
    """

    path: str
    bound: str
    sign: str
    limit: float
    severity: Literal["error", "warn"]
    state: State
    why: str

    def to_dict(self) -> dict[str, Any]:
        """As ``verdict.json`` has it."""
        names = ("path", "bound", "limit", "value", "low", "high", "severity", "state", "why")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """All checks, and what follows from them.

    Attributes:
        checks: in the order of the policy.
        has_same_real: whether the baseline is of the same real images; True without one.
    """

    checks: Sequence[Check]
    has_same_real: bool = True

    @property
    def state(self) -> State:
        """``fail`` if any error failed, else ``undecided`` if any is, else ``pass``."""
        states = {check.state for check in self.checks if check.severity == "error"}
        return "fail" if "fail" in states else "undecided" if "undecided" in states else "pass"

    @property
    def exit_code(self) -> int:
        """0 for pass, 1 for fail, 3 for undecided."""
        return {"pass": 0, "fail": 1, "undecided": 3}[self.state]

    def to_dict(self) -> dict[str, Any]:
        """The contents of ``verdict.json``."""
        return {
            "schema": VERDICT_SCHEMA,
            "state": self.state,
            "exit_code": self.exit_code,
            "checks": [check.to_dict() for check in self.checks],
        }


def judge(
    audit: Audit | Mapping[str, Any] | str | Path,
    policy: Policy,
    *,
    baseline: Audit | Mapping[str, Any] | str | Path | None = None,
    images: tuple[pd.DataFrame | None, pd.DataFrame | None] | None = None,
) -> Verdict:
    """Judge an audit, as ``synthaudit gate`` does.

    Args:
        audit: an audit, a ``scores.json``, the folder that holds one, or its contents.
        policy: what it must fulfil.
        baseline: another audit, for limits of change.
        images: the image tables of the baseline and of the audit, where they are given by the
            contents of their files: audits that share their real images are compared in pairs.

    Raises:
        PolicyError: the audit was made otherwise than the policy demands, a path leads nowhere, a
            change has nothing to be compared with, or a bound of another package fails.

    Examples:
        >>> import numpy as np, synthaudit
        >>> real, synthetic = np.random.default_rng(0).normal(size=(2, 60, 8))
        >>> audit = synthaudit.score_embeddings(real, synthetic, quick=True)
        >>> policy = synthaudit.Policy(limits={"unvaried": synthaudit.Limit(max=0.2)})
        >>> synthaudit.judge(audit, policy).state
        'pass'
    """
    scores, own = contents_of(audit)
    old, first = (None, None) if baseline is None else contents_of(baseline)
    _refuse_incomparable(scores, policy)
    changes: Mapping[str, Quantity] = {}
    if old is not None:
        refuse_incomparable(scores, old)
        changes = paired_changes(old, scores, images or (first, own))
    if not policy.limits:
        raise PolicyError("the policy has no limits: a gate that checks nothing would always pass.")
    checks = []
    for path, limit in policy.limits.items():
        certain = policy.certain if limit.certain is None else limit.certain
        for name, at in limit.bounds.items():
            bound: Bound = BOUNDS.load(name)
            held = (name, bound, at)
            if bound.of_change:
                numbers = _changes(numbers_at(scores, path), old, path, changes)
                checks += [_check(own, held, limit, scores, certain=certain) for own in numbers]
                continue
            by_each = {
                embedder: [
                    _check(own, held, limit, said, certain=certain)
                    for own in numbers_at(said, path)
                ]
                for embedder, said in _opinions(scores, policy, path).items()
            }
            checks += _decisive(by_each, policy)
    return Verdict(checks=checks, has_same_real=old is None or has_same_real(old, scores))


def _opinions(scores: Mapping[str, Any], policy: Policy, path: str) -> dict[str, Mapping[str, Any]]:
    """Contents of ``scores.json`` as each embedder would have them, where the policy asks."""
    said = scores.get("embedders") or []
    if policy.embedders is None:
        return {"": scores}
    if not said:
        raise PolicyError(
            f"the policy asks for {policy.embedders} of several embedders, but the scores were "
            "made with one: run score with --embedder A,B."
        )
    told = [own for own in said if path.split(".", maxsplit=1)[0] in own]
    return {own["embedder"]: {**scores, **own} for own in told} or {"": scores}


def _decisive(by_each: Mapping[str, Sequence[Check]], policy: Policy) -> list[Check]:
    """Of each number the check that decides: the worst of all, or the best of any."""
    order: list[State] = ["fail", "undecided", "pass"]
    if policy.embedders == "any":
        order.reverse()
    found: dict[str, tuple[str, Check]] = {}
    for embedder, checks in by_each.items():
        for check in checks:
            known = found.get(check.path)
            if known is None or order.index(check.state) < order.index(known[1].state):
                found[check.path] = (embedder, check)
    return [
        replace(check, why=f"{check.why} (by {embedder})" if embedder else check.why)
        for embedder, check in found.values()
    ]


def _check(
    number: Number,
    held: tuple[str, Bound, float],
    limit: Limit,
    scores: Mapping[str, Any],
    *,
    certain: bool,
) -> Check:
    name, bound, at = held
    with BOUNDS.blaming(name):
        found = bound.measured(number, number.path, scores)
        if not isinstance(found, Quantity):
            raise TypeError(f"measured should give a Quantity, not {type(found).__name__}")
    is_exact = number.is_exact
    if certain:
        state, why = _decide_surely(found, bound, at, is_exact=is_exact)
    else:
        state, why = _decide(found, bound, at, limit.on, is_exact=is_exact)
    return Check(
        path=number.path,
        bound=name,
        sign=bound.sign,
        limit=at,
        value=found.value,
        low=found.low,
        high=found.high,
        severity=limit.severity,
        state=state,
        why=why,
    )


def _decide(
    found: Quantity, bound: Bound, at: float, on: str, *, is_exact: bool
) -> tuple[State, str]:
    if on == "value" or (found.interval is None and is_exact):
        if bound.exceeds(found.value, at):
            return "fail", "it is beyond the limit"
        return "pass", "it is within it"
    if found.interval is None:
        return "undecided", "it has no interval, as after --quick; use on = 'value'"
    if bound.exceeds(vars(found.interval)[on], at):
        return "fail", f"the {on} end of its interval is beyond the limit"
    return "pass", f"the {on} end of its interval is within it"


def _decide_surely(
    found: Quantity, bound: Bound, at: float, *, is_exact: bool
) -> tuple[State, str]:
    if found.interval is None:
        if is_exact:
            return _decide(found, bound, at, "value", is_exact=True)
        why = "it has no interval, as after --quick and by Cleanlab's rules; set certain = false"
        return "undecided", f"{why} for it"
    beyond = {bound.exceeds(end, at) for end in vars(found.interval).values()}
    if beyond == {False}:
        return "pass", "all of its interval is within the limit"
    if beyond == {True}:
        return "fail", "all of its interval is beyond the limit"
    return "undecided", "its interval straddles the limit: more images would tell"


def _changes(
    numbers: Sequence[Number],
    old: Mapping[str, Any] | None,
    path: str,
    known: Mapping[str, Quantity],
) -> list[Number]:
    if old is None:
        raise PolicyError(f"{path} has a limit of change: give --baseline.")
    before = {number.path: number for number in numbers_at(old, path)}
    found = []
    for number in numbers:
        if number.path not in before:
            continue  # a class that the baseline did not have cannot have changed
        earlier = before[number.path]
        is_known = number.path in known
        change = known[number.path] if is_known else difference(earlier, number)
        is_exact = not is_known and number.is_exact and earlier.is_exact
        found.append(
            Number(
                path=number.path,
                value=change.value,
                low=change.low,
                high=change.high,
                is_exact=is_exact,
            )
        )
    if not found:
        raise PolicyError(f"the baseline has none of the numbers at {path!r}: renew it.")
    return found


def _refuse_incomparable(scores: Mapping[str, Any], policy: Policy) -> None:
    provenance = scores.get("provenance", {})
    settings = provenance.get("settings", {})
    made = {
        "embedder": provenance.get("embedder"),
        "definition": provenance.get("definition"),
        "false_alarms": settings.get("false_alarms") if isinstance(settings, dict) else None,
    }
    for name, own in made.items():
        wanted = getattr(policy, name)
        if wanted is not None and own != wanted:
            raise PolicyError(
                f"the policy is for {name} {wanted!r}, but the scores were made with {own!r}: they "
                "are not comparable; run the audit accordingly."
            )
