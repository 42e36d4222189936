"""Variety given the prompt: how much of it comes from the words, and how much from the model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from synthaudit.arrays import Floats, Integers
from synthaudit.measures.intervals import Estimate, normal_width

_RESAMPLES: Final = 100
# What two real images that are neither near nor far count as alike.
_AT_MEDIAN: Final = 0.1
LEAST_PICTURES: Final = 20
"""Below which nothing is said."""
LEAST_PAIRS: Final = 20
"""Of pictures of one prompt, below which nothing is said."""


@dataclass(frozen=True, kw_only=True)
class ConditionalVariety:
    """How varied pictures are, and how much of that their prompts decide.

    Attributes:
        modes: effective number of different pictures (RKE), from 1; higher is more varied.
        modes_of_a_prompt: the same among pictures of one prompt.
        from_prompts: share of the entropy that the prompts decide, in [0, 1], with its interval; 0
            where all prompts give the same pictures, 1 where each gives but one.
        by_chance: the same with the prompts dealt out at random.
        prompts: how many different prompts there are.
    """

    modes: float
    modes_of_a_prompt: float
    from_prompts: Estimate
    by_chance: float
    prompts: int


def bandwidth_of(real: Floats, rng: np.random.Generator, pairs: int = 4000) -> float:
    """Width of a Gaussian kernel under which two real images at the median distance are 0.1 alike.

    Args:
        real: (n, d) rows of length 1.
        rng: draws the pairs.
        pairs: how many.
    """
    first, second = rng.integers(0, len(real), (2, pairs))
    apart = first != second
    squares = np.square(real[first[apart]] - real[second[apart]]).sum(axis=1)
    median = float(np.median(squares)) if len(squares) else 0.0
    return float(np.sqrt(median / (-2.0 * np.log(_AT_MEDIAN)))) if median > 0.0 else 1.0


def conditional_variety(
    unit: Floats,
    prompts: Integers,
    *,
    bandwidth: float,
    texts: Floats | None = None,
    confidence: float = 0.95,
    rng: np.random.Generator,
) -> ConditionalVariety | None:
    """Part the variety of pictures into what their prompts decide and what the model adds.

    By Renyi entropies of order 2 of Gaussian kernels, of the pictures and of the pictures together
    with their prompts (Jalali et al., arXiv 2411.02817), over pairs of different pictures. Two
    prompts are alike as far as they are the same, or as their texts are.

    Args:
        unit: (n, d) vectors of pictures, rows of length 1.
        prompts: (n,) number of each picture's prompt.
        bandwidth: of the kernel of pictures.
        texts: (n, e) text vectors of the prompts, rows of length 1, for sets in which hardly two
            pictures have one prompt; None to count the same prompt alone.
        confidence: of the interval.
        rng: draws resamples and permutations.

    Returns:
        ``ConditionalVariety``; None with too few pictures or pairs of one prompt.
    """
    count = len(unit)
    if count < LEAST_PICTURES or len(np.unique(prompts)) < 2:
        return None
    alike = np.exp(-(1.0 - np.clip(unit @ unit.T, -1.0, 1.0)) * 2.0 / bandwidth**2)
    asked = _alike_prompts(prompts, texts)
    np.fill_diagonal(alike, 0.0)
    np.fill_diagonal(asked, 0.0)
    if (asked > 0.5).sum() < 2 * LEAST_PAIRS:
        return None
    ones = np.ones(count)
    whole, given = _collisions(alike, asked, ones)
    drawn = np.array(
        [
            _share(*_collisions(alike, asked, np.bincount(own, minlength=count).astype(float)))
            for own in rng.integers(0, count, (_RESAMPLES, count))
        ]
    )
    chance = []
    for _ in range(20):
        order = rng.permutation(count)
        chance.append(_share(*_collisions(alike, asked[np.ix_(order, order)], ones)))
    value = _share(whole, given)
    half = normal_width(confidence) * float(np.nanstd(drawn, ddof=1))
    return ConditionalVariety(
        modes=1.0 / max(whole, 1.0 / count**2),
        modes_of_a_prompt=1.0 / max(given, 1.0 / count**2),
        from_prompts=Estimate(value=value, low=max(value - half, 0.0), high=min(value + half, 1.0)),
        by_chance=float(np.mean(chance)),
        prompts=len(np.unique(prompts)),
    )


def _alike_prompts(prompts: Integers, texts: Floats | None) -> Floats:
    """(n, n) how alike the prompts of two pictures are, squared."""
    if texts is None:
        return np.asarray(prompts[:, None] == prompts[None, :], np.float64)
    apart = 1.0 - np.clip(texts @ texts.T, -1.0, 1.0)
    different = apart[prompts[:, None] != prompts[None, :]]
    usual = float(np.median(different)) if len(different) else 1.0
    return np.asarray(np.exp(2.0 * np.log(_AT_MEDIAN) * apart / max(usual, 1e-12)), np.float64)


def _collisions(alike: Floats, asked: Floats, weights: Floats) -> tuple[float, float]:
    """Mean likeness of two pictures, and of two pictures of one prompt; both squared."""
    pairs = float(weights.sum() ** 2 - np.square(weights).sum())
    of_prompt = float(weights @ asked @ weights)
    together = float(weights @ (alike * asked) @ weights)
    whole = float(weights @ alike @ weights) / pairs
    return whole, together / of_prompt if of_prompt > 0.0 else float("nan")


def _share(whole: float, given: float) -> float:
    """Of the entropy, what falls away once the prompt is known."""
    if not 0.0 < whole < 1.0 or not given > 0.0:
        return 0.0
    return float(np.clip(1.0 - np.log(min(given, 1.0)) / np.log(whole), 0.0, 1.0))
