"""Error bars: images drawn anew by whole clusters, the detector and the radius fitted anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from synthaudit.arrays import Flags, Floats, Integers
from synthaudit.measures.copies.radius import radius_of_distances
from synthaudit.measures.detection.cross_validation import (
    CrossValidate,
    cross_validate,
    principal_axes,
)
from synthaudit.measures.detection.detector import Detection, label_quality
from synthaudit.measures.detection.penalty_choice import INVERSE_PENALTIES
from synthaudit.measures.detection.permutation import sample_units, unit_numbers
from synthaudit.measures.intervals import Interval, normal_width, wilson
from synthaudit.measures.randomness import stream
from synthaudit.measures.samples import Samples
from synthaudit.measures.search.neighbours import is_near
from synthaudit.threads import Advance, ignore

_ROWS: Final = 2500

DETECTOR_SCORES: Final = ("unrealistic", "unrepresentative")
"""The scores that come from the detector."""


def detector_spread(
    samples: Samples,
    detection: Detection,
    *,
    resamples: int = 60,
    seed: int = 0,
    validate: CrossValidate = cross_validate,
    advance: Advance = ignore,
) -> dict[str, float]:
    """Standard deviations of ``unrealistic`` and ``unrepresentative`` over resampled images.

    Each resample draws whole clusters of each side with replacement and cross-validates the
    detector anew on the folds of the audit, its penalty chosen again among those near the audit's,
    so that the images judged, those learnt from and the choice all vary. Above 2,500 images a
    sample of clusters is resampled and its spread scaled.

    Args:
        samples: the images, by their embeddings.
        detection: what the detector said.
        resamples: how many.
        seed: decides the resamples.
        validate: does the work.
        advance: told of resamples that are done.

    Returns:
        Standard deviation by score; empty where the detector could learn nothing.
    """
    if not detection.assignments:
        return {}
    rng = stream(seed, "bootstrap")
    is_synthetic = samples.is_synthetic
    units = unit_numbers(is_synthetic, samples.groups)
    rows = sample_units(is_synthetic, units, _ROWS, rng)
    drawn = draw_units(is_synthetic[rows], units[rows], resamples, rng)
    folds = detection.assignments[0].take(rows)
    outcomes = validate(
        # Twice as fast as float64, and spreads agree to 1e-7.
        principal_axes(samples.vectors[rows]).astype(np.float32),
        [replace(folds, counts=counts) for counts in drawn.T],
        penalties=_near_penalties(detection),
        tolerance=3e-4,
        advance=advance,
    )
    sides = (is_synthetic[rows], ~is_synthetic[rows])
    scores = np.array(
        [
            [
                np.average(label_quality(outcome.probability, sides[0])[side], weights=counts[side])
                for side in sides
            ]
            for outcome, counts in zip(outcomes, drawn.T, strict=True)
        ]
    )
    spread = scores.std(axis=0, ddof=1) * np.sqrt(len(rows) / len(units))
    return dict(zip(DETECTOR_SCORES, map(float, spread), strict=True))


def detector_intervals(
    is_synthetic: Flags,
    detection: Detection,
    spread: Mapping[str, float],
    *,
    least_spread: Mapping[str, float] | None = None,
    confidence: float = 0.95,
) -> dict[str, Interval]:
    """Intervals of ``unrealistic`` and ``unrepresentative``.

    Resamples repeat images and so score a little differently; only their spread is used, around the
    value itself, and never less than the spread under permutation, which the choice of the penalty
    widens where there is little to detect. The spread between fold seeds is added.

    Args:
        is_synthetic: (n,) the side of each image.
        detection: what the detector said.
        spread: by score, what ``detector_spread`` found.
        least_spread: by score, the standard deviation under permutation.
        confidence: of the intervals.

    Returns:
        ``Interval`` by score; the whole of [0, 1] where the detector could learn nothing.
    """
    if not spread:
        return {name: Interval(low=0.0, high=1.0) for name in DETECTOR_SCORES}
    intervals = {}
    for name, side in zip(DETECTOR_SCORES, (is_synthetic, ~is_synthetic), strict=True):
        each = [
            label_quality(outcome.probability, is_synthetic)[side].mean()
            for outcome in detection.outcomes
        ]
        width = max(spread[name], (least_spread or {}).get(name, 0.0))
        intervals[name] = _around(np.array(each), width, confidence)
    return intervals


def mean_interval(values: Floats, units: Integers, whole: Interval, confidence: float) -> Interval:
    """Interval of the mean label quality of some images, such as those of a class.

    Their own spread, cluster by cluster, and that of the detector as the interval of the whole set
    tells it, as if the two were independent.

    Args:
        values: (m,) label qualities.
        units: (m,) cluster number of each image.
        whole: the interval of the mean over all images of the side.
        confidence: of both.

    Returns:
        ``Interval`` within [0, 1]; all of it with a single cluster.
    """
    numbers, unit = np.unique(units, return_inverse=True)
    if len(numbers) < 2:
        return Interval(low=0.0, high=1.0)
    middle = float(values.mean())
    # The sum of each cluster's deviations varies as a whole.
    sums = np.bincount(unit, weights=values - middle)
    variance = float(np.square(sums).sum()) * len(numbers) / (len(numbers) - 1.0) / len(values) ** 2
    width = np.hypot(normal_width(confidence) * np.sqrt(variance), (whole.high - whole.low) / 2.0)
    return Interval(low=max(middle - float(width), 0.0), high=min(middle + float(width), 1.0))


def share_interval(
    flagged_at: Floats,
    radius: float,
    units: Integers,
    radii: Floats,
    *,
    confidence: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Interval of the share of images nearer than the radius.

    Clusters are drawn with replacement, each draw with a radius of its own. The interval is never
    narrower than Wilson's for as many independent images as there are clusters, without which a
    share of nothing would have no uncertainty.

    Args:
        flagged_at: (M,) distance of each synthetic image to its nearest neighbour.
        radius: the radius of the audit.
        units: (M,) cluster number of each image.
        radii: (B,) radii of resampled real images.
        confidence: of the interval.
        seed: decides the draws.

    Returns:
        ``Interval``.
    """
    rng = stream(seed, "shares")
    numbers, unit = np.unique(units, return_inverse=True)
    sizes = np.bincount(unit)
    shares = np.empty(len(radii))
    for draw, own in enumerate(radii):
        hits = np.bincount(unit, weights=is_near(flagged_at, own))
        times = rng.multinomial(len(numbers), np.full(len(numbers), 1.0 / len(numbers)))
        shares[draw] = float(hits @ times) / max(float(sizes @ times), 1.0)
    share = float(is_near(flagged_at, radius).mean())
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(shares, [tail, 1.0 - tail])
    least = wilson(share, len(numbers), confidence)
    return Interval(low=min(float(low), least.low), high=max(float(high), least.high))


