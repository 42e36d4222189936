"""What an audit decided, as every face says it; and the command that makes it again."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from synthaudit.reporting.words import odds
from synthaudit.result.finding import FAULTS, Finding
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


@dataclass(frozen=True, kw_only=True)
class State:
    """How a finding is marked: by a shape and a word, besides its colour."""

    word: str
    shape: str


STATES: Final = {
    "high": State(word="Fails", shape="\u25b2"),
    "low": State(word="Fault", shape="\u25a0"),
    "undecided": State(word="Undecided", shape="\u25c7"),
    "note": State(word="Note", shape="\u25c6"),
    "none": State(word="Passed", shape="\u25cf"),
}
"""By state, the gravest first."""

_NOTED: Final = ("files", "embedder", "embedders", "words", "attributes", "variety")


def state_of(finding: Finding) -> str:
    """Its severity; ``undecided`` where nothing could be told, ``note`` for no fault of the set."""
    if finding.severity != "none":
        return finding.severity
    if not finding.is_decided:
        return "undecided"
    return "note" if finding.kind in _NOTED else "none"


@dataclass(frozen=True, kw_only=True)
class ToldFinding:
    """A finding as pages tell it.

    Attributes:
        kind: of the finding.
        title: what is wrong, or what it is about.
        text: in a sentence.
        state: key of ``STATES``.
        number: what it rests on, with its interval; empty where the sentence says it.
        chance: how often chance alone would give as much; empty without a test.
        step: what to do; None where there is nothing to do.
    """

    kind: str
    title: str
    text: str
    state: str
    number: str
    chance: str
    step: str | None

    @property
    def word(self) -> str:
        """Its state in a word."""
        return STATES[self.state].word

    @property
    def shape(self) -> str:
        """Its state as a shape."""
        return STATES[self.state].shape


_ABOUT: Final = {
    **FAULTS,
    "files": "the files differ",
    "words": "words to blame",
    "attributes": "what the pictures show",
    "variety": "where the variety comes from",
    "embedder": "another embedder stood in",
    "embedders": "several embedders",
}
_PASSED: Final = {
    "unrealistic": "fakes do not stand out",
    "unrepresentative": "real variety is covered",
    "unvaried": "it does not repeat itself",
    "unoriginal": "it copies no real image",
    "usefulness": "training on it costs no accuracy",
    "unfaithful": "pictures and prompts",
}
_NUMBERS: Final = {
    "unrealistic": "score",
    "unrepresentative": "score",
    "unvaried": "share",
    "unoriginal": "share",
    "broken": "share",
    "labels": "estimated share",
    "unfaithful": "another prompt fits better",
    "usefulness": "change of accuracy",
}


def told_findings(findings: Sequence[Finding]) -> list[ToldFinding]:
    """All findings, by state, the gravest first; what makes others void before them."""
    told = [_told(finding) for finding in findings]
    order = list(STATES)
    # What the files give away makes void what was found in the pictures.
    return sorted(told, key=lambda own: (own.kind != "files", order.index(own.state)))


def _told(finding: Finding) -> ToldFinding:
    state = state_of(finding)
    names = _PASSED if state == "none" else _ABOUT
    title = names.get(finding.kind, _ABOUT.get(finding.kind, finding.kind))
    if state == "undecided" and finding.kind in FAULTS:
        title = f"whether {title}"
    return ToldFinding(
        kind=finding.kind,
        title=title[:1].upper() + title[1:],
        text=finding.text,
        state=state,
        number=_number_text(finding),
        chance="" if finding.p_value is None else f"as much by chance: {odds(finding.p_value)}",
        step=advice(finding),
    )


def _number_text(finding: Finding) -> str:
    what = _NUMBERS.get(finding.kind)
    if what is None or finding.value is None:
        return ""
    sign = "+" if finding.kind == "usefulness" else ""
    text = f"{what} {finding.value:{sign}.3f}"
    if finding.interval is None:
        return text
    return f"{text} ({finding.interval[0]:{sign}.3f} to {finding.interval[1]:{sign}.3f})"


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


def command_of(scores: Scores, *, without: Collection[str] = ()) -> str:
    """The command that gives the same numbers again.

    Args:
        scores: of the audit.
        without: settings that are left out, for others to be given instead.
    """
    provenance = scores["provenance"]
    given, embedder = provenance["settings"], provenance["embedder"]
    words = ["synthaudit", "score", "REAL", "SYNTHETIC"]
    if embedder != "vectors":
        words += ["--embedder", embedder]
    for name, field in Settings.model_fields.items():
        value = given.get(name, field.default)
        if name in ("embedder", *CONDITIONS, *without) or value == field.default:
            continue
        if name == "keep":
            words += ["--keep", "kept.csv"]
        elif value is True:
            words.append(flag_of(name))
        else:
            for each in value if isinstance(value, list) else [value]:
                words += [flag_of(name), str(each)]
    if provenance.get("decisions"):
        words += ["--decisions", "decisions.csv"]
    return shlex.join(words)


def fitness_word(verdict: Mapping[str, Any] | None) -> str:
    """A verdict in a word or two.

    >>> fitness_word({"fit": False}), fitness_word(None)
    ('not fit', 'unknown')
    """
    words = {True: "fit", False: "not fit", None: "undecided"}
    return "unknown" if not verdict or "fit" not in verdict else words[verdict["fit"]]


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
