"""All measures of an audit on two sides' vectors, by one definition or the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from synthaudit.arrays import Flags, Floats, Integers, Names, Vectors
from synthaudit.auditing.certainty import Certainty, ascertain
from synthaudit.auditing.engine import Engine
from synthaudit.auditing.supporting import Support, support
from synthaudit.measures.copies.duplicates import Duplicates, find_duplicates
from synthaudit.measures.copies.studio import find_studio_duplicates
from synthaudit.measures.detection.cross_validation import principal_axes
from synthaudit.measures.detection.detector import Detection, detect
from synthaudit.measures.detection.folds import fold_groups
from synthaudit.measures.scores import Evidence, FourScores, four_scores, scores_by_class
from synthaudit.measures.search.neighbours import Directions, Neighbours, nearest
from synthaudit.measures.search.pairs import Pairs
from synthaudit.progress import Progress
from synthaudit.settings import Settings

_STUDIO_NOTE: Final = (
    "These are Cleanlab Studio's definitions: they move with the ratio of the sides and are not to "
    "be compared with the default ones."
)
_QUICK_NOTE: Final = (
    "Quick: there are no intervals, nulls, p-values and floor, and the folds were drawn once."
)
_NO_RADIUS_NOTE: Final = (
    "The real side has fewer than two distinct images, so no duplicate radius can be learnt from "
    "it: only identical images count as repeats and copies."
)


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What the measures say of n images, in numbers and arrays (n,).

    ``axes`` (n, rank) are the standardised principal axes on which the detector judged.
    """

    axes: Floats
    scores: FourScores
    chance: Mapping[str, float | None]
    classes: Mapping[str, FourScores]
    detection: Detection
    nearest: Mapping[str, Neighbours]
    cluster: Integers
    fold_group: Integers | None
    is_unvaried: Flags
    is_unoriginal: Flags
    pairs: Pairs
    duplicates: Duplicates | None
    duplicate_summary: Mapping[str, Any]
    certainty: Certainty | None
    support: Support | None
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Copies:
    """The duplicate search of either definition, brought to one form."""

    nearest: Mapping[str, Neighbours]
    cluster: Integers
    fold_group: Integers | None
    is_unvaried: Flags
    is_unoriginal: Flags
    pairs: Pairs
    summary: dict[str, Any]
    chance: float | None
    found: Duplicates | None
    notes: tuple[str, ...] = ()


def measure(
    vectors: Vectors,
    is_synthetic: Flags,
    labels: Names,
    settings: Settings,
    progress: Progress,
    *,
    engine: Engine = Engine(),  # noqa: B008 - frozen
) -> Measurement:
    """Measure two sides.

    Args:
        vectors: (n, d) finite embeddings of non-zero length.
        is_synthetic: (n,) the side of each; both occur.
        labels: (n,) class names, None without.
        settings: the definition and its options.
        progress: told of the stages.
        engine: does the heavy work.

    Returns:
        ``Measurement``.
    """
    by_default = settings.definition == "default"
    # Everyone is looked for among the real images, and among the synthetic ones.
    progress.start("searching near-duplicates", 2 * len(vectors) if by_default else 0)
    if by_default:
        copies = _search(vectors, is_synthetic, settings, progress, engine)
    else:
        copies = _search_as_studio(vectors, is_synthetic)
    progress.start("cross-validating the detector", 0)
    axes = principal_axes(vectors, engine.allocate)
    detection = detect(
        axes,
        is_synthetic,
        copies.fold_group,
        folds=settings.folds,
        repeats=settings.repeats if by_default and not settings.quick else 1,
        balanced=by_default,
        seed=settings.seed,
        validate=engine.validate,
    )
    certainty = None
    if copies.found is not None and copies.fold_group is not None and not settings.quick:
        certainty = ascertain(
            vectors,
            is_synthetic,
            groups=copies.fold_group,
            detection=detection,
            copies=copies.found,
            settings=settings,
            progress=progress,
            validate=engine.validate,
        )
    supported = None
    if not settings.quick:
        progress.start("measuring coverage and fidelity", 0)
        supported = support(vectors, is_synthetic, labels, settings)
    progress.start("done", 0)
    evidence = Evidence(
        label_quality=detection.label_quality,
        is_synthetic=is_synthetic,
        is_unvaried=copies.is_unvaried,
        is_unoriginal=copies.is_unoriginal,
    )
    synthetic_share = 0.5 if by_default else float(is_synthetic.mean())
    return Measurement(
        axes=axes,
        scores=four_scores(evidence),
        chance={
            "unrealistic": synthetic_share,
            "unrepresentative": 1.0 - synthetic_share,
            "unvaried": copies.chance,
            "unoriginal": copies.chance,
        },
        classes=scores_by_class(labels, evidence),
        detection=detection,
        nearest=copies.nearest,
        cluster=copies.cluster,
        fold_group=copies.fold_group,
        is_unvaried=copies.is_unvaried,
        is_unoriginal=copies.is_unoriginal,
        pairs=copies.pairs,
        duplicates=copies.found,
        duplicate_summary=copies.summary,
        certainty=certainty,
        support=supported,
        notes=(
            *copies.notes,
            *_detector_notes(detection, is_synthetic),
            *((_QUICK_NOTE,) if settings.quick else ()),
        ),
    )


