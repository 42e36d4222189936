"""What is behind the scores, in lines for the terminal: images at fault, causes, worth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from rich.text import Text

from synthaudit.images.trait_titles import trait_title
from synthaudit.measures.scores import SCORE_NAMES
from synthaudit.names import read_name, write_name
from synthaudit.reporting.html.sections import added_lines
from synthaudit.reporting.prompt_sections import attribute_lines, variety_lines, word_lines
from synthaudit.result.audit import Audit
from synthaudit.result.findings import mark_text, worth_text
from synthaudit.result.reading import files_of
from synthaudit.result.worst_images import (
    broken_pictures,
    copies,
    obvious_fakes,
    repeats,
    unfaithful,
    worst_classes,
    wrong_labels,
)

_SHOWN = 5
_ALPHA = 0.02


def sections(audit: Audit) -> Iterator[tuple[str, list[Text]]]:
    """What is behind the scores: titles with their lines, those with nothing to say left out."""
    for title, make in _SECTIONS.items():
        if lines := make(audit):
            yield title, lines
    for title, texts in added_lines(files_of(audit, {})):
        yield title, [entry(text) for text in texts]


def _class_lines(audit: Audit) -> list[Text]:
    named = [(name, worst_classes(audit.classes, name, 3)) for name in SCORE_NAMES]
    return [_class_line(name, worst) for name, worst in named if worst]


def _fake_lines(audit: Audit) -> list[Text]:
    return [
        entry(f"{probability:.3f}", link(audit, "synthetic", path))
        for path, probability in obvious_fakes(audit.images, _SHOWN)
    ]


def _repeat_lines(audit: Audit) -> list[Text]:
    return [
        entry(
            f"{repeat.size:,} x",
            *(link(audit, "synthetic", path) for path in repeat.paths),
            Text("...") if repeat.size > len(repeat.paths) else Text(),
        )
        for repeat in repeats(audit.images, _SHOWN)
    ]


def _copy_lines(audit: Audit) -> list[Text]:
    found, lines = audit.memorisation, []
    channels = (
        ("by_both", "seen by embedding and by pattern of light"),
        ("by_embedding_only", "by embedding only: the same subject, perhaps"),
        ("by_pattern_only", "by pattern only: an edit that the embedder does not see"),
        ("mirrored", "mirrored or turned"),
    )
    lines = [entry(f"{found[key]:,} {text}") for key, text in channels if found.get(key)]
    for copy in copies(audit.images, _SHOWN):
        pair = (link(audit, "synthetic", copy.path), Text("of"), link(audit, "real", copy.original))
        lines.append(entry("    -" if copy.distance is None else f"{copy.distance:.3f}", *pair))
    return lines


def _prompt_lines(make: Callable[[Mapping[str, Any]], list[str]], audit: Audit) -> list[Text]:
    return [entry(line) for line in make(audit.to_dict())]


def _unfaithful_lines(audit: Audit) -> list[Text]:
    return [
        entry(prompt[:60], link(audit, "synthetic", path))
        for path, prompt in unfaithful(audit.images, _SHOWN)
    ]


def _label_lines(audit: Audit) -> list[Text]:
    found = audit.labels
    if not found:
        return []
    lines = []
    if found["wrong"]:
        lines.append(entry(f"{found['wrong']:,} likelier show another class than their own"))
    if found["p_value"] <= _ALPHA:
        lines.append(entry(f"{found['estimated_share']:.1%} of the labels are wrong, seen or not"))
    if found["cannot_tell"]:
        names = ", ".join(found["cannot_tell"][:_SHOWN])
        more = len(found["cannot_tell"]) - _SHOWN
        also = f" and {more:,} more" if more > 0 else ""
        lines.append(entry(f"cannot be told from other classes: {names}{also}"))
    for path, label, other, probability in wrong_labels(audit.images, _SHOWN):
        text = Text(f"{label}, likelier {other}")
        lines.append(entry(f"{probability:.3f}", link(audit, "synthetic", path), text))
    return lines


def _broken_lines(audit: Audit) -> list[Text]:
    return [
        entry(what, link(audit, "synthetic", path))
        for path, what in broken_pictures(audit.images, _SHOWN)
    ]


def _appearance_lines(audit: Audit) -> list[Text]:
    """The shifts that are surely there, the largest first."""
    sure = [(name, own) for name, own in audit.appearance.items() if own["low"] * own["high"] > 0]
    largest = sorted(sure, key=lambda named: -abs(named[1]["shift"]))
    return [
        entry(f"{name:12}", Text(f"{own['shift']:+.2f} ({own['low']:+.2f} to {own['high']:+.2f})"))
        for name, own in largest
    ]


def _usefulness_lines(audit: Audit) -> list[Text]:
    found = audit.usefulness
    if not found:
        return []
    named = (
        ("real", "trained on real images"),
        ("synthetic", "trained on synthetic images"),
        ("both", "trained on both"),
        ("gain", "gain by the synthetic images"),
    )
    lines = [entry(f"{text:29}", Text(_estimate(found[key]))) for key, text in named]
    for few in found["few_shot"]:
        gain = Text(f"{few['real']['value']:.3f}; with synthetic ones {few['both']['value']:.3f}")
        lines.append(entry(f"{few['images']:>2} real images a class       ", gain))
    if worth := found.get("worth_real_images"):
        lines.append(entry(f"{'synthetic ones alone teach as':29}", Text(worth_text(worth))))
    if curve := found.get("curve"):
        lines += _curve_lines(curve)
    if span := found.get("span"):
        text = f"{span['residual']:.3f}; random directions leave {span['chance']:.3f}"
        lines.append(entry(f"{'directions they do not span':29}", Text(text)))
    if "zero_shot" in found:
        zero = found["zero_shot"]
        text = f"{zero['single']:.3f}; with several prompts {zero['ensemble']:.3f}"
        lines.append(entry(f"{'zero-shot, no training':29}", Text(text)))
    return lines


def _curve_lines(curve: Mapping[str, Any]) -> list[Text]:
    """The last points of both curves, and what more synthetic images would bring."""
    lines = []
    for name in ("real", "synthetic"):
        points = [f"{own['images']:,.0f}: {own['accuracy']['value']:.3f}" for own in curve[name]]
        lines.append(entry(f"{f'{name} images a class':29}", Text("; ".join(points[-5:]))))
    if curve["twice"] is not None:
        lines.append(entry(f"{'twice the synthetic images':29}", Text(f"{curve['twice']:.3f}")))
    return lines


def _estimate(found: Mapping[str, float]) -> str:
    return f"{found['value']:.3f} ({found['low']:.3f} to {found['high']:.3f})"


def _missed_lines(audit: Audit) -> list[Text]:
    lines = []
    for kind in audit.missed[:_SHOWN]:
        classes = ", ".join(f"{name} {count}" for name, count in list(kind["classes"].items())[:3])
        paths = [link(audit, "real", path) for path in kind["examples"]]
        named = Text(f"({classes})" if classes else "")
        lines.append(entry(f"{kind['size']:,} like", *paths, named))
    return lines


def _artefact_lines(audit: Audit) -> list[Text]:
    files = audit.artefacts
    if not files:
        return []
    control = "too few images to say"
    if files["control_auc"] is not None:
        own = f"as many synthetic images reach {files['matched_auc']:.3f}"
        control = f"{files['control_auc']:.3f}; {own}"
    lines = [
        entry("AUC of size, format and compression  ", Text(f"{files['container_auc']:.3f}")),
        entry("AUC of traces in block frequencies   ", Text(f"{files['trace_auc']:.3f}")),
        entry("AUC of real images in synthetic files", Text(control)),
    ]
    for trait in files["best"][:3]:
        medians = f"real {trait['real']:.4g}, synthetic {trait['synthetic']:.4g}"
        lines.append(
            entry(f"{trait_title(trait['name']):22}", Text(f"AUC {trait['auc']:.3f}; {medians}"))
        )
    lines += [entry("marks", Text(mark_text(mark))) for mark in files.get("marks", ())]
    return lines


def _supporting_lines(audit: Audit) -> list[Text]:
    lines = []
    for name, measure in audit.supporting.items():
        text = f"{measure['value']:.4g}"
        if measure["low"] is not None:
            text += f" ({measure['low']:.4g} to {measure['high']:.4g})"
        text += f", {measure['better']} is better"
        if measure["chance"] is not None:
            text += f"; {measure['chance']:.3g} for the same distribution"
        lines.append(entry(f"{name:22}", Text(text)))
    return lines


def _measure_lines(audit: Audit) -> list[Text]:
    return [
        entry(
            f"{name:22}",
            Text(f"real {_figure(own['real'])}, synthetic {_figure(own['synthetic'])}"),
            Text("AUC unknown" if own["auc"] is None else f"AUC {own['auc']:.3f}"),
        )
        for name, own in audit.measures.items()
    ]


def _figure(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4g}"


def _class_line(name: str, worst: list[tuple[str, float]]) -> Text:
    return entry(f"{name:17}", Text(", ".join(f"{label} {value:.3f}" for label, value in worst)))


def entry(lead: str, *parts: Text) -> Text:
    """An indented line, its lead dimmed."""
    return Text(" ").join([Text(f"  {lead}", style="dim"), *(part for part in parts if part)])


def link(audit: Audit, side: str, path: str) -> Text:
    """A path that terminals can open."""
    full = audit.roots[side] / read_name(path)
    shown = write_name(str(full))
    if not full.is_file():
        return Text(f"{side} {path}" if path.isdigit() else shown)
    return Text(shown, style=f"link {full.absolute().as_uri()}")


_SECTIONS: Final[dict[str, Callable[[Audit], list[Text]]]] = {
    "Worst classes": _class_lines,
    "Most obvious fakes": _fake_lines,
    "Most repeated": _repeat_lines,
    "Real images that nothing synthetic resembles": _missed_lines,
    "Copies of real images": _copy_lines,
    "Wrong classes": _label_lines,
    "Pictures that do not show their prompts": _unfaithful_lines,
    "Words to blame": partial(_prompt_lines, word_lines),
    "What the pictures show (share among the tenth that show it most)": partial(
        _prompt_lines, attribute_lines
    ),
    "Share of the variety that the prompts decide": partial(_prompt_lines, variety_lines),
    "Broken pictures": _broken_lines,
    "How the pictures differ (in standard deviations of the real ones)": _appearance_lines,
    "Worth as training data (accuracy on real images)": _usefulness_lines,
    "What the files alone give away": _artefact_lines,
    "Supporting measures": _supporting_lines,
    "Measures of single images (medians)": _measure_lines,
}
