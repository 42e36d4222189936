"""A commented policy, made from an audit that somebody thinks fit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from synthaudit.measures.scores import SCORE_NAMES


def example_policy(scores: Mapping[str, Any]) -> str:
    """The text of a ``synthaudit.toml`` that the audit itself passes, with room for noise."""
    provenance = scores["provenance"]
    alarms = provenance.get("settings", {}).get("false_alarms", 0.005)
    intervals = scores.get("intervals", {})
    limits = []
    for name in SCORE_NAMES:
        value = float(scores[name])
        top = float((intervals.get(name) or [value, value])[1])
        least = 2 * float(alarms) if name in ("unvaried", "unoriginal") else 0.5
        limit = min(max(_up(top), least), 1.0)
        limits.append(f"{name} = {{max = {limit:g}}}  # now {value:.3f}")
    certain = "true" if intervals else "false"
    return "\n".join(
        [
            "# What a synthetic set must fulfil: synthaudit gate DIR",
            *([] if (reason := unfitness(scores)) is None else [f"# {reason}"]),
            "# Limits hold for any number in scores.json, by its path.",
            "",
            "# Numbers made otherwise are refused: they are not comparable.",
            f"embedder = {json.dumps(provenance.get('embedder', 'auto'))}",
            f"definition = {json.dumps(provenance.get('definition', 'default'))}",
            f"false_alarms = {alarms:g}",
            "",
            "# Pass or fail only where intervals allow no doubt; else exit code 3, undecided.",
            f"certain = {certain}",
            "",
            "[limits]",
            *limits,
            "",
            "# Every class by itself, as a warning that does not fail the build:",
            '# "classes.*.unvaried" = {max = 0.1, severity = "warn"}',
            "# Counts, supporting measures, anything:",
            '# "counts.unreadable" = {max = 0}',
            '# "supporting.coverage" = {min = 0.5, certain = false}',
            *_of_prompts(scores),
            "# Against --baseline: not worse by more than this, judged at the sure end.",
            '# unrealistic = {max_rise = 0.02, on = "low"}',
            "",
        ]
    )


def _of_prompts(scores: Mapping[str, Any]) -> list[str]:
    """Where pictures were held against their prompts, a limit to that."""
    found = scores.get("faithfulness")
    if not found:
        return []
    limit = _up(float(found["unfaithful"]["high"]))
    return [f'# "faithfulness.unfaithful" = {{max = {limit:g}}}']


def unfitness(scores: Mapping[str, Any]) -> str | None:
    """Why an audit is no model for a policy; None where nothing speaks against it."""
    verdict = scores.get("verdict") or {}
    if verdict.get("fit") is None and verdict:
        return f"Made from a set of which its audit cannot tell ({verdict['text'].rstrip('.')})."
    if verdict.get("fit") is not False:
        return None
    return (
        f"Made from a set that its audit calls unfit ({verdict['text'].rstrip('.')}): it passes "
        "the limits below, so lower them to what you can stand by."
    )


def _up(value: float) -> float:
    """The next hundredth."""
    return -(-round(value * 1e6) // 10_000) / 100