def _search(
    vectors: Vectors,
    is_synthetic: Flags,
    settings: Settings,
    progress: Progress,
    engine: Engine,
) -> _Copies:
    directions = Directions(vectors, engine.search, engine.allocate)
    found = find_duplicates(
        directions,
        is_synthetic,
        false_alarms=settings.false_alarms,
        distance=settings.duplicate_distance,
        advance=progress.advance,
    )
    radius = found.radius
    known = not radius.is_absolute and radius.real_count >= 2
    return _Copies(
        nearest={"real": found.nearest_real, "synthetic": found.nearest_synthetic},
        cluster=found.cluster,
        fold_group=fold_groups(
            directions,
            found.cluster,
            is_synthetic,
            radius=radius.largest,
            folds=settings.folds,
        ),
        is_unvaried=found.is_unvaried,
        is_unoriginal=found.is_unoriginal,
        pairs=found.pairs,
        summary={
            "radius": radius.real,
            "synthetic_radius": radius.synthetic,
            "intrinsic_dimension": radius.intrinsic_dimension,
            "distinct_real": radius.real_count,
            "pairs": found.pair_count,
            "pairs_listed": len(found.pairs),
            "clusters": int(found.cluster.max(initial=-1)) + 1,
            "search_recall": found.search_recall,
        },
        chance=settings.false_alarms if known else None,
        found=found,
        notes=(*_radius_notes(found), *_search_notes(found)),
    )


def _search_as_studio(
    vectors: Vectors,
    is_synthetic: Flags,
) -> _Copies:
    found = find_studio_duplicates(vectors, is_synthetic)
    directions, everyone = Directions(vectors), np.arange(len(vectors))
    return _Copies(
        nearest={
            "real": nearest(directions, everyone, everyone[~is_synthetic]),
            "synthetic": nearest(directions, everyone, everyone[is_synthetic]),
        },
        cluster=found.cluster,
        fold_group=None,
        is_unvaried=found.is_unvaried,
        is_unoriginal=found.is_unoriginal,
        pairs=found.pairs,
        summary={
            "radius": found.threshold,
            "metric": found.metric,
            "pairs": found.pair_count,
            "pairs_listed": len(found.pairs),
            "clusters": int(found.cluster.max(initial=-1)) + 1,
        },
        chance=None,
        found=None,
        notes=(_STUDIO_NOTE,),
    )


def _radius_notes(found: Duplicates) -> tuple[str, ...]:
    if found.radius.is_absolute or found.radius.real_count >= 2:
        return ()
    return (_NO_RADIUS_NOTE,)


def _search_notes(found: Duplicates) -> tuple[str, ...]:
    if found.search_recall is None:
        return ()
    note = (
        "There are too many pairs to look at every one: of near neighbours that were checked, the "
        f"search finds {found.search_recall:.1%}."
    )
    return (note,)


def _detector_notes(detection: Detection, is_synthetic: Flags) -> tuple[str, ...]:
    lost = detection.undetermined
    if not lost.any():
        return ()
    sides = f"{int((lost & ~is_synthetic).sum()):,} real and {int((lost & is_synthetic).sum()):,}"
    note = (
        f"The detector could not judge {sides} synthetic images and gives them 0.5: a side is too "
        "small, or nearly all of it is one cluster of copies."
    )
    return (note,)
