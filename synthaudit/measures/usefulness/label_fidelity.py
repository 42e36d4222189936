"""Does a synthetic image show the class it was made for? A probe trained on real images says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from synthaudit.arrays import Flags, Floats, Integers
from synthaudit.measures.detection.folds import grouped_folds
from synthaudit.measures.randomness import stream
from synthaudit.measures.samples import Samples
from synthaudit.measures.usefulness.linear_probe import PROBE_AXES, fit_probe
from synthaudit.measures.usefulness.shared_classes import shared_classes

_FOLDS: Final = 5


@dataclass(frozen=True, kw_only=True)
class LabelFidelity:
    """What the probe says of the intended classes.

    Attributes:
        margin: (n,) the probe's score of the best other class less that of the intended one; above
            0 the probe disagrees. NaN where it cannot be told.
        is_wrong: (n,) synthetic images whose margin exceeds what ``false_alarms`` of real images
            reach.
        real_accuracy: cross-validated accuracy of the probe on the real images; the less it is,
            the fewer wrong labels can be seen.
        agreement: share of the synthetic images for which the probe's first class is the intended.
    """

    margin: Floats
    is_wrong: Flags
    real_accuracy: float
    agreement: float


def label_fidelity(
    samples: Samples,
    *,
    false_alarms: float = 0.01,
    seed: int = 0,
) -> LabelFidelity | None:
    """Train a linear probe on the real images and ask it about the synthetic ones.

    Real images get their margins by cross-validation, near-duplicates kept together; the limit for
    a wrong label is the quantile that ``false_alarms`` of them exceed.

    Args:
        samples: the images, by standardised features, axes of most variation last.
        false_alarms: share of real images that would be called wrong.
        seed: of the folds.

    Returns:
        ``LabelFidelity``; None with fewer than two classes that both sides have and that have at
        least five real images.
    """
    shared = shared_classes(samples)
    if shared is None:
        return None
    target, count = shared.target, len(shared.names)
    real = np.flatnonzero(shared.known & ~samples.is_synthetic)
    synthetic = np.flatnonzero(shared.known & samples.is_synthetic)
    axes = samples.vectors[:, -PROBE_AXES:]
    fold = grouped_folds(
        target[real], samples.groups[real], folds=_FOLDS, rng=stream(seed, "label fidelity")
    )
    held_out = np.empty((len(real), count))
    for number in range(_FOLDS):
        train = real[fold != number]
        probe = fit_probe(axes[train], target[train], classes=count, clusters=samples.groups[train])
        held_out[fold == number] = probe.scores(axes[real[fold == number]])
    probe = fit_probe(axes[real], target[real], classes=count, clusters=samples.groups[real])
    asked = probe.scores(axes[synthetic])
    margin = np.full(len(samples), np.nan)
    margin[real] = _margins(held_out, target[real])
    margin[synthetic] = _margins(asked, target[synthetic])
    limit = float(np.quantile(margin[real], 1.0 - false_alarms))
    return LabelFidelity(
        margin=margin,
        is_wrong=samples.is_synthetic & (np.nan_to_num(margin, nan=-1.0) > max(limit, 0.0)),
        real_accuracy=float((margin[real] < 0).mean()),
        agreement=float((margin[synthetic] < 0).mean()),
    )


def _margins(scores: Floats, target: Integers) -> Floats:
    own = np.take_along_axis(scores, target[:, None], axis=1)[:, 0]
    others = scores.copy()
    np.put_along_axis(others, target[:, None], -np.inf, axis=1)
    # A class that a fold did not train has no score at all.
    margins: Floats = np.minimum(others.max(axis=1) - own, 1e6)
    return margins
