"""The verdict: whether a set is fit to train on, from its findings, and what mends them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from synthaudit.measures.scores import SCORE_NAMES
from synthaudit.result.finding import FAULTS, Finding, Scores, listed
from synthaudit.result.findings import find

# With fewer on a side hardly any difference is surer than chance.
_LEAST_IMAGES: Final = 20
_SEVERE: Final = ("high", "low")


@dataclass(frozen=True, kw_only=True)
class Fitness:
    """Whether a set is fit to train on.

    Attributes:
        fit: True where nothing grave speaks against it; None where the numbers do not tell.
        text: in a sentence.
    """

    fit: bool | None
    text: str


def judge_fitness(findings: Sequence[Finding], *, fewest: int) -> Fitness:
    """The verdict on a set.

    Args:
        findings: all that there are.
        fewest: images of the smaller side.
    """
    split = next((f for f in findings if f.kind == "embedders" and not f.is_decided), None)
    if split is not None:
        return Fitness(fit=None, text=f"Undecided: {_lowered(split.text)}")
    by = {severity: [f.kind for f in findings if f.severity == severity] for severity in _SEVERE}
    if by["high"]:
        faults = listed([FAULTS[kind] for kind in _in_order(by["high"])])
        return Fitness(fit=False, text=f"Not fit to train on as it is: {faults}.")
    if fewest < _LEAST_IMAGES:
        text = (
            f"a side has {fewest:,} images, and less than {_LEAST_IMAGES} show no fault for sure."
        )
        return Fitness(fit=None, text=f"Undecided: {text}")
    undecided = [finding for finding in findings if not finding.is_decided]
    if len(undecided) == len(SCORE_NAMES):
        text = "Undecided: there is no test of what chance gives; the findings say what was seen."
        return Fitness(fit=None, text=text)
    if undecided:
        return Fitness(fit=None, text=f"Undecided: {_lowered(undecided[0].text)}")
    text = "Nothing speaks against training on this set."
    if by["low"]:
        faults = listed([FAULTS[kind] for kind in _in_order(by["low"])])
        text = f"Fit to train on, with faults: {faults}."
    return Fitness(fit=True, text=text)


def _in_order(kinds: Sequence[str]) -> list[str]:
    return [kind for kind in FAULTS if kind in kinds]


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]


WHAT_TO_DO: Final[Mapping[str, str]] = {
    "unrealistic": "Look at the most obvious fakes and change what gives them away: style words, "
    "guidance, the model. Only leaving them out (--keep) did not help networks.",
    "unrepresentative": "Ask for the real images that are missed: their subjects, contexts and "
    "viewpoints.",
    "unvaried": "Keep one image of each cluster of repeats (--keep); vary seeds and prompts.",
    "unoriginal": "Drop the copies of real images, and do not publish them.",
    "broken": "Leave them out (--keep), and look at what made them.",
    "classes": "Make images of them too, or train with real ones of all classes.",
    "labels": "Look at them and at the prompts of their classes; --keep leaves them out.",
    "unfaithful": "Look at them, and reword the prompts that are not followed; --keep leaves the "
    "pictures out.",
    "words": "Reword the prompts: leave out the words that go with faults, and see again.",
    "attributes": "Ask for what the real pictures show and no prompt names.",
    "usefulness": "Look at the classes that lose, and train with fewer synthetic images.",
    "files": "Run again with --harmonise: one size and codec for all images, and no marks.",
    "embedders": "Look at what each finds (embedders in scores.json); train networks to decide: "
    "synthaudit train.",
    "embedder": "Fetch the CLIP weights: synthaudit doctor says how.",
}
"""What mends a finding, by its kind."""


def advice(finding: Finding) -> str | None:
    """What to do about a finding; None where there is nothing to do."""
    is_note = finding.kind in ("files", "embedder", "words", "attributes")
    is_split = finding.kind == "embedders" and not finding.is_decided
    if finding.severity == "none" and not is_note and not is_split:
        return None
    return WHAT_TO_DO[finding.kind]


Examples = Callable[[str], Sequence[str]]
"""By kind of finding, paths of images at fault."""


def decide(scores: Scores, examples: Examples = lambda _: ()) -> dict[str, Any]:
    """``findings`` and ``verdict`` of ``scores.json``.

    Args:
        scores: its other contents.
        examples: names some images at fault.
    """
    findings = find(scores)
    named = [
        replace(finding, images=tuple(examples(finding.kind)))
        if finding.severity != "none"
        and finding.kind in (*SCORE_NAMES, "labels", "broken", "unfaithful")
        else finding
        for finding in findings
    ]
    counts = scores["counts"]
    fitness = judge_fitness(findings, fewest=min(counts["real"], counts["synthetic"]))
    return {
        "findings": [finding.to_dict() for finding in named],
        "verdict": {"fit": fitness.fit, "text": fitness.text},
    }
