"""Scores in plain sentences: what a number means and what to do about it."""

from __future__ import annotations

from typing import Literal

from synthaudit.result.audit import Audit


def readings(audit: Audit) -> dict[str, str]:
    """One sentence for each of the four scores."""
    synthetic = audit.counts["synthetic"]
    if 2 * (audit.detector["undetermined_synthetic"] or 0) > synthetic:
        unrealistic = unrepresentative = "Cannot be judged: see the note below."
    else:
        unrealistic, unrepresentative = _detector_readings(audit)
    return {
        "unrealistic": unrealistic,
        "unrepresentative": unrepresentative,
        "unvaried": _share_reading(
            audit.unvaried.value, audit.unvaried.chance, synthetic, "repeat another one"
        ),
        "unoriginal": _share_reading(
            audit.unoriginal.value, audit.unoriginal.chance, synthetic, "copy a real one"
        ),
    }


def severity(audit: Audit, name: str) -> Literal["fine", "notable", "bad"]:
    """How bad one of the four scores is, for colours and marks."""
    score = audit.scores[name]
    if name in ("unvaried", "unoriginal"):
        if score.value <= 2 * (score.chance or 0.0):
            return "fine"
        return "bad" if score.value >= 0.1 else "notable"
    level = 0.5 if score.chance is None else score.chance
    excess = (score.value - level) / (1.0 - level)
    return "bad" if excess >= 0.4 else "notable" if excess >= 0.1 else "fine"


def _detector_readings(audit: Audit) -> tuple[str, str]:
    return (
        _detector_reading(
            audit.unrealistic.value,
            audit.unrealistic.chance,
            (
                "The synthetic images pass for real.",
                "The synthetic images stand out somewhat.",
                "The synthetic images stand out clearly.",
                "Nearly every synthetic image gives itself away.",
            ),
        ),
        _detector_reading(
            audit.unrepresentative.value,
            audit.unrepresentative.chance,
            (
                "The real images blend in with the synthetic ones.",
                "Some of the real variety is missed.",
                "Much of the real variety is missed.",
                "Hardly any real image has its like among the synthetic ones.",
            ),
        ),
    )


def _detector_reading(value: float, chance: float | None, steps: tuple[str, str, str, str]) -> str:
    level = 0.5 if chance is None else chance
    excess = (value - level) / (1.0 - level)
    return steps[sum(excess >= bound for bound in (0.1, 0.4, 0.8))]


def _share_reading(value: float, chance: float | None, count: int, what: str) -> str:
    flagged = round(value * count)
    sentence = f"{flagged:,} of {count:,} synthetic images {what}"
    if flagged == 0:
        return f"No synthetic image {what.replace('repeat', 'repeats').replace('copy', 'copies')}."
    if chance is None:
        return f"{sentence}."
    if value <= 2 * chance:
        return f"{sentence}, no more than chance."
    return f"{sentence}; chance would give about {max(chance * count, 0.5):,.0f}."
