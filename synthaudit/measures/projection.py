"""A plane in which similar images lie close: for looking, never for measuring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from synthaudit.arrays import Floats, Integers
from synthaudit.measures.randomness import sample_rows, stream
from synthaudit.measures.samples import Samples

_SHOWN: Final = 10_000
_LANDMARKS: Final = 600
_AXES: Final = 50
_STEPS: Final = 500
_PERPLEXITY: Final = 30.0
_LEAST: Final = 12
_OVERSAMPLED: Final = 10
_POWERS: Final = 5

Method = Literal["t-SNE", "principal axes"]


@dataclass(frozen=True, kw_only=True)
class Plane:
    """Where each image lies in a plane.

    Attributes:
        place: (n, 2) each coordinate in [0, 1]; NaN for images that are not shown, of which there
            are some where a side has more than 10,000.
        method: ``t-SNE`` keeps neighbours together and says nothing of large distances;
            ``principal axes`` keeps what varies most, and hides the rest.
    """

    place: Floats
    method: Method


def project(
    samples: Samples,
    *,
    method: Method = "t-SNE",
    seed: int = 0,
) -> Plane:
    """Lay images out in a plane.

    The t-SNE (van der Maaten and Hinton 2008) is of at most 600 images a side; every other image
    lies between the three of them that it is nearest to, so that copies lie on their originals.

    Args:
        samples: the images; the directions of their vectors count.
        method: how; too few images, or such as vary along one axis only, get principal axes.
        seed: of the samples.
    """
    rng = stream(seed, "map")
    sides = (samples.real, samples.synthetic)
    shown = np.concatenate([sample_rows(rows, _SHOWN, rng) for rows in sides])
    place = np.full((len(samples), 2), np.nan)
    rows = samples.vectors[shown].astype(np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    axes = _principal_components(rows - rows.mean(axis=0), min(_AXES, *rows.shape), rng)
    # A t-SNE makes other pictures of other last digits, which hang on how many threads multiply.
    axes = np.round(axes, 7)
    if method == "principal axes" or len(shown) < _LEAST or axes.shape[1] < 2:
        flat = np.zeros((len(shown), 2))
        flat[:, : min(axes.shape[1], 2)] = axes[:, :2]
        place[shown] = _to_unit_square(flat)
        return Plane(place=place, method="principal axes")
    own = samples.is_synthetic[shown]
    landmarks = np.concatenate(
        [sample_rows(np.flatnonzero(side), _LANDMARKS, rng) for side in (~own, own)]
    )
    place[shown] = _to_unit_square(_between(axes, landmarks, _neighbour_map(axes[landmarks], seed)))
    return Plane(place=place, method="t-SNE")


def _principal_components(centred: Floats, count: int, rng: np.random.Generator) -> Floats:
    """(n, count) coordinates along the axes of most variation; fewer where no more vary.

    A randomised range finder with power iterations (Halko, Martinsson and Tropp, SIAM Review
    2011), for a few axes of many.
    """
    width = min(count + _OVERSAMPLED, centred.shape[1])
    span = rng.normal(size=(centred.shape[1], width))
    for _ in range(_POWERS):
        span = np.linalg.qr(centred.T @ (centred @ span))[0]
    found = centred @ span
    lengths, turn = np.linalg.eigh(found.T @ found)
    order = np.argsort(-lengths)[:count]
    kept = order[lengths[order] > 1e-12 * max(float(lengths.max()), 1e-24)]
    turn = turn[:, kept]
    # Eigenvectors have no sign of their own: the largest entry of each axis points upwards.
    axes = span @ turn
    largest = np.abs(axes).argmax(axis=0)
    turn = turn * np.sign(axes[largest, np.arange(len(kept))])
    components: Floats = found @ turn
    return components


def _neighbour_map(axes: Floats, seed: int) -> Floats:
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    perplexity = min(_PERPLEXITY, (len(axes) - 1) / 3)
    start = axes[:, :2] * (1e-4 / max(float(axes[:, 0].std()), 1e-12))
    # Sums of several threads come in any order: with one the same images always give the same map.
    # The limit is of this thread alone; others may be at work beside it.
    with threadpool_limits(1, user_api="openmp"):
        found: Floats = TSNE(
            perplexity=perplexity,
            max_iter=_STEPS,
            init=start.astype(np.float32),
            random_state=seed % 2**32,
        ).fit_transform(axes)
    return found.astype(np.float64)


def _between(axes: Floats, landmarks: Integers, place: Floats) -> Floats:
    """Every row between the landmarks nearest to it, the landmarks at their own places."""
    from sklearn.neighbors import KNeighborsRegressor

    count = min(3, len(landmarks))
    fitted = KNeighborsRegressor(count, weights="distance").fit(axes[landmarks], place)
    found = np.asarray(fitted.predict(axes), dtype=np.float64)
    found[landmarks] = place
    return found


def _to_unit_square(place: Floats) -> Floats:
    low, high = place.min(axis=0), place.max(axis=0)
    extent = float((high - low).max()) or 1.0
    scaled: Floats = (place - low) / extent
    return scaled
