"""Scores in plain sentences: what a number means and what to do about it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any, Final, Literal

from synthaudit.measures.scores import SCORE_NAMES
from synthaudit.settings import CONDITIONS, Settings, flag_of

Scores = Mapping[str, Any]
"""The contents of ``scores.json``."""

Severity = Literal["fine", "notable", "bad"]

MEANINGS: Final = {
    "unrealistic": "fakes stand out",
    "unrepresentative": "real variety is missed",
    "unvaried": "it repeats itself",
    "unoriginal": "it copies real images",
}
"""What each score says when it is high."""
_NEXT: Final = {
    "unrealistic": "Look at the most obvious fakes and change what gives them away: style words, "
    "guidance, the model. --keep leaves them out.",
    "unrepresentative": "Ask for the real images that are missed: their subjects, contexts and "
    "viewpoints.",
    "unvaried": "Keep one image of each cluster of repeats; vary seeds and prompts.",
    "unoriginal": "Drop the copies of real images, and do not publish them.",
}

_HARMONISE: Final = (
    "Run again with --harmonise first: the files alone give the sides away, so the other steps may "
    "chase a difference of size or codec."
)


def interpret(scores: Scores) -> dict[str, str]:
    """One sentence for each of the four scores."""
    synthetic = scores["counts"]["synthetic"]
    chance = scores["chance"]
    if 2 * (scores["detector"].get("undetermined_synthetic") or 0) > synthetic:
        unrealistic = unrepresentative = "Cannot be judged: see the note below."
    else:
        unrealistic, unrepresentative = _detector_sentences(scores)
    return {
        "unrealistic": unrealistic,
        "unrepresentative": unrepresentative,
        "unvaried": _share_reading(
            scores["unvaried"], chance["unvaried"], synthetic, "repeat another one"
        ),
        "unoriginal": _share_reading(
            scores["unoriginal"], chance["unoriginal"], synthetic, "copy a real one"
        ),
    }


def severity(scores: Scores, name: str) -> Severity:
    """How bad one of the four scores is, for colours and marks."""
    value, chance = scores[name], scores["chance"][name]
    if name in ("unvaried", "unoriginal"):
        if value <= 2 * (chance or 0.0):
            return "fine"
        return "bad" if value >= 0.1 else "notable"
    level = 0.5 if chance is None else chance
    excess = (value - level) / (1.0 - level)
    return "bad" if excess >= 0.4 else "notable" if excess >= 0.1 else "fine"


def verdict_of(scores: Scores) -> str:
    """The whole audit in a sentence."""
    found = {name: severity(scores, name) for name in SCORE_NAMES}
    bad = [MEANINGS[name] for name in SCORE_NAMES if found[name] == "bad"]
    notable = [MEANINGS[name] for name in SCORE_NAMES if found[name] == "notable"]
    if bad:
        return f"Not fit to train on as it is: {_listed(bad)}."
    if notable:
        return f"Nearly fit to train on, but {_listed(notable)} more than by chance."
    return "Nothing speaks against training on this set."


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _detector_sentences(scores: Scores) -> tuple[str, str]:
    return (
        _detector_reading(
            scores["unrealistic"],
            scores["chance"]["unrealistic"],
            (
                "The synthetic images pass for real.",
                "The synthetic images stand out somewhat.",
                "The synthetic images stand out clearly.",
                "Nearly every synthetic image gives itself away.",
            ),
        ),
        _detector_reading(
            scores["unrepresentative"],
            scores["chance"]["unrepresentative"],
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


def next_steps(scores: Scores) -> list[tuple[str, str]]:
    """What to do next, the gravest first: the score that says so, and a sentence."""
    found = {name: severity(scores, name) for name in SCORE_NAMES}
    order = sorted(SCORE_NAMES, key=lambda name: ("bad", "notable", "fine").index(found[name]))
    steps = [(name, _NEXT[name]) for name in order if found[name] != "fine"]
    if scores.get("artefacts", {}).get("explains") and found["unrealistic"] != "fine":
        steps.insert(0, ("files", _HARMONISE))
    return steps


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


def lead_of_sweep(arm: str, *, is_beyond_noise: bool) -> str:
    """A sweep in a sentence: the arm that it recommends, and whether for sure."""
    return f"Use {arm}." if is_beyond_noise else f"{arm} came out first, but not beyond noise."
