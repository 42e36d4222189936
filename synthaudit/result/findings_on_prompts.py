"""Findings on prompts: what they are not shown of, which words are to blame, what they lack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from synthaudit.result.finding import Finding, Scores, listed

# With the claims of ``findings`` together in one audit of ten.
_ALPHA: Final = 0.01
_CLAIM_ALPHA: Final = 0.05
_TOLD: Final = 3
_LISTED: Final = 5
# Of the variety: less than the first and more than the second is told.
_HARDLY: Final = 0.2
_MOSTLY: Final = 0.8

FAULT_NAMES: Final = {
    "unrealistic": "unrealistic",
    "unfaithful": "unfaithful",
    "unvaried": "repeats",
    "unoriginal": "copies",
    "labels": "wrong class",
}
"""What a fault of single pictures is called in a line."""

KINDS: Final = {"real": "real", "missed": "missed real", "synthetic": "synthetic"}
"""What kinds of pictures whose attributes are compared are called."""


def find_on_prompts(scores: Scores) -> list[Finding]:
    """What the numbers say of prompts; nothing where no prompt is known.

    Args:
        scores: contents of ``scores.json``.
    """
    makers = (_of_faithfulness, _of_words, _of_attributes, _of_variety)
    return [own for make in makers if (own := make(scores)) is not None]


def _of_faithfulness(scores: Scores) -> Finding | None:
    found = scores.get("faithfulness")
    if not found:
        return None
    own = found["unfaithful"]
    base: dict[str, Any] = {
        "kind": "unfaithful",
        "value": float(own["value"]),
        "interval": (float(own["low"]), float(own["high"])),
    }
    named, by = found["named"], f"by {found['model']}"
    discovery = found["discovery_p_value"]
    if named and discovery is not None and discovery <= _ALPHA:
        verb = "does not show its prompt" if named == 1 else "do not show their prompts"
        text = f"{named:,} of {found['images']:,} pictures {verb}, {by}"
        share = found["estimated_share"]
        if share is not None and share * found["images"] >= 1.2 * named:
            text += f"; all in all about {share:.0%}"
        return Finding(severity="low", text=f"{text}.", p_value=float(discovery), **base)
    if found["p_value"] > _CLAIM_ALPHA:
        text = f"Prompts fit their pictures no better than those of others, {by}: nothing is told."
    elif discovery is None:
        text = (
            f"A prompt of another picture fits better than its own in {own['value']:.0%} of the "
            f"cases, {by}; single pictures are not named, for no real class has a prompt."
        )
    else:
        text = f"Pictures show their prompts, {by}: none is named that does not."
    return Finding(severity="none", text=text, **base)


def word_text(effect: Mapping[str, Any]) -> str:
    """A word to blame.

    >>> word_text({"word": "studio", "alternatives": [], "fault": "unrealistic",
    ...     "difference": 0.21, "low": 0.15, "high": 0.27})
    "'studio' +0.21 unrealistic (+0.15 to +0.27)"
    """
    others = [f"'{other}'" for other in effect["alternatives"]]
    name = f"'{effect['word']}'{f' (or {listed(others)})' if others else ''}"
    fault = FAULT_NAMES.get(effect["fault"], effect["fault"])
    ends = f"({effect['low']:+.2f} to {effect['high']:+.2f})"
    return f"{name} {effect['difference']:+.2f} {fault} {ends}"


def _of_words(scores: Scores) -> Finding | None:
    effects = (scores.get("words") or {}).get("effects")
    if not effects:
        return None
    told = "; ".join(word_text(effect) for effect in effects[:_TOLD])
    more = len(effects) - _TOLD
    return Finding(
        kind="words",
        severity="none",
        text=f"Words that go with faults: {told}{f'; and {more:,} more' if more > 0 else ''}.",
        value=float(effects[0]["difference"]),
        p_value=float(effects[0]["p_value"]),
    )


def _of_attributes(scores: Scores) -> Finding | None:
    found = scores.get("attributes") or {}
    parts = [
        f"{kind} pictures show more: {listed([own['attribute'] for own in found[key][:_LISTED]])}"
        for key, kind in KINDS.items()
        if found.get(key)
    ]
    if not parts:
        return None
    text = "; ".join(parts)
    lacking = ""
    if found["suggestions"]:
        kinds = (*found["real"], *found.get("missed", ()))
        is_known = any(own["is_asked_for"] is not None for own in kinds)
        lead = "No prompt asks for" if is_known else "Prompts could ask for"
        lacking = f" {lead} {listed(found['suggestions'][:_LISTED])}."
    return Finding(
        kind="attributes", severity="none", text=f"{text[0].upper()}{text[1:]}.{lacking}"
    )


def _of_variety(scores: Scores) -> Finding | None:
    found = scores.get("variety")
    if not found:
        return None
    own = found.get("within_classes") or found["from_prompts"]
    what = "the variety within a class" if found.get("within_classes") else "the variety"
    ends = f"{own['value']:.0%} of {what} ({own['low']:.0%} to {own['high']:.0%})"
    text = f"The prompts decide {ends}, the model the rest."
    if own["high"] < _HARDLY:
        text = f"The prompts decide {ends}: pictures differ by their seeds, whatever is asked."
    elif own["low"] > _MOSTLY:
        text = f"The prompts decide {ends}: pictures of one prompt hardly differ."
    return Finding(
        kind="variety",
        severity="none",
        text=text,
        value=float(own["value"]),
        interval=(float(own["low"]), float(own["high"])),
    )
