"""From measurements to an ``Audit``: names put to rows, and the provenance added."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Final

import numpy as np
import pandas as pd

from synthaudit.arrays import Flags, Names
from synthaudit.auditing.copying import Copying
from synthaudit.auditing.finding import Findings
from synthaudit.auditing.keeping import Keeping
from synthaudit.auditing.measuring import Measurement
from synthaudit.auditing.sides import EmbeddedSide
from synthaudit.measures.scores import SCORE_NAMES
from synthaudit.result.audit import Audit, ClassScores, Score
from synthaudit.result.tables import image_table, pair_table, unreadable_table
from synthaudit.settings import Settings

_VERSIONED: Final = ("synthaudit", "numpy", "scipy", "pillow")


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where the vectors come from, for the provenance."""

    embedder: str
    fingerprint: str
    device: str
    recipe: dict[str, Any] | None = None


def assemble(
    real: EmbeddedSide,
    synthetic: EmbeddedSide,
    findings: Findings,
    *,
    origin: Origin,
    settings: Settings,
) -> Audit:
    """Put an audit together.

    Args:
        real: the real side.
        synthetic: the synthetic side.
        findings: on both.
        origin: where the vectors come from.
        settings: of the audit.
    """
    found, files, keeping = findings.measured, findings.files, findings.keeping
    sides = (real, synthetic)
    is_synthetic = np.arange(len(real.paths) + len(synthetic.paths)) >= len(real.paths)
    labels = np.array([*real.labels, *synthetic.labels], dtype=object)
    paths = np.array([*real.paths, *synthetic.paths], dtype=object)
    names = np.where(is_synthetic, "synthetic", "real").astype(object)
    unreadable = [(lost.path, side.name, lost.reason) for side in sides for lost in side.unreadable]
    return Audit(
        **{name: _score(found, name) for name in SCORE_NAMES},
        counts={
            "real": len(real.paths),
            "synthetic": len(synthetic.paths),
            "unreadable": len(unreadable),
            "classes": len(found.classes),
        },
        detector={
            "auc": found.detection.auc,
            "accuracy": found.detection.accuracy,
            **_detector_p_value(found),
            "undetermined_real": int((found.detection.undetermined & ~is_synthetic).sum()),
            "undetermined_synthetic": int((found.detection.undetermined & is_synthetic).sum()),
        },
        duplicates=found.duplicate_summary,
        supporting={}
        if found.support is None
        else {name: vars(measure) for name, measure in found.support.measures.items()},
        missed=_missed(found, paths),
        classes={
            name: ClassScores(
                **vars(scores),
                real=int(((labels == name) & ~is_synthetic).sum()),
                synthetic=int(((labels == name) & is_synthetic).sum()),
            )
            for name, scores in found.classes.items()
        },
        images=_as_given(_images(findings, paths, names, labels), real, synthetic),
        pairs=pair_table(
            paths,
            names,
            first=found.pairs.first,
            second=found.pairs.second,
            distance=found.pairs.distance,
        ),
        unreadable=unreadable_table(unreadable),
        memorisation={} if findings.copying is None else findings.copying.to_dict(),
        copies=None if findings.copying is None else _copies(findings.copying, paths, is_synthetic),
        usefulness={} if findings.usefulness is None else findings.usefulness.to_dict(),
        artefacts={} if files is None else files.to_dict(),
        kept=None if keeping is None else _as_given(_kept(keeping, paths, is_synthetic), synthetic),
        kept_scores={}
        if keeping is None or keeping.scores is None
        else {name: float(value) for name, value in vars(keeping.scores).items()},
        notes=(*found.notes, *(() if files is None else files.notes(found.detection.auc))),
        provenance={
            "synthaudit": version("synthaudit"),
            "embedder": origin.embedder,
            "fingerprint": origin.fingerprint,
            "definition": settings.definition,
            "seed": settings.seed,
            "settings": settings.deciding(),
            "real_digest": real.digest,
            "synthetic_digest": synthetic.digest,
            "versions": _versions(origin),
            "device": origin.device,
            "map": findings.plane.method,
            **({} if origin.recipe is None else {"harmonised_to": origin.recipe}),
        },
        roots={side.name: side.root for side in sides},
        entries={
            side.name: () if side.readable is None else side.readable.entries for side in sides
        },
    )


