"""Faithfulness: does a picture show what its own prompt says, rather than what others say?"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
from scipy.special import ndtr
from scipy.stats import hypergeom

from synthaudit.arrays import Flags, Floats, Integers
from synthaudit.measures.copies.rates import false_discovery_rates
from synthaudit.measures.detection.permutation import unit_numbers
from synthaudit.measures.intervals import Estimate, normal_width

CHANCE: Final = 0.5
"""Of ``unfaithful``: prompts that say nothing of their pictures are as good as any other."""

LEAST_REFERENCES: Final = 50
"""Fewer real images do not tell how often a right picture looks wrong."""


@dataclass(frozen=True, kw_only=True)
class PromptFit:
    """How well n pictures fit their own prompts, beside the prompts of others.

    Attributes:
        own: (n,) how well each fits its own.
        others: (n, m) how well each fits the prompts of others, on the same scale; NaN for its own.
        classes: (n,) number of each one's class; -1 where classes are not known.
        other_classes: (m,) or (n, m) number of the class that each of the other prompts is of.
    """

    own: Floats = field(repr=False)
    others: Floats = field(repr=False)
    classes: Integers = field(repr=False)
    other_classes: Integers = field(repr=False)

    @property
    def p_values(self) -> Floats:
        """(n,) the share of prompts, its own among them, that fit at least as well.

        Small where the picture shows its prompt; uniform where prompts have nothing to do with
        their pictures. In [1 / (m + 1), 1].
        """
        known = np.isfinite(self.others)
        at_least = (known & (self.others >= self.own[:, None])).sum(axis=1)
        return np.asarray((1.0 + at_least) / (1.0 + known.sum(axis=1)))

    @cached_property
    def is_rival(self) -> Flags:
        """(n, m) prompts of other classes; of others at all where classes are not known."""
        known = np.isfinite(self.others)
        own = self.classes[:, None]
        return np.asarray(known & ((own < 0) | (self.other_classes != own)), bool)

    @cached_property
    def beaten(self) -> Floats:
        """(n,) the share of its rivals that fit better, those that tie by half; NaN without any."""
        rival = self.is_rival
        better = (rival & (self.others > self.own[:, None])).sum(axis=1)
        tied = (rival & (self.others == self.own[:, None])).sum(axis=1)
        count = rival.sum(axis=1)
        share = (better + tied / 2.0) / np.maximum(count, 1)
        return np.where((count > 0) & np.isfinite(self.own), share, np.nan)

    @property
    def margins(self) -> Floats:
        """(n,) its own prompt's fit less that of the best other class, or of the mean other prompt.

        Negative where the picture shows another class.
        """
        rival = self.is_rival
        fits = np.where(rival, self.others, 0.0)
        best = np.full(len(self.own), -np.inf)
        for number in np.unique(self.other_classes):
            is_of = self.other_classes == number
            if is_of.ndim == 1:
                counts, sums = rival[:, is_of].sum(axis=1), fits[:, is_of].sum(axis=1)
            else:
                counts, sums = (rival & is_of).sum(axis=1), np.where(is_of, fits, 0.0).sum(axis=1)
            mean = np.where(counts > 0, sums / np.maximum(counts, 1), -np.inf)
            best = np.maximum(best, mean)
        return np.asarray(self.own - np.where(np.isfinite(best), best, 0.0))


@dataclass(frozen=True, kw_only=True)
class Faithfulness:
    """Whether pictures show what their prompts say.

    Attributes:
        unfaithful: how often a prompt of another image fits a picture better than its own, in
            [0, 1], higher is worse; 0.5 by chance. With its interval over clusters of images.
        p_value: how likely chance alone would make prompts fit as well.
        p_values: (n,) see ``PromptFit``.
        is_unfaithful: (n,) pictures that do not show their prompts, at the stated rate of false
            discoveries; none where nothing tells how often a right picture looks wrong.
        share: estimated share of pictures that do not show their prompts, seen or not; None as
            above.
        discovery_p_value: how likely chance would put as many below nearly all real images; None as
            above.
        references: real images from which that rate is known.
    """

    unfaithful: Estimate
    p_value: float
    p_values: Floats = field(repr=False)
    is_unfaithful: Flags = field(repr=False)
    share: float | None
    discovery_p_value: float | None
    references: int


def judge_faithfulness(
    fit: PromptFit,
    references: PromptFit | None,
    *,
    groups: Integers,
    false_discoveries: float = 0.05,
    confidence: float = 0.95,
) -> Faithfulness:
    """Judge pictures by their prompts.

    A picture is held to be unfaithful where its margin is lower than those of real images beside a
    prompt of their own class: conformal p-values (Bates et al., Annals of Statistics 2023) under
    Benjamini and Hochberg's procedure. A model that does not tell the classes of the real images
    apart accuses nobody.

    Args:
        fit: of the synthetic pictures.
        references: of real images with prompts that are right; None without.
        groups: (n,) clusters of near-duplicates of the synthetic pictures, -1 for images alone.
        false_discoveries: share of right pictures among those called unfaithful.
        confidence: of the interval.
    """
    judged = np.flatnonzero(np.isfinite(fit.beaten))
    beaten, groups, total = fit.beaten[judged], groups[judged], len(fit.own)
    count = len(beaten)
    value = float(beaten.mean()) if count else CHANCE
    units = unit_numbers(np.ones(count, bool), groups)
    spread = float(np.sqrt(np.square(np.bincount(units, beaten - value)).sum())) / max(count, 1)
    half = normal_width(confidence) * spread
    # Under the null every share is 1/2 on average; with prompts that are much alike within a class
    # it is nearly 0 or 1, of variance 1/4, and never more.
    by_chance = float(np.sqrt(np.square(np.bincount(units)).sum() / 4.0)) / max(count, 1)
    found = Faithfulness(
        unfaithful=Estimate(value=value, low=max(value - half, 0.0), high=min(value + half, 1.0)),
        p_value=float(ndtr((value - CHANCE) / by_chance)) if count else 1.0,
        p_values=np.where(np.isfinite(fit.own), fit.p_values, np.nan),
        is_unfaithful=np.zeros(total, bool),
        share=None,
        discovery_p_value=None,
        references=0 if references is None else len(references.own),
    )
    if references is None or len(references.own) < LEAST_REFERENCES:
        return found
    return _with_discoveries(found, fit, references, false_discoveries)


def _with_discoveries(
    found: Faithfulness, fit: PromptFit, references: PromptFit, false_discoveries: float
) -> Faithfulness:
    right = np.sort(references.margins[np.isfinite(references.beaten)])
    judged = np.isfinite(fit.beaten)
    if len(right) < LEAST_REFERENCES or not judged.any():
        return found
    margins = fit.margins[judged]
    at_most = np.searchsorted(right, margins, side="right")
    p_values = np.asarray((1.0 + at_most) / (1.0 + len(right)), np.float64)
    is_unfaithful = np.zeros(len(judged), bool)
    is_unfaithful[judged] = false_discovery_rates(p_values) <= false_discoveries
    # Storey's estimate, with the upper half of the p-values; at least those that are named.
    share = max(1.0 - 2.0 * float((p_values > 0.5).mean()), float(is_unfaithful[judged].mean()))
    return Faithfulness(
        unfaithful=found.unfaithful,
        p_value=found.p_value,
        p_values=found.p_values,
        is_unfaithful=is_unfaithful,
        share=share,
        discovery_p_value=_more_beyond(right, margins),
        references=found.references,
    )


def _more_beyond(references: Floats, margins: Floats) -> float:
    """How likely as many lie below the lowest reference, or the lowest twentieth of them.

    Exact where both are of one distribution (negative hypergeometric; Bonferroni for the two).

    Args:
        references: (r,) sorted.
        margins: (n,).
    """
    count = len(references)
    found = []
    for place in {1, max(count // 20, 1)}:
        below = int((margins < references[place - 1]).sum())
        drawn = below + place - 1
        found.append(float(hypergeom.cdf(place - 1, count + len(margins), count, drawn)))
    return min(len(found) * min(found), 1.0)


def standardised(similarity: Floats, level: Floats, spread: Floats) -> Floats:
    """Similarities with prompts on one scale: some prompts are near to every picture.

    Args:
        similarity: (n, p) of pictures with prompts.
        level: (p,) mean similarity of each prompt with pictures of others.
        spread: (p,) their standard deviation.
    """
    return np.asarray((similarity - level) / np.where(spread > 0.0, spread, 1.0), np.float64)
