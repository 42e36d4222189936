"""Zero-shot classification: the nearest class name, as the embedder's text tower sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from synthaudit.arrays import Floats, Integers, Vectors
from synthaudit.measures.search.neighbours import Directions

TEMPLATES: Final = (
    "a photo of a {}.",
    "a close-up photo of a {}.",
    "a cropped photo of a {}.",
    "a blurry photo of a {}.",
    "a bright photo of a {}.",
    "a drawing of a {}.",
    "a rendering of a {}.",
)
"""The first by itself is the single prompt; all of them together the ensemble."""


@dataclass(frozen=True, kw_only=True)
class ZeroShot:
    """Balanced accuracy in [0, 1] of the nearest class name; guessing gives 1 / K.

    Attributes:
        single: with the first template.
        ensemble: with the mean direction of all templates (Radford et al., ICML 2021).
    """

    single: float
    ensemble: float


def zero_shot(vectors: Vectors, texts: Vectors, target: Integers) -> ZeroShot:
    """Classify images by the text vector of largest cosine.

    Args:
        vectors: (n, d) image vectors.
        texts: (T, K, d) vectors of the K class names in T templates.
        target: (n,) class numbers.

    Returns:
        ``ZeroShot``.
    """
    images = Directions(vectors).unit.astype(np.float64)
    unit = _directions(texts)
    return ZeroShot(
        single=_balanced_accuracy(images @ unit[0].T, target),
        ensemble=_balanced_accuracy(images @ prompt_ensemble(texts).T, target),
    )


def prompt_ensemble(texts: Vectors) -> Floats:
    """(K, d) directions of class names: the mean direction of each over T templates.

    Args:
        texts: (T, K, d) vectors.
    """
    return _directions(_directions(texts).mean(axis=0))


def _directions(texts: Vectors) -> Floats:
    return np.asarray(texts / np.linalg.norm(texts, axis=-1, keepdims=True), np.float64)


def _balanced_accuracy(cosines: Floats, target: Integers) -> float:
    right = cosines.argmax(axis=1) == target
    sizes = np.bincount(target, minlength=cosines.shape[1])
    hits = np.bincount(target, weights=right, minlength=cosines.shape[1])
    return float((hits[sizes > 0] / sizes[sizes > 0]).mean())
