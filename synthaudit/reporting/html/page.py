"""The report: one self-contained page that allows nothing from outside."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files as resources
from typing import Any, Final

from synthaudit.measures.scores import SCORE_NAMES
from synthaudit.reporting.html.galleries import Card, Gallery, galleries_of
from synthaudit.reporting.readings import readings, severity, verdict_of
from synthaudit.result.reading import AuditFiles

_TEMPLATES: Final = "synthaudit.reporting.html.templates"
_MEANINGS: Final = {
    "unrealistic": "fakes stand out",
    "unrepresentative": "real variety is missed",
    "unvaried": "the set repeats itself",
    "unoriginal": "the set copies the real images",
}
_NOWHERE: Final = "nothing"


@dataclass(frozen=True, kw_only=True)
class Gauge:
    """A score as a bar: all positions in per cent of its length."""

    name: str
    meaning: str
    value: float
    low: float | None
    high: float | None
    chance: float | None
    floor: float | None
    p_value: float | None
    severity: str
    sentence: str

    @property
    def spoken(self) -> str:
        """What the bar shows, for those who do not see it."""
        text = f"{self.name} {self.value:.3f}"
        if self.low is not None and self.high is not None:
            text += f", interval {self.low:.3f} to {self.high:.3f}"
        if self.chance is not None:
            text += f", chance {self.chance:.3f}"
        return text + " on a scale from 0 to 1, higher is worse"


def report_html(files: AuditFiles) -> str:
    """The page of an audit.

    Names and numbers come from strangers: everything is escaped by the template, scripts and styles
    are allowed by their digests, and nothing may be loaded from anywhere.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("synthaudit.reporting.html"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, script = (_asset(name) for name in ("page.css", "page.js"))
    galleries = galleries_of(files)
    shown = {(card.side, card.path) for card in _cards(galleries)}
    return environment.get_template("audit.html").render(
        style=style,
        script=script,
        policy=_policy(style, script),
        scores=files.scores,
        gauges=_gauges(files.scores),
        verdict=verdict_of(files.scores),
        galleries=galleries,
        anchors={gallery.name for gallery in galleries},
        picture=lambda card: _data_uri(files, card),
        pictures=len(shown & set(files.thumbnails)),
        without_picture=len(shown - set(files.thumbnails)),
        classes=_classes(files.scores),
        supporting=files.scores.get("supporting", {}),
        provenance=_flat(files.scores["provenance"]),
    )


def wanted_pictures(files: AuditFiles) -> list[tuple[str, str]]:
    """The pictures that the page would show, the first of every gallery first."""
    columns = [[(card.side, card.path) for card in _cards([g])] for g in galleries_of(files)]
    longest = max(map(len, columns), default=0)
    return [column[n] for n in range(longest) for column in columns if n < len(column)]


def _cards(galleries: Sequence[Gallery]) -> Iterator[Card]:
    for gallery in galleries:
        for group in gallery.groups:
            yield from group


def _asset(name: str) -> str:
    return resources(_TEMPLATES).joinpath(name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    digests = [
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for text in (style, script)
    ]
    return (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digests[0]}'; "
        f"script-src 'sha256-{digests[1]}'; base-uri 'none'; form-action 'none'"
    )


def _gauges(scores: Any) -> list[Gauge]:
    sentences = readings(scores)
    gauges = []
    for name in SCORE_NAMES:
        ends = scores.get("intervals", {}).get(name) or (None, None)
        gauges.append(
            Gauge(
                name=name,
                meaning=_MEANINGS[name],
                value=scores[name],
                low=ends[0],
                high=ends[1],
                chance=scores["chance"].get(name),
                floor=scores.get("floor", {}).get(name),
                p_value=scores.get("p_values", {}).get(name),
                severity=severity(scores, name),
                sentence=sentences[name],
            )
        )
    return gauges


def _classes(scores: Any) -> list[tuple[str, dict[str, Any]]]:
    return sorted(scores.get("classes", {}).items())


def _data_uri(files: AuditFiles, card: Card) -> str | None:
    data = files.thumbnails.get((card.side, card.path))
    if data is None:
        return None
    return f"data:image/webp;base64,{base64.b64encode(data).decode()}"


def _flat(value: Any, lead: str = "") -> list[tuple[str, str]]:
    """Nested values as lines of name and text."""
    if isinstance(value, dict):
        return [line for key, entry in value.items() for line in _flat(entry, f"{lead}{key} ")]
    return [(lead.strip(), _NOWHERE if value is None else str(value))]
