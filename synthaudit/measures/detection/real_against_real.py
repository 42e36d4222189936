"""Real against real, the floor of a score: what would perfect synthetic data score here?"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from synthaudit.measures.copies.duplicates import find_duplicates
from synthaudit.measures.detection.cross_validation import principal_axes
from synthaudit.measures.detection.detector import detect
from synthaudit.measures.detection.permutation import sample_units, unit_numbers
from synthaudit.measures.randomness import stream
from synthaudit.measures.samples import Samples
from synthaudit.measures.scores import SCORE_NAMES, Evidence, FourScores, four_scores
from synthaudit.measures.search.neighbours import Directions
from synthaudit.threads import Advance, ignore, in_threads

_ROWS: Final = 6000
_LEAST: Final = 20
SPLITS: Final = 3
"""Splits that are averaged."""


def real_against_real(
    samples: Samples,
    *,
    synthetic_share: float,
    false_alarms: float = 0.005,
    distance: float | None = None,
    false_discoveries: float = 0.05,
    folds: int = 5,
    splits: int = SPLITS,
    seed: int = 0,
    advance: Advance = ignore,
) -> FourScores | None:
    """Audit the real images against themselves.

    They are split at random into two parts in the ratio of the audit, near-duplicates kept
    together, and one part is audited as if it were synthetic.

    Args:
        samples: the real images alone, by their embeddings.
        synthetic_share: share of the images that goes to the pretended synthetic part.
        false_alarms: budget of the duplicate radius.
        distance: an absolute radius instead.
        false_discoveries: share of fresh images among discovered repeats and copies.
        folds: of the detector.
        splits: how many splits are averaged.
        seed: decides them.
        advance: told of splits that are done.

    Returns:
        The four scores; None with fewer than 20 real images on a part, or with so many
        near-duplicates, which stay together, that a part has none.
    """
    rng = stream(seed, "floor")
    nobody = np.zeros(len(samples), bool)
    rows = sample_units(nobody, unit_numbers(nobody, samples.groups), _ROWS, rng)
    samples = samples.take(rows)
    units = unit_numbers(nobody[rows], samples.groups)
    share = float(np.clip(synthetic_share, 0.2, 0.8))
    if len(samples) * min(share, 1.0 - share) < _LEAST:
        return None
    axes, directions = principal_axes(samples.vectors), Directions(samples.by_copies)
    parts = [
        (rng.permutation(int(units.max()) + 1) < share * (units.max() + 1))[units]
        for _ in range(splits)
    ]
    if any(part.all() or not part.any() for part in parts):  # nearly all are near-duplicates
        return None

    def audit(split: int) -> FourScores:
        pretended = parts[split]
        copies = find_duplicates(
            directions,
            pretended,
            patterns=samples.patterns,
            false_alarms=false_alarms,
            distance=distance,
            false_discoveries=false_discoveries,
            seed=seed + split,
        )
        parted = replace(samples, vectors=axes, is_synthetic=pretended)
        detection = detect(parted, folds=folds, seed=seed + split)
        evidence = Evidence(
            label_quality=detection.label_quality,
            is_synthetic=pretended,
            is_unvaried=copies.is_unvaried,
            is_unoriginal=copies.is_unoriginal,
        )
        return four_scores(evidence)

    found = in_threads(audit, range(splits), advance)
    means = {name: float(np.mean([vars(f)[name] for f in found])) for name in SCORE_NAMES}
    return FourScores(**means)
