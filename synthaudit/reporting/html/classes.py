"""The classes of an audit as a heat map: what is wrong in each, with intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from synthaudit.measures.intervals import normal_width, wilson
from synthaudit.measures.scores import SCORE_NAMES
from synthaudit.result.reading import AuditFiles

if TYPE_CHECKING:
    import pandas as pd

Cell = tuple[float, float | None, float | None, float]
"""A number, both ends of its interval, and how bad it is from 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class ClassColumn:
    """A fault by class.

    Attributes:
        title: of the column.
        meaning: in a sentence.
        cell: the real and the synthetic images of a class to what stands there; None unknown.
        digits: after the point.
    """

    title: str
    meaning: str
    cell: Callable[[pd.DataFrame, pd.DataFrame], Cell | None]
    digits: int = 2


def class_data(files: AuditFiles) -> dict[str, Any] | None:
    """The table that the page draws; None without classes on both sides."""
    scores, images = files.scores, files.images
    if not scores.get("classes"):
        return None
    confidence = float(scores["provenance"]["settings"].get("confidence", 0.95))
    columns = [*_columns(scores, confidence)]
    gains = (scores.get("usefulness") or {}).get("classes", {})
    sides = {side: _by_class(images[images["side"] == side]) for side in ("real", "synthetic")}
    nobody = images.iloc[:0]
    rows = []
    for name in sorted(sides["real"].keys() | sides["synthetic"].keys()):
        real, made = (sides[side].get(name, nobody) for side in ("real", "synthetic"))
        cells = [own.cell(real, made) for own in columns]
        if gains:
            cells.append(_gain(gains.get(name)))
        known = [cell[3] for cell in cells if cell is not None]
        rows.append(
            {
                "name": name,
                "real": len(real),
                "synthetic": len(made),
                "cells": [None if cell is None else _rounded(cell) for cell in cells],
                # Whoever has no synthetic image at all comes first.
                "heat": round(sum(known), 4) if len(made) else float(len(columns)),
            }
        )
    told = [{"title": c.title, "meaning": c.meaning, "digits": c.digits} for c in columns]
    if gains:
        meaning = "What the synthetic images add to its accuracy; below 0 they cost some."
        told.append({"title": "gain", "meaning": meaning, "digits": 3})
    return {"columns": told, "rows": rows}


def _by_class(images: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return {str(name): own for name, own in images.groupby("class")}


def _columns(scores: Mapping[str, Any], confidence: float) -> list[ClassColumn]:
    chance = scores["chance"]
    meanings = {
        "unrealistic": "Mean probability of its synthetic images to be synthetic.",
        "unrepresentative": "Mean probability of its real images to be real.",
        "unvaried": "Share of its synthetic images that repeat another one.",
        "unoriginal": "Share of its synthetic images that copy a real one.",
    }
    found = [
        ClassColumn(
            title=name,
            meaning=meanings[name],
            cell=_detected(is_real=name != "unrealistic", level=chance[name] or 0.5,
                           confidence=confidence)
            if place < 2
            else _flagged(f"is_{name}", confidence),
        )
        for place, name in enumerate(SCORE_NAMES)
    ]  # fmt: skip
    if scores.get("labels"):
        meaning = "Share of its synthetic images that show another class."
        cell = _flagged("is_wrong_label", confidence)
        found.append(ClassColumn(title="wrong class", meaning=meaning, cell=cell))
    if scores.get("broken"):
        meaning = "Share of its synthetic images that are broken pictures."
        cell = _flagged("is_broken", confidence)
        found.append(ClassColumn(title="broken", meaning=meaning, cell=cell))
    meaning = "Share of its real images that nothing synthetic is near to."
    found.append(ClassColumn(title="not covered", meaning=meaning, cell=_uncovered(confidence)))
    return found


def _detected(
    *, is_real: bool, level: float, confidence: float
) -> Callable[[pd.DataFrame, pd.DataFrame], Cell | None]:
    def cell(real: pd.DataFrame, made: pd.DataFrame) -> Cell | None:
        own = (real if is_real else made)["label_quality"].dropna().to_numpy(float)
        # Of classes that one side has alone the detector says nothing that could be compared.
        if len(own) < 2 or real.empty or made.empty:
            return None
        middle = float(own.mean())
        width = normal_width(confidence) * float(own.std(ddof=1)) / np.sqrt(len(own))
        ends = (max(middle - width, 0.0), min(middle + width, 1.0))
        return middle, *ends, float(np.clip((middle - level) / (1.0 - level), 0.0, 1.0))

    return cell


def _flagged(flag: str, confidence: float) -> Callable[[pd.DataFrame, pd.DataFrame], Cell | None]:
    def cell(_: pd.DataFrame, made: pd.DataFrame) -> Cell | None:
        return None if made.empty or flag not in made else _share(made[flag], confidence)

    return cell


def _uncovered(confidence: float) -> Callable[[pd.DataFrame, pd.DataFrame], Cell | None]:
    def cell(real: pd.DataFrame, _: pd.DataFrame) -> Cell | None:
        known = real["uncoveredness"].dropna()
        return None if known.empty else _share(known > 1.0, confidence)

    return cell


def _share(flags: pd.Series, confidence: float) -> Cell:
    share = float(flags.mean())
    ends = wilson(share, len(flags), confidence)
    return share, ends.low, ends.high, share


def _gain(own: Mapping[str, float] | None) -> Cell | None:
    if own is None:
        return None
    gain = float(own["gain"])
    return gain, None, None, float(np.clip(-5.0 * gain, 0.0, 1.0))


def _rounded(cell: Cell) -> list[float | None]:
    return [None if number is None else round(number, 4) for number in cell]