def resample_radii(
    distances: Floats, *, false_alarms: float, resamples: int = 200, seed: int = 0
) -> tuple[Floats, Floats]:
    """(B,) base radii and (B,) dimensions of resampled real images, from (N,) nearest distances.

    Neighbours come in pairs, so each draw takes half as many, each twice.
    """
    rng = stream(seed, "radii")
    half = max(len(distances) // 2, 1)
    drawn = [
        radius_of_distances(np.repeat(rng.choice(distances, half), 2), false_alarms=false_alarms)
        for _ in range(resamples)
    ]
    radii, dimensions = np.array(drawn).T
    return radii, dimensions


def draw_units(
    is_synthetic: Flags, units: Integers, resamples: int, rng: np.random.Generator
) -> Floats:
    """(n, B) how often each image is drawn when its side's units are drawn with replacement."""
    counts = np.empty((len(units), resamples))
    for side in (is_synthetic, ~is_synthetic):
        numbers, own = np.unique(units[side], return_inverse=True)
        chances = np.full(len(numbers), 1.0 / len(numbers))
        counts[side] = rng.multinomial(len(numbers), chances, size=resamples).T[own]
    return counts


def _near_penalties(detection: Detection) -> list[float]:
    """The penalties that the audit chose and their neighbours on the grid."""
    grid = np.array(INVERSE_PENALTIES)
    chosen = np.concatenate([outcome.inverse_penalties for outcome in detection.outcomes])
    places = np.flatnonzero(np.isin(grid, chosen))
    near = slice(max(int(places.min()) - 1, 0), int(places.max()) + 2)
    return [float(penalty) for penalty in grid[near]]


def _around(values: Floats, spread: float, confidence: float) -> Interval:
    between = float(values.var(ddof=1)) / len(values) if len(values) > 1 else 0.0
    width = normal_width(confidence) * float(np.sqrt(spread**2 + between))
    middle = float(values.mean())
    return Interval(low=max(middle - width, 0.0), high=min(middle + width, 1.0))
