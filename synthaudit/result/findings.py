"""Findings: the one place that decides what an audit claims.

Every face of a result (terminal, page, Markdown, gate, sweep) says what is decided here, from the
numbers of ``scores.json`` alone. Nothing is claimed that chance explains: the detector's two scores
need p <= 0.03 of its AUC, repeats and copies p <= 0.02 each, broken pictures p <= 0.01, wrong
classes p <= 0.002, pictures that do not show their prompts p <= 0.01. So all claims about two sets
of one distribution together should be wrong in at most 10 % of audits (Bonferroni). Words to blame
and attributes, which are notes, are each wrong in at most 5 % besides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from synthaudit.images.trait_titles import trait_title
from synthaudit.result.finding import Finding, Scores, Severity, listed
from synthaudit.result.findings_on_prompts import find_on_prompts

_DETECTOR_ALPHA: Final = 0.03
_SHARE_ALPHA: Final = 0.02
_BROKEN_ALPHA: Final = 0.01
# The ratio of likelihoods takes errors of the judges for wrong labels now and then: of 50 random
# halves of photos 4 were below 0.02, and 2 below 0.002.
_LABEL_ALPHA: Final = 0.002
_CLAIM_ALPHA: Final = 0.05

# Of the way from chance to certainty. A difference that is surely smaller than the first is none
# that training would notice; one larger than the third, most of the images give away.
_HARDLY: Final = 0.1
_CLEARLY: Final = 0.4
_NEARLY_ALL: Final = 0.8

# What is grave follows from what it cost a network in the study (reports/validity.md): of 73 sets
# of 32-pixel images of one generator those cost accuracy that missed most of the real variety,
# were nearly all repeats, had one wrong label in seven or more, or missed a third of the classes.
# How clearly fakes stand out, and how many pictures are broken, told nothing of it by itself.
_MISSED: Final = 0.4
_MANY_REPEATS: Final = 0.9
_MANY_WRONG: Final = 0.15
_MANY_CLASSES: Final = 1 / 3
# Copies cost no accuracy; they are grave for what they are: surely more than one in a hundred.
_MANY_COPIES: Final = 0.01


def find(scores: Scores) -> list[Finding]:
    """What the numbers of an audit say, the gravest first.

    Args:
        scores: contents of ``scores.json``.
    """
    found = [
        _of_detector(scores, "unrealistic"),
        _of_detector(scores, "unrepresentative"),
        _of_repeats(scores),
        _of_copies(scores),
        *(
            own
            for make in (
                *(_of_classes, _of_broken, _of_labels, _of_files),
                *(_of_usefulness, _of_embedder, _of_embedders),
            )
            if (own := make(scores))
        ),
        *find_on_prompts(scores),
    ]
    order = ("high", "low", "none")
    return sorted(found, key=lambda finding: order.index(finding.severity))


def _number(scores: Scores, part: str, name: str) -> float | None:
    found: float | None = (scores.get(part) or {}).get(name)
    return found


def _ends(scores: Scores, name: str) -> tuple[float, float] | None:
    ends = (scores.get("intervals") or {}).get(name)
    return None if ends is None else (float(ends[0]), float(ends[1]))


_STEPS: Final = {
    "unrealistic": (
        "The synthetic images stand out, but hardly.",
        "The synthetic images stand out somewhat.",
        "The synthetic images stand out clearly.",
        "Nearly every synthetic image gives itself away.",
        "The synthetic images pass for real: nothing beyond chance.",
    ),
    "unrepresentative": (
        "Hardly any of the real variety is missed.",
        "Some of the real variety is missed.",
        "Much of the real variety is missed.",
        "Hardly any real image has its like among the synthetic ones.",
        "The real images blend in with the synthetic ones: nothing beyond chance.",
    ),
}


def _of_detector(scores: Scores, name: str) -> Finding:
    value, chance = float(scores[name]), _number(scores, "chance", name)
    detector = scores.get("detector") or {}
    p_value, interval = _number(scores, "p_values", name), _ends(scores, name)
    base = Finding(
        kind=name, severity="none", text="", value=value, interval=interval, p_value=p_value
    )
    if 2 * (detector.get("undetermined_synthetic") or 0) > scores["counts"]["synthetic"]:
        text = "The detector cannot judge most of the synthetic images: see the notes."
        return replace(base, text=text, is_decided=False)
    level = max(_number(scores, "null", name) or 0.0, 0.5 if chance is None else chance)
    step = _step_of(value, level)
    if p_value is None:
        text = f"{_STEPS[name][step]} Whether by chance was not tested."
        return replace(base, text=text, is_decided=False)
    gate = detector.get("p_value")
    if p_value > _CLAIM_ALPHA or (p_value if gate is None else gate) > _DETECTOR_ALPHA:
        return replace(base, text=_STEPS[name][-1])
    if (scores.get("artefacts") or {}).get("explains"):
        text = "The files tell the sides apart: the pictures were not judged."
        return replace(base, text=text, is_decided=False)
    if interval is not None and _excess(interval[1], level) < _HARDLY:
        return replace(base, text=_STEPS[name][0])
    is_grave = name == "unrepresentative" and _is_mostly_missed(scores)
    severity: Severity = "high" if is_grave else "low"
    return replace(base, text=_STEPS[name][max(step, 1)], severity=severity)


def _is_mostly_missed(scores: Scores) -> bool:
    """Whether hardly any real image has a synthetic one near, as a share of what chance gives."""
    coverage = (scores.get("supporting") or {}).get("coverage")
    if coverage is None or not coverage["chance"]:
        return False
    return float(coverage["value"]) < _MISSED * float(coverage["chance"])


def _excess(value: float, level: float) -> float:
    return (value - level) / (1.0 - level)


def _step_of(value: float, level: float) -> int:
    return sum(_excess(value, level) >= bound for bound in (_HARDLY, _CLEARLY, _NEARLY_ALL))


def _of_repeats(scores: Scores) -> Finding:
    base = _share_finding(scores, "unvaried", ("repeats another one", "repeat another one"))
    is_grave = base.value is not None and base.value >= _MANY_REPEATS
    return replace(base, severity="high") if base.severity == "low" and is_grave else base


def _of_copies(scores: Scores) -> Finding:
    mirrored = (scores.get("memorisation") or {}).get("mirrored")
    besides = f", {mirrored:,} of them mirrored or turned" if mirrored else ""
    verbs = ("copies a real one", "copy a real one")
    base = _share_finding(scores, "unoriginal", verbs, besides)
    least = base.value if base.interval is None else base.interval[0]
    is_grave = least is not None and least > _MANY_COPIES
    return replace(base, severity="high") if base.severity == "low" and is_grave else base


def _share_finding(scores: Scores, name: str, verbs: tuple[str, str], besides: str = "") -> Finding:
    """Of repeats or copies; ``low`` where there are more of them than by chance."""
    value, p_value = float(scores[name]), _number(scores, "p_values", name)
    is_claimed = value > 0.0 and p_value is not None and p_value <= _SHARE_ALPHA
    flagged = round(value * scores["counts"]["synthetic"])
    text = _share_text(scores, flagged, verbs)
    if is_claimed:
        text += besides
    return Finding(
        kind=name,
        severity="low" if is_claimed else "none",
        text=f"{text}{_compared(scores, name, flagged, p_value, is_claimed=is_claimed)}.",
        value=value,
        interval=_ends(scores, name),
        p_value=p_value,
        is_decided=p_value is not None,
    )


def _share_text(scores: Scores, flagged: int, verbs: tuple[str, str]) -> str:
    count = scores["counts"]["synthetic"]
    if flagged == 0:
        return f"No synthetic image {verbs[0]}"
    return f"{flagged:,} of {count:,} synthetic images {verbs[flagged > 1]}"


def _compared(
    scores: Scores, name: str, flagged: int, p_value: float | None, *, is_claimed: bool
) -> str:
    if flagged == 0:
        return ""
    if p_value is None:
        return "; whether by chance was not tested"
    chance = _number(scores, "chance", name)
    if not is_claimed:
        return ", no more than by chance"
    if chance is None:
        return ""
    expected = max(chance * scores["counts"]["synthetic"], 0.5)
    # Copies that are surer than the radius are too few to be compared with what it flags by chance.
    if flagged <= expected:
        return ""
    return f"; chance would give about {expected:,.0f}"


def _of_classes(scores: Scores) -> Finding | None:
    missing, shared = scores["counts"].get("missing_classes"), scores["counts"]["classes"]
    if not missing:
        return None
    share = missing / (missing + shared)
    verbs = ("classes of the real images has", "classes of the real images have")
    return Finding(
        kind="classes",
        severity="high" if share >= _MANY_CLASSES else "low",
        text=f"{missing:,} of {missing + shared:,} {verbs[missing > 1]} no synthetic image.",
        value=share,
    )


def _of_broken(scores: Scores) -> Finding | None:
    broken = scores.get("broken") or {}
    if not broken.get("pictures") or broken["p_value"] > _BROKEN_ALPHA:
        return None
    defects = [f"{count:,} {name}" for name, count in broken["defects"].items()]
    text = _share_text(scores, broken["pictures"], ("is broken", "are broken"))
    return Finding(
        kind="broken",
        severity="low",
        text=f"{text}: {listed(defects)}.",
        value=float(broken["share"]),
        p_value=float(broken["p_value"]),
    )


def _of_labels(scores: Scores) -> Finding | None:
    labels = scores.get("labels") or {}
    if not labels or labels["p_value"] > _LABEL_ALPHA or not labels["estimated_share"]:
        return None
    share = float(labels["estimated_share"])
    about = f"About {share:.0%} of the classes are wrong" if share >= 0.01 else "A few are wrong"
    return Finding(
        kind="labels",
        severity="high" if share >= _MANY_WRONG else "low",
        text=f"{about}; {_named_labels(scores, labels)}.",
        value=share,
        p_value=float(labels["p_value"]),
    )


def _named_labels(scores: Scores, labels: Scores) -> str:
    """How many wrong classes are named, or why none is."""
    accuracy = labels.get("accuracy")
    if not labels["wrong"]:
        knows = "" if accuracy is None else f", whose first guess is right for {accuracy:.0%}"
        return f"which ones the judges{knows} cannot tell"
    verbs = ("shows another class for sure", "show another class for sure")
    named = _share_text(scores, labels["wrong"], verbs)
    if accuracy is None:
        return named
    return f"{named}, by judges that are right for {accuracy:.0%} of all"


def mark_text(mark: Mapping[str, Any]) -> str:
    """A provenance mark and who has it.

    >>> mark_text({"name": "C2PA manifest", "real": 0.0, "synthetic": 1.0})
    'C2PA manifest in 0 % of the real files and 100 % of the synthetic ones'
    """
    shares = f"{100 * mark['real']:.0f} % of the real files and {100 * mark['synthetic']:.0f} %"
    return f"{mark['name']} in {shares} of the synthetic ones"


def marks_text(marks: Sequence[Mapping[str, Any]]) -> str:
    """All marks whose shares differ, the one that tells most first."""
    return "; ".join(mark_text(mark) for mark in marks if mark["real"] != mark["synthetic"])


def _traits_text(files: Scores) -> str:
    """The traits that differ most, each with its medians."""
    if not files["best"]:
        return "no trait by itself, but all of them together"
    return listed(
        [
            f"{trait_title(trait['name'])} {trait['real']:.3g} in the real ones and "
            f"{trait['synthetic']:.3g} in the synthetic ones"
            for trait in files["best"][:2]
        ]
    )


def _of_files(scores: Scores) -> Finding | None:
    files = scores.get("artefacts") or {}
    if not any(files.get(key) for key in ("explains", "marks_tell", "files_tell")):
        return None
    marks, reached = files.get("marks") or [], files.get("control_auc")
    if files.get("marks_tell") and (reached is None or not files["explains"]):
        text = (
            f"Marks in the files give the sides away: {marks_text(marks)}. Whatever reads the "
            "files needs nothing else."
        )
        reached = 0.5 + abs(marks[0]["synthetic"] - marks[0]["real"]) / 2
    elif files["explains"]:
        reached = reached or files["container_auc"]
        text = f"The files alone give the sides away (AUC {reached:.3f}): {_traits_text(files)}."
    else:
        reached = files["container_auc"]
        text = (
            f"Size, format or compression differ (AUC {reached:.3f} by them alone): "
            f"{_traits_text(files)}. The detector does not see it; a network that reads the files "
            "may."
        )
    return Finding(kind="files", severity="none", text=text, value=float(reached))


def _of_usefulness(scores: Scores) -> Finding | None:
    usefulness = scores.get("usefulness") or {}
    gain = usefulness.get("gain")
    if gain is None or gain["low"] is None:
        return None
    low, high = float(gain["low"]), float(gain["high"])
    figures = f"{gain['value']:+.3f} ({low:+.3f} to {high:+.3f})"
    meaning = "changes accuracy by no more than noise"
    if high < 0.0 or low > 0.0:
        meaning = "costs accuracy" if high < 0.0 else "adds accuracy"
    worth = usefulness.get("worth_real_images")
    alone = ""
    # More than next to nothing is nothing that anybody could use.
    if worth is not None and (worth["value"] is not None or worth["interval"][0] >= 1.0):
        alone = f"; alone they are worth {worth_text(worth)}"
    return Finding(
        kind="usefulness",
        severity="high" if high < 0.0 else "none",
        text=f"Training on them besides the real images {meaning}: {figures}{alone}.",
        value=float(gain["value"]),
        interval=(low, high),
    )


def worth_text(worth: Mapping[str, Any]) -> str:
    """How many real images teach as much.

    >>> worth_text({"value": 132.4, "interval": [81.0, 1210.0]})
    '130 real images (81 to 1,200)'
    >>> worth_text({"value": None, "interval": [9000.0, None]})
    'more than 9,000 real images'
    """
    low, high = worth["interval"]
    if worth["value"] is None:
        return f"more than {_two_digits(low)} real images"
    end = f"to {_two_digits(high)}" if high is not None else "or more"
    return f"{_two_digits(worth['value'])} real images ({_two_digits(low)} {end})"


def _two_digits(value: float) -> str:
    return f"{float(f'{value:.2g}'):,.0f}"  # more digits would claim more than is known


def _of_embedder(scores: Scores) -> Finding | None:
    wanted = scores["provenance"].get("embedder_stands_in_for")
    if wanted is None:
        return None
    return Finding(
        kind="embedder",
        severity="none",
        text=f"Judged by {scores['provenance']['embedder']} in place of {wanted}, whose weights "
        "were not at hand: it sees style and forensic traces, not meaning.",
    )


def _of_embedders(scores: Scores) -> Finding | None:
    """Where several embedders agree; undecided where one would pass the set and another not."""
    said = [(own["embedder"], own["verdict"]["fit"]) for own in scores.get("embedders") or []]
    if not said:
        return None
    names = {
        fit: listed([name for name, own in said if own is fit]) for fit in {f for _, f in said}
    }
    if len(names) == 1:
        return Finding(
            kind="embedders", severity="none", text=f"{next(iter(names.values()))} agree."
        )
    words = {True: "finds nothing grave", False: "finds grave faults", None: "cannot tell"}
    parts = [f"{names[fit]} {words[fit]}" for fit in (False, True, None) if fit in names]
    is_split = True in names and False in names
    return Finding(
        kind="embedders",
        severity="none",
        text=f"The embedders disagree: {', '.join(parts)}.",
        is_decided=not is_split,
    )
