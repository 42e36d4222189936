"""What an audit found of prompts, in lines for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from synthaudit.result.findings_on_prompts import KINDS, word_text

_SHOWN: Final = 8


def word_lines(scores: Mapping[str, Any]) -> list[str]:
    """The words to blame, the gravest fault first."""
    effects = (scores.get("words") or {}).get("effects", ())
    return [
        f"{word_text(own)}, {own['pictures']:,} pictures with it, {own['others']:,} without"
        for own in effects[:_SHOWN]
    ]


def attribute_lines(scores: Mapping[str, Any]) -> list[str]:
    """What kinds of pictures show more, and what to ask for."""
    found = scores.get("attributes") or {}
    lines = []
    for key, kind in KINDS.items():
        told = [
            f"{own['attribute']} ({own['share']:.0%} against {own['other_share']:.0%})"
            for own in found.get(key, ())[:_SHOWN]
        ]
        if told:
            lines.append(f"{kind}: {', '.join(told)}")
    if found.get("suggestions"):
        lines.append(f"to ask for: {', '.join(found['suggestions'])}")
    return lines


def variety_lines(scores: Mapping[str, Any]) -> list[str]:
    """How much of the variety the prompts decide."""
    found = scores.get("variety")
    if not found:
        return []
    named = {"all": found, **found["classes"]}
    return [
        f"{name}: {own['from_prompts']['value']:.0%} ({own['from_prompts']['low']:.0%} to "
        f"{own['from_prompts']['high']:.0%}) by {own['prompts']:,} prompts; "
        f"{own['modes']:.1f} different pictures, {own['modes_of_a_prompt']:.1f} of one prompt"
        for name, own in list(named.items())[:_SHOWN]
    ]
