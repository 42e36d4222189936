"""Everything that is found on two embedded sides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synthaudit.arrays import Vectors
from synthaudit.auditing.artefacts import Artefacts, inspect_artefacts
from synthaudit.auditing.context import Workbench
from synthaudit.auditing.copying import Copying, judge_copying
from synthaudit.auditing.engine import Engine
from synthaudit.auditing.keeping import Keeping, keep_the_best
from synthaudit.auditing.measuring import Measurement, measure
from synthaudit.auditing.sides import EmbeddedSide
from synthaudit.auditing.usefulness import Usefulness, judge_usefulness
from synthaudit.measures.projection import Plane, project
from synthaudit.measures.usefulness.label_fidelity import label_fidelity
from synthaudit.progress import Progress
from synthaudit.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Findings:
    """All that was found on the real rows followed by the synthetic ones.

    Attributes:
        measured: the scores and the measures behind them.
        files: the artefact audit, where there was one.
        copying: which images are copies; None after ``quick``.
        usefulness: what the images are worth as training data, where there are classes.
        keeping: what is worth keeping, where that was asked for.
        plane: where each image lies on the map.
    """

    measured: Measurement
    plane: Plane
    files: Artefacts | None
    copying: Copying | None
    usefulness: Usefulness | None
    keeping: Keeping | None


def find(
    real: EmbeddedSide,
    synthetic: EmbeddedSide,
    vectors: Vectors,
    *,
    settings: Settings,
    progress: Progress,
    bench: Workbench | None,
    engine: Engine,
) -> Findings:
    """Measure both sides by every means that the settings ask for.

    Args:
        real: the real side.
        synthetic: the synthetic side.
        vectors: (n, d) of both, from ``join``.
        settings: of the audit.
        progress: told of the stages.
        bench: what reading files needs; None for ready vectors.
        engine: does the heavy work.
    """
    is_synthetic = np.arange(len(vectors)) >= len(real.vectors)
    classes = np.array([*real.labels, *synthetic.labels], dtype=object)
    found = measure(vectors, is_synthetic, classes, settings, progress, engine=engine)
    groups = np.full(len(vectors), -1) if found.fold_group is None else found.fold_group
    labels = keeping = None
    if settings.keep or not settings.quick:
        labels = label_fidelity(found.axes, is_synthetic, classes, groups, seed=settings.seed)
    if settings.keep:
        keeping = keep_the_best(
            vectors,
            is_synthetic,
            classes,
            found,
            labels,
            settings=settings,
            progress=progress,
            engine=engine,
        )
    progress.start("drawing the map", 0)
    plane = project(
        vectors,
        is_synthetic,
        method="principal axes" if settings.quick else "t-SNE",
        seed=settings.seed,
    )
    if settings.quick:
        return Findings(
            measured=found, plane=plane, files=None, copying=None, usefulness=None, keeping=keeping
        )
    files = copying = None
    sides = None
    if real.readable is not None and synthetic.readable is not None:
        sides = (real.readable, synthetic.readable)
    if found.duplicates is not None:
        patterns = None
        if sides and bench:
            patterns = np.concatenate([bench.read_patterns(side) for side in sides])
        progress.start("judging copies", 0)
        copying = judge_copying(
            is_synthetic,
            found.duplicates,
            # A file that vanished since it was embedded leaves no rows to compare.
            patterns if patterns is not None and len(patterns) == len(vectors) else None,
            settings=settings,
        )
    if sides and bench and found.fold_group is not None and found.detection.assignments:
        auc = found.detection.auc
        files = inspect_artefacts(
            sides, vectors, is_synthetic, groups, detector_auc=auc, bench=bench
        )
    progress.start("training probes", 0)
    usefulness = judge_usefulness(
        found.axes,
        vectors,
        is_synthetic,
        classes,
        groups=groups,
        clusters=found.cluster,
        labels=labels,
        embedder=None if bench is None else bench.embedder,
        settings=settings,
    )
    progress.start("done", 0)
    return Findings(
        measured=found,
        plane=plane,
        files=files,
        copying=copying,
        usefulness=usefulness,
        keeping=keeping,
    )
