"""How well measures foretell what sets are worth: correlations over sets, seeds and families."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

Floats = npt.NDArray[np.float64]

TARGETS = {
    "network alone": "accuracy of a network that learnt from the set alone",
    "network with 50": "what the set adds for a network that has 50 real photos a class",
    "probe alone": "accuracy of a probe that learnt from the set alone",
    "probe with 10": "what the set adds for a probe that has 10 real photos a class",
    "probe with 50": "what it adds to 50",
    "probe with 500": "what it adds to 500",
}

MEASURES = {
    "unrealistic": -1,
    "unrepresentative": -1,
    "unvaried": -1,
    "unoriginal": -1,
    "overall": -1,
    "mean of four": -1,
    "coverage": 1,
    "label_agreement": 1,
    "wrong_labels": -1,
    "broken": -1,
    "usefulness_synthetic": 1,
    "usefulness_both": 1,
    "usefulness_gain": 1,
    "few_shot_both_4": 1,
    "few_shot_gain_4": 1,
    "few_shot_both_16": 1,
    "few_shot_gain_16": 1,
    "span": -1,
    "frechet_distance": -1,
    "kernel_distance": -1,
    "precision": 1,
    "recall": 1,
    "density": 1,
    "vendi_synthetic": 1,
    "not_authentic": -1,
}
"""By name, whether higher should mean worth more. ``overall`` is that of sweeps, ``mean of four``
what it was before this study: copies as a fourth part, besides counting as fakes."""

COMBINED = {
    "the four scores": ("unrealistic", "unrepresentative", "unvaried", "unoriginal"),
    "the four, coverage and labels": (
        *("unrealistic", "unrepresentative", "unvaried", "unoriginal"),
        *("coverage", "wrong_labels", "label_agreement", "broken"),
    ),
    "Frechet, kernel, PRDC, Vendi": (
        *("frechet_distance", "kernel_distance", "precision", "recall", "density", "coverage"),
        "vendi_synthetic",
    ),
    "probes": ("usefulness_synthetic", "usefulness_both", "few_shot_gain_4", "few_shot_gain_16"),
    "probes and the four": (
        *("usefulness_synthetic", "usefulness_both", "few_shot_gain_4", "few_shot_gain_16"),
        *("unrealistic", "unvaried", "unoriginal", "coverage"),
    ),
}
_RESAMPLES = 1000
_PENALTY = 1.0


@dataclass(frozen=True, kw_only=True)
class Study:
    """S sets: measures (S,) by name, worth (S, seeds) by target, families (S,).

    ``size`` and ``real_share`` (S,) are what can be held fixed.
    """

    names: Sequence[str]
    family: npt.NDArray[np.str_]
    size: Floats
    real_share: Floats
    measures: Mapping[str, Floats]
    worth: Mapping[str, Floats]

    def take(self, rows: npt.NDArray[Any]) -> Study:
        """Some of the sets."""
        chosen = np.arange(len(self.names))[rows]
        return Study(
            names=[self.names[row] for row in chosen],
            family=self.family[chosen],
            size=self.size[chosen],
            real_share=self.real_share[chosen],
            measures={name: own[chosen] for name, own in self.measures.items()},
            worth={name: own[chosen] for name, own in self.worth.items()},
        )


def read_study(results: Mapping[str, Mapping[str, Any]]) -> Study:
    """From the figures of all sets; what a set adds is less what the same photos give alone."""
    real = results["real"]["accuracy"]
    sets = {name: own for name, own in results.items() if name != "real"}

    def balanced(runs: Sequence[Sequence[float]]) -> Floats:
        return np.array([np.mean(run) for run in runs])

    worth = {}
    for target in TARGETS:
        rows = [balanced(own["accuracy"][target]) for own in sets.values()]
        if "with" in target:
            alone = balanced(real[target])
            rows = [row - alone[: len(row)] for row in rows]
        worth[target] = np.stack(rows)
    found = [own["measures"] for own in sets.values()]
    names = [name for name in MEASURES if all(name in own for own in found)]
    measures = {name: np.array([own[name] for own in found]) * MEASURES[name] for name in names}
    measures["overall"], measures["mean of four"] = (-own for own in _overall(found))
    return Study(
        names=list(sets),
        family=np.array([own["family"] for own in sets.values()]),
        size=np.array([float(own["size"]) for own in sets.values()]),
        real_share=np.array([float(own["real_share"]) for own in sets.values()]),
        measures={name: measures[name] for name in MEASURES if name in measures},
        worth=worth,
    )


def _overall(found: Sequence[Mapping[str, float]]) -> tuple[Floats, Floats]:
    """Of both means; in both a copy counts as a fake."""
    three = np.array(
        [
            own["unrealistic"] * (1.0 - own["unoriginal"])
            + own["unoriginal"]
            + (1.0 - own["coverage"])
            + own["unvaried"]
            for own in found
        ]
    )
    return three / 3.0, (three + [own["unoriginal"] for own in found]) / 4.0


def spearman(left: Floats, right: Floats) -> float:
    """Rank correlation; 0 where one side does not vary."""
    first, second = rankdata(left), rankdata(right)
    if np.ptp(first) == 0.0 or np.ptp(second) == 0.0:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def ordered_rightly(
    measure: Floats, worth: Floats, family: npt.NDArray[Any], least: float
) -> Floats:
    """By family, how many pairs of its sets a measure orders rightly, and how many there are.

    Pairs whose worth differs by ``least`` or less say nothing; a tie of the measure is half right.
    """
    found = []
    for name in dict.fromkeys(family.tolist()):
        rows = np.flatnonzero(family == name)
        first, second = (rows[ends] for ends in np.triu_indices(len(rows), 1))
        gap = worth[first] - worth[second]
        counts = np.abs(gap) > least
        agrees = np.sign(measure[first] - measure[second]) * np.sign(gap)
        found.append([float(((agrees[counts] + 1) / 2).sum()), float(counts.sum())])
    return np.array(found)


@dataclass(frozen=True, kw_only=True)
class Foretelling:
    """How well a measure foretells a target.

    Attributes:
        across: rank correlation over all sets, -1 to 1, with its interval over sets and seeds.
        without: its least and its greatest value when one family is left out.
        between: of the families' means.
        within: share of pairs of sets of one family that it orders rightly, chance 0.5, with its
            interval over families.
        fixed: rank correlation over sets of one size without real photos.
    """

    across: float
    across_interval: tuple[float, float]
    without: tuple[float, float]
    between: float
    within: float
    within_interval: tuple[float, float]
    fixed: float


def foretell(study: Study, measure: Floats, target: str, *, noise: float) -> Foretelling:
    """Correlate a measure (S,) with a target.

    Args:
        study: all sets.
        measure: higher should mean worth more.
        target: one of ``TARGETS``.
        noise: difference of worth below which two sets are alike.
    """
    worth, family = study.worth[target], study.family
    mean = worth.mean(axis=1)
    families = list(dict.fromkeys(family.tolist()))
    left_out = [spearman(measure[family != own], mean[family != own]) for own in families]
    means = [
        np.array([values[family == own].mean() for own in families]) for values in (measure, mean)
    ]
    pairs = ordered_rightly(measure, mean, family, noise)
    fixed = is_fixed(study)
    return Foretelling(
        across=spearman(measure, mean),
        across_interval=_interval_over_sets(measure, worth),
        without=(min(left_out), max(left_out)),
        between=spearman(*means),
        within=_share(pairs),
        within_interval=_interval_over_families(pairs),
        fixed=spearman(measure[fixed], mean[fixed]),
    )


def is_fixed(study: Study) -> npt.NDArray[np.bool_]:
    """Sets of the usual size without real photos in them."""
    return np.asarray((study.size == np.median(study.size)) & (study.real_share == 0.0))


def _share(pairs: Floats) -> float:
    return float(pairs[:, 0].sum() / max(pairs[:, 1].sum(), 1.0))


def _interval_over_sets(measure: Floats, worth: Floats) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    sets, seeds = worth.shape
    found = []
    for _ in range(_RESAMPLES):
        rows = rng.integers(sets, size=sets)
        drawn = worth[rows[:, None], rng.integers(seeds, size=(sets, seeds))].mean(axis=1)
        found.append(spearman(measure[rows], drawn))
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def _interval_over_families(pairs: Floats) -> tuple[float, float]:
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(pairs), size=(_RESAMPLES, len(pairs)))
    low, high = np.quantile([_share(pairs[rows]) for rows in drawn], [0.025, 0.975])
    return float(low), float(high)


def combine(study: Study, names: Sequence[str], target: str) -> Floats:
    """(S,) what a combination of measures says of each family that was fitted on the others.

    Ridge regression of the worth on the ranks of the measures.
    """
    ranks = np.stack([rankdata(study.measures[name]) / len(study.names) for name in names], axis=1)
    mean = study.worth[target].mean(axis=1)
    said = np.empty(len(mean))
    for own in dict.fromkeys(study.family.tolist()):
        train, test = study.family != own, study.family == own
        centre = ranks[train].mean(axis=0)
        inputs = ranks[train] - centre
        gram = inputs.T @ inputs + _PENALTY * np.eye(len(names))
        weights = np.linalg.solve(gram, inputs.T @ (mean[train] - mean[train].mean()))
        said[test] = (ranks[test] - centre) @ weights + mean[train].mean()
    return said


def seed_noise(study: Study, target: str) -> float:
    """Twice the standard error of a set's worth, from how its seeds differ; 0.01 with one seed."""
    worth = study.worth[target]
    if worth.shape[1] < 2:
        return 0.01
    return float(2.0 * np.sqrt(worth.var(axis=1, ddof=1).mean() / worth.shape[1]))
