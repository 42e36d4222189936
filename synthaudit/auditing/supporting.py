"""Supporting measures of an audit, and which kinds of real image the synthetic set misses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from synthaudit.arrays import Flags, Floats, Integers, Names, Vectors
from synthaudit.measures.fidelity.frechet import frechet
from synthaudit.measures.fidelity.kernel_distance import kernel_distance
from synthaudit.measures.fidelity.prdc import neighbourhoods
from synthaudit.measures.fidelity.vendi import vendi_score
from synthaudit.measures.randomness import sample_rows, stream
from synthaudit.measures.search.clusters import identical_groups
from synthaudit.measures.search.neighbours import Directions
from synthaudit.settings import Settings

# Quadratic in the rows: beyond this many of a side a random sample stands for them.
_ROWS: Final = 5000
_KINDS: Final = 6
_EXAMPLES: Final = 3


@dataclass(frozen=True, kw_only=True)
class Supporting:
    """One supporting measure.

    Attributes:
        value: the number.
        better: ``higher`` or ``lower``.
        least: lower end of its range; None without one.
        most: upper end of its range; None without one.
        chance: its value for the same distribution; None where that is not known.
        low: lower end of an interval; None without one.
        high: upper end of an interval; None without one.
        paper: where it comes from.
    """

    value: float
    better: str
    least: float | None
    most: float | None
    chance: float | None
    paper: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class MissedKind:
    """Uncovered real images that look alike.

    Attributes:
        size: how many there are.
        rows: row numbers of the most uncovered ones.
        classes: how many of each class; empty without classes.
    """

    size: int
    rows: Sequence[int]
    classes: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class Support:
    """All supporting measures, and what is missed.

    Attributes:
        measures: by name.
        uncoveredness: (n,) of each real image, above 1 where nothing synthetic lies within its
            neighbourhood; NaN for synthetic images and those left out of the sample.
        missed: kinds of uncovered real images, the largest first.
        sampled: how many images of each side were looked at.
    """

    measures: Mapping[str, Supporting]
    uncoveredness: Floats
    missed: Sequence[MissedKind]
    sampled: Mapping[str, int]


def support(
    vectors: Vectors,
    is_synthetic: Flags,
    labels: Names,
    settings: Settings,
) -> Support | None:
    """Measure fidelity, coverage and variety beside the four scores.

    All are computed on directions (vectors of length 1), in which Euclidean distance and cosine
    distance order alike.

    Args:
        vectors: (n, d) embeddings.
        is_synthetic: (n,) the side of each.
        labels: (n,) class names, None without.
        settings: confidence and seed.

    Returns:
        ``Support``; None with fewer than ten images on a side.
    """
    rng = stream(settings.seed, "supporting")
    sides = [
        sample_rows(np.flatnonzero(side), _ROWS, rng) for side in (~is_synthetic, is_synthetic)
    ]
    if min(len(rows) for rows in sides) < 10:
        return None
    # Only of the sample: the directions of all would take as much memory as the vectors.
    directions = Directions(vectors[np.concatenate(sides)])
    everyone = np.arange(len(directions))
    real, synthetic = (directions.rows(rows) for rows in np.split(everyone, [len(sides[0])]))
    near = neighbourhoods(real, synthetic)
    uncoveredness = np.full(len(vectors), np.nan)
    uncoveredness[sides[0]] = near.uncoveredness
    gaussian = frechet(real, synthetic, seed=settings.seed)
    kernel = kernel_distance(real, synthetic, confidence=settings.confidence, seed=settings.seed)
    kynkaanniemi, naeem = "Kynkaanniemi et al. 2019", "Naeem et al. 2020"
    measures = {
        "precision": _share(near.precision, None, kynkaanniemi),
        "recall": _share(near.recall, None, kynkaanniemi),
        "density": Supporting(
            value=near.density, better="higher", least=0.0, most=None, chance=1.0, paper=naeem
        ),
        "coverage": _share(near.coverage, near.coverage_chance, naeem),
        "frechet_distance": _distance(gaussian.value, None, "Heusel et al. 2017"),
        "kernel_distance": Supporting(
            value=kernel.value,
            better="lower",
            least=None,
            most=None,
            chance=0.0,
            paper="Binkowski et al. 2018",
            low=kernel.low,
            high=kernel.high,
        ),
    }
    if gaussian.limit is not None:
        measures["frechet_distance_limit"] = _distance(
            gaussian.limit, 0.0, "Chong and Forsyth 2020"
        )
    same_size = min(len(real), len(synthetic))
    for name, rows in (("vendi_real", real), ("vendi_synthetic", synthetic)):
        measures[name] = Supporting(
            value=vendi_score(rows[rng.permutation(len(rows))[:same_size]]),
            better="higher",
            least=1.0,
            most=float(same_size),
            chance=None,
            paper="Friedman and Dieng 2023",
        )
    return Support(
        measures=measures,
        uncoveredness=uncoveredness,
        missed=_group(directions, near.uncoveredness, sides[0], labels[sides[0]], settings.seed),
        sampled={"real": len(real), "synthetic": len(synthetic)},
    )


def _share(value: float, chance: float | None, paper: str) -> Supporting:
    return Supporting(value=value, better="higher", least=0.0, most=1.0, chance=chance, paper=paper)


def _distance(value: float, chance: float | None, paper: str) -> Supporting:
    return Supporting(value=value, better="lower", least=0.0, most=None, chance=chance, paper=paper)


def _group(
    directions: Directions,
    uncoveredness: Floats,
    names: Integers,
    labels: Names,
    seed: int,
) -> list[MissedKind]:
    """Uncovered real images, the first of the directions, by what they look like: by k-means.

    ``names`` are their row numbers in the whole audit.
    """
    from sklearn.cluster import KMeans

    missed = np.flatnonzero(uncoveredness > 1.0)
    if len(missed) == 0:
        return []
    distinct = len(identical_groups(directions.unit, missed))
    count = max(min(_KINDS, len(missed) // 5, distinct), 1)
    means = KMeans(n_clusters=count, n_init=3, random_state=seed % 2**32)
    kind = means.fit_predict(directions.rows(missed))
    kinds = []
    for number in range(count):
        rows = missed[kind == number]
        order = rows[np.lexsort((rows, -uncoveredness[rows]))]
        classes = Counter(str(label) for label in labels[rows] if label is not None)
        kinds.append(
            MissedKind(
                size=len(rows),
                rows=[int(names[row]) for row in order[:_EXAMPLES]],
                classes=dict(classes.most_common()),
            )
        )
    return sorted(kinds, key=lambda kind: -kind.size)
