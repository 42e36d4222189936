"""A report in short, for a pull request or a job summary."""

from __future__ import annotations

from synthaudit.measures.scores import SCORE_NAMES
from synthaudit.reporting.html.galleries import galleries_of
from synthaudit.reporting.html.sections import added_lines
from synthaudit.reporting.interpretation import (
    ToldFinding,
    command_of,
    finding_of,
    findings_in,
    next_steps,
    told_findings,
)
from synthaudit.reporting.words import odds
from synthaudit.result.reading import AuditFiles

_LARGEST = 60_000
_PICTURES = 5
_CLASSES = 20


def report_markdown(files: AuditFiles) -> str:
    """An audit as Markdown of less than 60 kB."""
    scores = files.scores
    counts = scores["counts"]
    sizes = f"{counts['real']:,} real and {counts['synthetic']:,} synthetic images"
    embedder = as_text(str(scores["provenance"]["embedder"]))
    lines = [
        f"## synthaudit: {as_text(scores['verdict']['text'])}",
        "",
        f"{sizes}; embedder {embedder}. Scores from 0 to 1, higher is worse.",
        "",
        "| score | value | interval | chance | as much by chance | |",
        "|---|---|---|---|---|---|",
    ]
    for name in SCORE_NAMES:
        ends = scores.get("intervals", {}).get(name)
        interval = "" if ends is None else f"{ends[0]:.3f} to {ends[1]:.3f}"
        chance = scores["chance"].get(name)
        level = "" if chance is None else f"{chance:.3f}"
        finding = finding_of(scores, name)
        often = "" if finding.p_value is None else odds(finding.p_value)
        text = as_text(finding.text)
        lines.append(f"| {name} | {scores[name]:.3f} | {interval} | {level} | {often} | {text} |")
    more = [own for own in told_findings(findings_in(scores)) if own.kind not in SCORE_NAMES]
    lines += ["", *(f"- **{own.word}**: {as_text(own.text)}{_aside(own)}" for own in more)]
    steps = next_steps(findings_in(scores))
    lines += ["", "**What to do next**", ""] if steps else []
    lines += [f"{place}. {as_text(step)}" for place, (_, step) in enumerate(steps, start=1)]
    for note in scores.get("notes", ()):
        lines += ["", f"> {as_text(note)}"]
    for gallery in galleries_of(files):
        lines += ["", f"**{gallery.title}**", ""]
        for group in gallery.groups[:_PICTURES]:
            lines.append(
                "- "
                + ", ".join(f"{side} {as_text(path)}" for side, path in group.images[:_PICTURES])
            )
    for title, added in added_lines(files):
        lines += ["", f"**{as_text(title)}**", "", *(f"- {as_text(line)}" for line in added)]
    classes = sorted(
        scores.get("classes", {}).items(), key=lambda item: -float(item[1]["unrealistic"])
    )
    if classes:
        lines += ["", f"| class | {' | '.join(SCORE_NAMES)} |", "|---" * 5 + "|"]
        for name, own in classes[:_CLASSES]:
            cells = " | ".join(f"{own[score]:.3f}" for score in SCORE_NAMES)
            lines.append(f"| {as_text(name)} | {cells} |")
    lines += ["", "The same numbers again:", "", f"    {command_of(scores)}"]
    text = "\n".join(lines) + "\n"
    cut = text.encode()[: _LARGEST - 100].decode(errors="ignore")
    return text if len(text.encode()) < _LARGEST else cut + "\n\n(cut: it was too long)\n"


def _aside(finding: ToldFinding) -> str:
    """Number and chance of a finding, in brackets."""
    parts = [part for part in (finding.number, finding.chance) if part]
    return f" ({'; '.join(parts)})" if parts else ""


def as_text(text: str) -> str:
    """Text that Markdown shows as it is, on one line, whatever is in it."""
    plain = "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
    for letter in "\\`*_{}[]()#+!~":
        plain = plain.replace(letter, f"\\{letter}")
    for letter in "&<>|":
        plain = plain.replace(letter, f"&#{ord(letter)};")
    return plain
