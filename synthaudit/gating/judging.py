"""An audit against a policy: what passes, what fails, what cannot be decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from synthaudit.errors import PolicyError
from synthaudit.gating.policy import Limit, Policy
from synthaudit.gating.scores_file import Number, numbers_at
from synthaudit.result.audit import Audit

VERDICT_SCHEMA: Final = "synthaudit/verdict/1"

State = Literal["pass", "fail", "undecided"]


@dataclass(frozen=True, kw_only=True)
class Check:
    """One number against one bound.

    Attributes:
        path: of the number.
        bound: ``max``, ``min``, ``max_rise`` or ``max_fall``.
        limit: the bound itself.
        value: the number, or its change against the baseline.
        low, high: its interval; None without one.
        severity: ``error`` or ``warn``.
        state: what came of it.
        why: in a sentence.
    """

    path: str
    bound: str
    limit: float
    value: float
    low: float | None
    high: float | None
    severity: Literal["error", "warn"]
    state: State
    why: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """All checks, and what follows from them.

    Attributes:
        checks: in the order of the policy.
    """

    checks: Sequence[Check]

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
            "checks": [asdict(check) for check in self.checks],
        }


def judge(
    audit: Audit | Mapping[str, Any],
    policy: Policy,
    *,
    baseline: Audit | Mapping[str, Any] | None = None,
    changes: Mapping[str, tuple[float, float, float]] | None = None,
) -> Verdict:
    """Judge an audit.

    Args:
        audit: an audit, or the contents of its ``scores.json``.
        policy: what it must fulfil.
        baseline: another audit, for limits of change.
        changes: by score, difference and interval that are known better than from the two
            intervals, because the audits share their real images.

    Raises:
        PolicyError: the audit was made otherwise than the policy demands, a path leads nowhere, or
            a change has nothing to be compared with.
    """
    scores = audit.to_dict() if isinstance(audit, Audit) else audit
    old = baseline.to_dict() if isinstance(baseline, Audit) else baseline
    _refuse_incomparable(scores, policy)
    if old is not None:
        refuse_other_embedder(scores, old)
    if not policy.limits:
        raise PolicyError("the policy has no limits: a gate that checks nothing would always pass.")
    checks = []
    for path, limit in policy.limits.items():
        certain = policy.certain if limit.certain is None else limit.certain
        for bound, at in limit.bounds.items():
            numbers = numbers_at(scores, path)
            if bound in ("max_rise", "max_fall"):
                numbers = _changes(numbers, old, path, changes or {})
            checks += [_check(number, bound, at, limit, certain=certain) for number in numbers]
    return Verdict(checks=checks)


def _check(number: Number, bound: str, at: float, limit: Limit, *, certain: bool) -> Check:
    # Every bound as an upper one: a least value is the greatest of the negative.
    sign = -1.0 if bound in ("min", "max_fall") else 1.0
    top = -at if bound == "min" else at
    value = sign * number.value
    low, high = number.low, number.high
    ends = None if low is None or high is None else sorted((sign * low, sign * high))
    on = limit.on if sign > 0 else _mirrored(limit.on)
    if certain:
        state, why = _decide_surely(value, ends, top, number)
    else:
        state, why = _decide(value, ends, top, on, number)
    return Check(
        path=number.path,
        bound=bound,
        limit=at,
        value=number.value,
        low=low,
        high=high,
        severity=limit.severity,
        state=state,
        why=why,
    )


def _mirrored(on: str) -> str:
    return {"low": "high", "high": "low"}.get(on, on)


def _decide(
    value: float, ends: list[float] | None, top: float, on: str, number: Number
) -> tuple[State, str]:
    if on == "value":
        return ("fail", "it is beyond the limit") if value > top else ("pass", "it is within it")
    if ends is None:
        if number.is_exact:
            return _decide(value, ends, top, "value", number)
        return "undecided", "it has no interval; run without --quick, or use on = 'value'"
    bound = ends[0] if on == "low" else ends[1]
    if bound > top:
        return "fail", f"the {on} end of its interval is beyond the limit"
    return "pass", f"the {on} end of its interval is within it"


def _decide_surely(
    value: float, ends: list[float] | None, top: float, number: Number
) -> tuple[State, str]:
    if ends is None:
        if number.is_exact:
            return _decide(value, ends, top, "value", number)
        return (
            "undecided",
            "it has no interval; run the audit without --quick, or set certain = false for it",
        )
    if ends[1] <= top:
        return "pass", "all of its interval is within the limit"
    if ends[0] > top:
        return "fail", "all of its interval is beyond the limit"
    return "undecided", "its interval straddles the limit: more images would tell"


def _changes(
    numbers: Sequence[Number],
    old: Mapping[str, Any] | None,
    path: str,
    known: Mapping[str, tuple[float, float, float]],
) -> list[Number]:
    if old is None:
        raise PolicyError(f"{path} has a limit of change: give --baseline.")
    before = {number.path: number for number in numbers_at(old, path)}
    found = []
    for number in numbers:
        if number.path not in before:
            continue  # a class that the baseline did not have cannot have changed
        if number.path in known:
            value, low, high = known[number.path]
            found.append(Number(path=number.path, value=value, low=low, high=high, is_exact=False))
        else:
            found.append(_difference(number, before[number.path]))
    if not found:
        raise PolicyError(f"the baseline has none of the numbers at {path!r}: renew it.")
    return found


def _difference(new: Number, old: Number) -> Number:
    """Change with an interval, the two being independent."""
    low = high = None
    ends = (new.low, new.high, old.low, old.high)
    if not any(end is None for end in ends):
        from synthaudit.measures.bootstrap import Interval, difference_interval

        first, second = (Interval(low=n.low or 0.0, high=n.high or 0.0) for n in (old, new))
        low, high = difference_interval(old.value, first, new.value, second)
    value = new.value - old.value
    is_exact = new.is_exact and old.is_exact
    return Number(path=new.path, value=value, low=low, high=high, is_exact=is_exact)


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


def refuse_other_embedder(new: Mapping[str, Any], old: Mapping[str, Any]) -> None:
    """Refuse to compare audits of different embedders or definitions.

    Raises:
        PolicyError: they differ.
    """
    for name in ("fingerprint", "definition"):
        one, other = (scores.get("provenance", {}).get(name) for scores in (new, old))
        if one != other:
            raise PolicyError(
                f"scores and baseline have another {name} ({one!r} and {other!r}): they are not "
                "comparable; make the baseline anew."
            )
