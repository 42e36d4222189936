"""A plane in which similar images lie close: for looking, never for measuring."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from synthaudit.arrays import Floats, Integers
from synthaudit.measures.randomness import sample_rows, stream
from synthaudit.measures.samples import Samples

_SHOWN: Final = 10_000
_LANDMARKS: Final = 800
_AXES: Final = 50
_STEPS: Final = 500
_PERPLEXITY: Final = 30.0
_LEAST: Final = 12

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

    The t-SNE (van der Maaten and Hinton 2008) is of at most 800 images a side; every other image
    lies between the three of them that it is nearest to, so that copies lie on their originals.

    Args:
        samples: the images; the directions of their vectors count.
        method: how; too few images, or such as vary along one axis only, get principal axes.
        seed: of the samples.
    """
    from sklearn.decomposition import PCA

    rng = stream(seed, "map")
    sides = (samples.real, samples.synthetic)
    shown = np.concatenate([sample_rows(rows, _SHOWN, rng) for rows in sides])
    place = np.full((len(samples), 2), np.nan)
    rows = samples.vectors[shown].astype(np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    count = min(_AXES, *rows.shape)
    turned = PCA(count, svd_solver="full" if count < 4 else "randomized", random_state=seed)
    with warnings.catch_warnings():
        # Sides without any variety have no share of it to explain.
        warnings.simplefilter("ignore", RuntimeWarning)
        axes = turned.fit_transform(rows)
    axes = axes[:, turned.singular_values_ > 1e-6 * max(turned.singular_values_[0], 1e-12)]
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


def _neighbour_map(axes: Floats, seed: int) -> Floats:
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    perplexity = min(_PERPLEXITY, (len(axes) - 1) / 3)
    # Sums of several threads come in any order, and a t-SNE makes other pictures of their last
    # digits: with one thread the same images always give the same map.
    with threadpool_limits(1):
        found: Floats = TSNE(
            perplexity=perplexity, max_iter=_STEPS, init="pca", random_state=seed
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