def _as_given(table: pd.DataFrame, *sides: EmbeddedSide) -> pd.DataFrame:
    """A table with a row an image in the order in which the images were given, side by side."""
    order, start = [], 0
    for side in sides:
        count = len(side.paths)
        order.append(
            start + (np.arange(count) if side.position is None else side.position.argsort())
        )
        start += count
    return table.iloc[np.concatenate(order)].reset_index(drop=True)


def _score(found: Measurement, name: str) -> Score:
    certainty = found.certainty
    value, chance = float(vars(found.scores)[name]), found.chance[name]
    if certainty is None:
        return Score(value=value, chance=chance)
    interval = certainty.intervals[name]
    return Score(
        value=value,
        chance=chance,
        low=interval.low,
        high=interval.high,
        null=certainty.null[name],
        p_value=certainty.p_values[name],
        floor=None if certainty.floor is None else float(vars(certainty.floor)[name]),
    )


def _kept(keeping: Keeping, paths: Names, is_synthetic: Flags) -> pd.DataFrame:
    chosen = keeping.selection
    return pd.DataFrame(
        {
            "path": paths[is_synthetic].astype(str),
            "is_kept": chosen.is_kept[is_synthetic],
            "reason": chosen.reason[is_synthetic].astype(str),
        }
    )


def _missed(found: Measurement, paths: Names) -> list[dict[str, Any]]:
    if found.support is None:
        return []
    return [
        {
            "size": kind.size,
            "examples": [str(paths[row]) for row in kind.rows],
            "classes": dict(kind.classes),
        }
        for kind in found.support.missed
    ]


def _detector_p_value(found: Measurement) -> dict[str, float | None]:
    return {} if found.certainty is None else {"p_value": found.certainty.p_values["auc"]}


def _copies(copying: Copying, paths: Names, is_synthetic: Flags) -> pd.DataFrame:
    """A row a discovered copy, the surest first."""
    by, rows = copying.found_by, np.flatnonzero(is_synthetic)
    own, patterns = copying.embedding, copying.patterns
    columns: dict[str, Any] = {
        "path": paths[rows].astype(str),
        "original": paths[own.original].astype(str),
        "distance": own.distance,
        "p_value": own.p_value,
        "found_by": by.astype(str),
    }
    if patterns is not None:
        alone = by == "pattern"
        columns["original"] = np.where(
            alone, paths[patterns.found.original].astype(str), columns["original"]
        )
        # The embedding's distance is that to its own nearest, which may be another image here.
        columns["distance"] = np.where(alone, np.nan, own.distance)
        columns["pattern_distance"] = np.where(
            alone, patterns.found.distance, patterns.pair_distance
        )
        columns["pattern_p_value"] = patterns.found.p_value
        columns["is_mirrored"] = patterns.is_mirrored
    table: pd.DataFrame = pd.DataFrame(columns).loc[by != ""]
    order = ["p_value", "distance", "path"]
    return table.sort_values(order, kind="stable", ignore_index=True)


def _images(
    findings: Findings,
    paths: Names,
    names: Names,
    labels: Names,
) -> Any:
    found = findings.measured
    copy_p_value = np.full(len(paths), np.nan)
    if findings.copying is not None:
        copy_p_value[names == "synthetic"] = findings.copying.embedding.p_value
    is_wrong_label = np.full(len(paths), fill_value=False)
    if findings.usefulness is not None and findings.usefulness.labels is not None:
        is_wrong_label = findings.usefulness.labels.is_wrong
    return image_table(
        paths=paths,
        sides=names,
        labels=labels,
        nearest={
            side: (near.index[:, 0], near.distance[:, 0]) for side, near in found.nearest.items()
        },
        cluster=found.cluster,
        columns={
            "label_quality": found.detection.label_quality,
            "probability_synthetic": found.detection.probability_synthetic,
            "is_unvaried": found.is_unvaried,
            "is_unoriginal": found.is_unoriginal,
            "copy_p_value": copy_p_value,
            "is_wrong_label": is_wrong_label,
            "uncoveredness": np.full(len(paths), np.nan)
            if found.support is None
            else found.support.uncoveredness,
            "map_x": findings.plane.place[:, 0],
            "map_y": findings.plane.place[:, 1],
        },
    )


def _versions(origin: Origin) -> dict[str, str]:
    import faiss

    versions = {name: version(name) for name in _VERSIONED}
    versions |= {"faiss": faiss.__version__, "python": platform.python_version()}
    if origin.embedder.startswith(("clip", "timm")):
        names = ("torch", "open_clip_torch" if origin.embedder.startswith("clip") else "timm")
        versions |= {name: version(name) for name in names}
    return versions
