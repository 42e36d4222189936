"""The page of an audit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from synthaudit.measures.scores import SCORE_NAMES
from synthaudit.reporting.html.galleries import Card, Gallery, galleries_of
from synthaudit.reporting.html.map import map_of, points_of
from synthaudit.reporting.html.page import data_uri, flat, render
from synthaudit.reporting.html.plots import audit_plots
from synthaudit.reporting.html.sections import PAGE, added_html
from synthaudit.reporting.interpretation import (
    command_of,
    finding_of,
    findings_in,
    next_steps,
)
from synthaudit.result.findings import FAULTS
from synthaudit.result.reading import AuditFiles


@dataclass(frozen=True, kw_only=True)
class Gauge:
    """A score as a bar: all positions in per cent of its length."""

    name: str
    meaning: str
    value: float
    low: float | None
    high: float | None
    chance: float | None
    null: float | None
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
        if self.null is not None:
            text += f", without any difference {self.null:.3f}"
        if self.floor is not None:
            text += f", the real images against themselves {self.floor:.3f}"
        return text + " on a scale from 0 to 1, higher is worse"


def report_html(files: AuditFiles) -> str:
    """The page of an audit."""
    galleries = galleries_of(files)
    shown = {(card.side, card.path) for card in _cards(galleries)}
    drawn = map_of(files, elsewhere=shown & set(files.thumbnails))
    added = added_html(files)
    return render(
        "audit.html",
        page=(*PAGE, *added, "provenance"),
        added=added,
        scripts=["map.js"],
        plots=audit_plots(files),
        items=[] if drawn is None else [drawn.item],
        data={} if drawn is None else {"map-data": drawn.data},
        scores=files.scores,
        gauges=_gauges(files.scores),
        verdict=files.scores["verdict"]["text"],
        findings=[own for own in findings_in(files.scores) if own.kind not in SCORE_NAMES],
        next_steps=next_steps(findings_in(files.scores)),
        galleries=galleries,
        anchors={gallery.name for gallery in galleries},
        map=drawn,
        picture=lambda card: data_uri(files.thumbnails.get((card.side, card.path))),
        pictures=len(files.thumbnails),
        without_picture=len((shown | set(_on_map(files))) - set(files.thumbnails)),
        classes=_classes(files.scores),
        score_names=SCORE_NAMES,
        supporting=files.scores.get("supporting", {}),
        command=command_of(files.scores),
        provenance=flat(files.scores["provenance"]),
    )


def wanted_for_galleries(files: AuditFiles) -> list[tuple[str, str]]:
    """The pictures that the galleries show, the first of every gallery first."""
    columns = [[(card.side, card.path) for card in _cards([g])] for g in galleries_of(files)]
    longest = max(map(len, columns), default=0)
    return [column[n] for n in range(longest) for column in columns if n < len(column)]


def wanted_for_map(files: AuditFiles) -> list[tuple[str, str]]:
    """The pictures that the map shows, in an order of which every part covers the whole map."""
    keys = _on_map(files)
    order = np.random.default_rng(0).permutation(len(keys))
    return [keys[place] for place in order]


def _on_map(files: AuditFiles) -> list[tuple[str, str]]:
    points = points_of(files.images)
    return list(zip(points["side"], points["path"], strict=True))


def _cards(galleries: Sequence[Gallery]) -> Iterator[Card]:
    for gallery in galleries:
        for group in gallery.groups:
            yield from group


def _gauges(scores: Any) -> list[Gauge]:
    gauges = []
    for name in SCORE_NAMES:
        finding = finding_of(scores, name)
        ends = scores.get("intervals", {}).get(name) or (None, None)
        gauges.append(
            Gauge(
                name=name,
                meaning=FAULTS[name],
                value=scores[name],
                low=ends[0],
                high=ends[1],
                chance=scores["chance"].get(name),
                null=scores.get("null", {}).get(name),
                floor=scores.get("floor", {}).get(name),
                p_value=finding.p_value,
                severity=finding.severity,
                sentence=finding.text,
            )
        )
    return gauges


def _classes(scores: Any) -> list[tuple[str, dict[str, Any]]]:
    return sorted(scores.get("classes", {}).items())
