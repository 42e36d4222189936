"""What an audit decided, as every face says it; and the command that makes it again."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from synthaudit.result.findings import Finding
from synthaudit.result.verdict import advice
from synthaudit.settings import CONDITIONS, Settings, flag_of

Scores = Mapping[str, Any]
"""The contents of ``scores.json``."""


def findings_in(scores: Scores) -> list[Finding]:
    """The findings of a ``scores.json``, the gravest first."""
    return [Finding.read(own) for own in scores["findings"]]


def finding_of(scores: Scores, kind: str) -> Finding:
    """The finding on one of the four scores."""
    return next(finding for finding in findings_in(scores) if finding.kind == kind)


def next_steps(findings: Sequence[Finding]) -> list[tuple[str, str]]:
    """What to do next, the gravest first: the kind of the finding, and a sentence."""
    steps = [(own.kind, step) for own in findings if (step := advice(own)) is not None]
    # Other steps may chase a difference of size or codec.
    return sorted(steps, key=lambda step: step[0] != "files")


def counted(count: int, name: str) -> str:
    """A number with what it counts.

    >>> counted(1, "pair"), counted(2000, "pair")
    ('1 pair', '2,000 pairs')
    """
    return f"{count:,} {name}" if count == 1 else f"{count:,} {name}s"


def command_of(scores: Scores) -> str:
    """The command that gives the same numbers again."""
    provenance = scores["provenance"]
    given, embedder = provenance["settings"], provenance["embedder"]
    words = ["synthaudit", "score", "REAL", "SYNTHETIC"]
    if embedder != "vectors":
        words += ["--embedder", embedder]
    for name, field in Settings.model_fields.items():
        value = given.get(name, field.default)
        if name in ("embedder", *CONDITIONS) or value == field.default:
            continue
        if name == "keep":
            words += ["--keep", "kept.csv"]
        elif value is True:
            words.append(flag_of(name))
        else:
            for each in value if isinstance(value, list) else [value]:
                words += [flag_of(name), str(each)]
    return shlex.join(words)


def lead_of_sweep(arm: str, arms: Sequence[Mapping[str, Any]], *, is_beyond_noise: bool) -> str:
    """A sweep in words: the arm that it recommends, whether for sure, and whether it is fit.

    Args:
        arm: the recommended one.
        arms: of ``sweep.json``.
        is_beyond_noise: whether it is better than the plan's first arm for sure.
    """
    lead = f"Use {arm}." if is_beyond_noise else f"{arm} came out first, but not beyond noise."
    verdicts = {own["arm"]: own.get("verdict") or {} for own in arms}
    if verdicts and all(own.get("fit") is False for own in verdicts.values()):
        return f"No arm is fit to train on yet; the best is {arm}."
    text = verdicts.get(arm, {}).get("text")
    return lead if text is None else f"{lead} {text}"
