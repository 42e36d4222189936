"""From the sections of an audit to an ``Audit``: tables with a row an image, and the provenance."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final

import numpy as np
import pandas as pd

from synthaudit.auditing.context import Context
from synthaudit.auditing.route import image_columns
from synthaudit.auditing.sources import Side, Sources
from synthaudit.auditing.steps.certainty import CertaintySection
from synthaudit.auditing.steps.scores import ScoreSection
from synthaudit.embedding.licences import licence_of
from synthaudit.measures.samples import Samples
from synthaudit.measures.scores import SCORE_NAMES
from synthaudit.result.audit import Audit
from synthaudit.result.decisions import Decisions
from synthaudit.result.scores import Score
from synthaudit.result.section import Section
from synthaudit.result.tables import FIRST_COLUMNS, image_table, unreadable_table
from synthaudit.settings import Settings
from synthaudit.version import installed_version

_VERSIONED: Final = ("numpy", "scipy", "pillow")
_QUICK_NOTE: Final = (
    "Quick: folds were drawn once, p-values of the detector are approximate, and there are no "
    "intervals, floor, few-shot curve, Frechet and kernel distance, nor the control of the files."
)
# Tables with a row an image come in the order in which the images were given.
_BY_SIDE: Final = {"kept": ("synthetic",)}


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where the vectors come from, for the provenance."""

    embedder: str
    fingerprint: str
    device: str
    recipe: Mapping[str, Any] | None = None
    decisions: Decisions | None = None


def assemble(
    sources: Sources,
    samples: Samples,
    context: Context,
    sections: Mapping[str, Section],
    origin: Origin,
) -> Audit:
    """Put an audit together.

    Args:
        sources: where the samples came from.
        samples: as the last step left them.
        context: of the audit, with all sections.
        sections: those that are part of the result.
        origin: where the vectors come from.
    """
    scores, certainty = context.section(ScoreSection), context.find(CertaintySection)
    settings = context.settings
    unreadable = [
        (lost.path, side.name, lost.reason) for side in sources.sides for lost in side.unreadable
    ]
    notes = [note for section in sections.values() for note in section.notes()]
    if origin.decisions is not None:
        notes.append(origin.decisions.note())
    return Audit(
        scores={name: _score(scores, certainty, name) for name in SCORE_NAMES},
        classes=scores.classes,
        counts={
            "real": sources.real.count,
            "synthetic": sources.synthetic.count,
            "unreadable": len(unreadable),
            "classes": len(scores.classes),
            **_missing_classes(samples),
            **{
                name: count
                for section in sections.values()
                for name, count in section.counts().items()
            },
        },
        sections=sections,
        images=_as_given(_images(samples, sections), *sources.sides),
        tables=_tables(samples, sections, sources),
        unreadable=unreadable_table(unreadable),
        notes=(*notes, *_quick_notes(settings)),
        provenance=_provenance(sources, context, sections, origin),
        roots={side.name: side.root for side in sources.sides},
        sources={
            side.name: str(side.root) if side.images is None else side.images.name
            for side in sources.sides
        },
        entries={
            side.name: () if side.images is None else side.images.entries for side in sources.sides
        },
    )


def _missing_classes(samples: Samples) -> dict[str, int]:
    """How many classes of the real images no synthetic one has, where both sides have classes."""
    real, synthetic = (
        {*samples.classes[rows]} - {None} for rows in (samples.real, samples.synthetic)
    )
    missing = len(real - synthetic) if real & synthetic else 0
    return {"missing_classes": missing} if missing else {}


def _quick_notes(settings: Settings) -> tuple[str, ...]:
    return (_QUICK_NOTE,) if settings.quick and settings.definition == "default" else ()


def _images(samples: Samples, sections: Mapping[str, Section]) -> pd.DataFrame:
    found = {
        name: values
        for section in sections.values()
        for name, values in section.columns(samples).items()
    }
    missing = {
        name: np.full(len(samples), column.missing)
        for name, column in image_columns().items()
        # Flags and what other programs rely on are always there.
        if name not in found and (name in FIRST_COLUMNS or column.missing is False)
    }
    return image_table(samples, {**missing, **found})


def _tables(
    samples: Samples, sections: Mapping[str, Section], sources: Sources
) -> dict[str, pd.DataFrame]:
    tables = {
        name: table
        for section in sections.values()
        for name, table in section.tables(samples).items()
    }
    for name in tables.keys() & _BY_SIDE:
        sides = [side for side in sources.sides if side.name in _BY_SIDE[name]]
        tables[name] = _as_given(tables[name], *sides)
    return tables


def _as_given(table: pd.DataFrame, *sides: Side) -> pd.DataFrame:
    """A table with a row an image in the order in which the images were given, side by side."""
    order, start = [], 0
    for side in sides:
        own = np.arange(side.count) if side.position is None else side.position.argsort()
        order.append(start + own)
        start += side.count
    return table.iloc[np.concatenate(order)].reset_index(drop=True)


def _score(scores: ScoreSection, certainty: CertaintySection | None, name: str) -> Score:
    value, chance = float(vars(scores.scores)[name]), scores.chance[name]
    if certainty is None:
        return Score(value=value, chance=chance)
    interval, floor = certainty.intervals.get(name), certainty.floor
    return Score(
        value=value,
        chance=chance,
        low=None if interval is None else interval.low,
        high=None if interval is None else interval.high,
        null=certainty.null[name],
        p_value=certainty.p_values[name],
        floor=None if floor is None else float(vars(floor)[name]),
    )


def _provenance(
    sources: Sources, context: Context, sections: Mapping[str, Section], origin: Origin
) -> dict[str, Any]:
    settings = context.settings
    added: dict[str, Any] = {}
    for section in sections.values():
        added |= section.provenance()
    return {
        "synthaudit": installed_version(),
        "embedder": origin.embedder,
        "fingerprint": origin.fingerprint,
        "definition": settings.definition,
        "seed": settings.seed,
        "settings": settings.deciding(),
        "real_digest": sources.real.digest,
        "synthetic_digest": sources.synthetic.digest,
        "versions": _versions(origin),
        "device": origin.device,
        **_licence(origin),
        **_stand_in(settings, origin),
        **added,
        **({} if origin.recipe is None else {"harmonised_to": dict(origin.recipe)}),
        **({} if origin.decisions is None else {"decisions": origin.decisions.told()}),
    }


def _licence(origin: Origin) -> dict[str, str]:
    """Of the weights, where there are any; without asking anybody."""
    found = licence_of(origin.embedder, may_ask=False)
    return {} if found is None else {"licence": found}


def _stand_in(settings: Settings, origin: Origin) -> dict[str, str]:
    """What ``auto`` would rather have used."""
    is_second = settings.embedder == "auto" and origin.embedder == "builtin"
    return {"embedder_stands_in_for": "clip"} if is_second else {}


def _versions(origin: Origin) -> dict[str, str]:
    import faiss

    versions = {"synthaudit": installed_version()}
    versions |= {name: version(name) for name in _VERSIONED}
    versions |= {"faiss": faiss.__version__, "python": platform.python_version()}
    if origin.embedder.startswith(("clip", "timm")):
        names = ("torch", "open_clip_torch" if origin.embedder.startswith("clip") else "timm")
        versions |= {name: version(name) for name in names}
    return versions
