"""Label noise: which labels are likelier wrong than right, and how many are wrong at all.

Several judges score the classes of every image, each without having seen its label. Their scores
are weighed into one distribution over the classes, and given labels are taken to be drawn from it
but for a share that is drawn from the other classes. Weights and share are those that make the
given labels likeliest; where a share of nought explains them as well, none is called wrong. Uniform
noise as in Angluin and Laird (Machine Learning 1988); the weighing of judges is a logarithmic pool
(Genest and Zidek, Statistical Science 1986) fitted by likelihood, as temperature is (Guo et al.,
ICML 2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import OptimizeResult, minimize
from scipy.special import expit, pdtrc, softmax
from scipy.stats import chi2

from synthaudit.arrays import Floats, Integers
from synthaudit.measures.randomness import sample_rows

# Logarithms of a judge's weight, and the logit of the share, stay within these.
_WEIGHTS: Final = (-6.0, 6.0)
_SHARES: Final = (-9.0, 2.0)
_START: Final = -3.0
_SHARPER: Final = 1.5
# Of less doubt than this a picture the classes are told apart nearly always.
_TOLD_APART: Final = 0.03
_MOST_COUNTED: Final = 0.2
_KNOWING: Final = 0.01
_LEAST_SHARE: Final = expit(_SHARES[0])
# Keeps judges that say the same from taking each other's weight at random.
_EVEN: Final = 1e-4
# More images change the few numbers that are fitted no further.
_FITTED: Final = 20_000


@dataclass(frozen=True, kw_only=True)
class LabelNoise:
    """What the judges say of n given labels of K classes.

    Attributes:
        probability: (n, K) of the classes, without a look at the label; rows sum to 1.
        probability_wrong: (n,) that the given label is wrong.
        share: estimated share of wrong labels.
        p_value: of the guess that none is wrong (likelihood ratio; Self and Liang, JASA 1987).
        weights: of the judges, in their order.
    """

    probability: Floats
    probability_wrong: Floats
    share: float
    p_value: float
    weights: tuple[float, ...]

    def likelier(self, given: Integers) -> Integers:
        """(n,) the likeliest class besides the given one."""
        others = self.probability.copy()
        np.put_along_axis(others, given[:, None], -1.0, axis=1)
        return np.asarray(others.argmax(axis=1))

    def judge(self, scores: Sequence[Floats], given: Integers) -> Floats:
        """(k,) how likely the labels of other images are wrong, by the same weights and share.

        Args:
            scores: by judge, (k, K), in the order of the weights.
            given: (k,) their class numbers.
        """
        judges = np.stack([_scaled(own) for own in scores])
        return _wrong(_pool(np.log(self.weights), judges), given, self.share)


def fit_label_noise(scores: Sequence[Floats], given: Integers) -> LabelNoise:
    """Weigh judges, and estimate how many labels are wrong and which.

    Args:
        scores: by judge, (n, K) scores of the classes, higher for likelier ones, made without the
            label of the image; -inf for a class that a judge does not know.
        given: (n,) class numbers, n >= 1 and K >= 2.

    Returns:
        ``LabelNoise``.
    """
    judges = np.stack([_scaled(own) for own in scores])
    rows = sample_rows(np.arange(len(given)), _FITTED, np.random.default_rng(0))
    problem = judges[:, rows], given[rows]
    bounds = [_WEIGHTS] * len(judges)
    # Where so many are wrong that labels say nothing, they would be right again beyond.
    nothing = float(np.log(judges.shape[2] - 1.0))
    limits = [*bounds, (_SHARES[0], min(_SHARES[1], nothing))]
    clean = minimize(
        _loss_without_noise,
        np.zeros(len(judges)),
        args=problem,
        jac=True,
        bounds=bounds,
        method="L-BFGS-B",
    )
    starts = (np.append(clean.x + ahead, _START) for ahead in (0.0, _SHARPER))
    noisy = min(
        (
            minimize(
                _loss,
                np.clip(start, [low for low, _ in limits], [high for _, high in limits]),
                args=problem,
                jac=True,
                bounds=limits,
                method="L-BFGS-B",
            )
            for start in starts
        ),
        key=lambda fit: float(fit.fun),
    )
    p_value = _p_value(clean, noisy, *problem)
    point = np.append(clean.x, -np.inf) if p_value >= 1.0 else noisy.x
    probability = _pool(point[:-1], judges)
    share = float(expit(point[-1]))
    return LabelNoise(
        probability=probability,
        probability_wrong=_wrong(probability, given, share),
        share=share,
        p_value=p_value,
        weights=tuple(float(weight) for weight in np.exp(point[:-1])),
    )


def _p_value(
    clean: OptimizeResult, noisy: OptimizeResult, judges: Floats, given: Integers
) -> float:
    """How likely labels would disagree as much with the judges if none were wrong.

    By the ratio of likelihoods; the share cannot be below nought, and half of the chance is there.
    Where classes are told apart nearly always, every label that disagrees may be explained by an
    ambiguity that all images share, as well as by noise: then disagreements are counted instead.
    """
    if expit(noisy.x[-1]) <= 2.0 * _LEAST_SHARE:
        return 1.0
    # Judges that say nothing of the labels cannot say either that one is wrong.
    known = 2.0 * len(given) * (float(np.log(judges.shape[2])) - float(clean.fun))
    if chi2.sf(known, len(judges)) > _KNOWING:
        return 1.0
    ratio = 2.0 * len(given) * max(float(clean.fun) - float(noisy.fun), 0.0)
    by_likelihood = 0.5 * float(chi2.sf(ratio, 1)) if ratio > 0.0 else 1.0
    probability = _pool(noisy.x[:-1], judges)
    doubt = float((1.0 - probability.max(axis=1)).sum())
    # Labels that say nothing leave no doubt either: then half of them would be wrong.
    if doubt > _TOLD_APART * len(given) or expit(noisy.x[-1]) > _MOST_COUNTED:
        return by_likelihood
    differing = int((probability.argmax(axis=1) != given).sum())
    by_count = float(pdtrc(differing - 1, max(doubt, 0.5))) if differing else 1.0
    return min(2.0 * min(by_likelihood, by_count), 1.0)


def _scaled(scores: Floats) -> Floats:
    known = scores[np.isfinite(scores)]
    spread = float(known.std()) if len(known) else 0.0
    lowest = float(known.min()) if len(known) else 0.0
    filled = np.where(np.isfinite(scores), scores, lowest)
    return np.asarray(filled / (spread or 1.0))


def _pool(logs: Floats, judges: Floats) -> Floats:
    return np.asarray(softmax(np.tensordot(np.exp(logs), judges, axes=1), axis=1))


def _wrong(probability: Floats, given: Integers, share: float) -> Floats:
    """(n,) how likely each given label is wrong."""
    own = np.take_along_axis(probability, given[:, None], axis=1)[:, 0]
    right = (1.0 - share) * own
    by_noise = share * (1.0 - own) / (probability.shape[1] - 1.0)
    return np.asarray(1.0 - right / np.maximum(right + by_noise, 1e-300))


def _loss_without_noise(logs: Floats, judges: Floats, given: Integers) -> tuple[float, Floats]:
    value, slope = _loss(np.append(logs, -np.inf), judges, given)
    return value, slope[:-1]


def _loss(point: Floats, judges: Floats, given: Integers) -> tuple[float, Floats]:
    """Mean negative log-likelihood and its gradient by log weights and the logit of the share."""
    logs, share = point[:-1], float(expit(point[-1]))
    count, others = len(given), judges.shape[2] - 1.0
    probability = _pool(logs, judges)
    own = np.take_along_axis(probability, given[:, None], axis=1)[:, 0]
    likelihood = np.maximum((1.0 - share) * own + share * (1.0 - own) / others, 1e-300)
    value = -float(np.log(likelihood).mean()) + _EVEN * float(np.square(logs).mean())
    by_own = (1.0 - share - share / others) / likelihood
    slopes = []
    for weight, scores in zip(np.exp(logs), judges, strict=True):
        mean = np.einsum("ij,ij->i", probability, scores)
        score = np.take_along_axis(scores, given[:, None], axis=1)[:, 0]
        slopes.append(-weight * float((by_own * own * (score - mean)).sum()) / count)
    slope = np.array(slopes) + 2.0 * _EVEN * logs / len(logs)
    by_share = ((1.0 - own) / others - own) / likelihood
    own_slope = -share * (1.0 - share) * float(by_share.mean())
    return value, np.append(slope, own_slope)
