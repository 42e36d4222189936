"""Does a synthetic image show the class it was made for? A probe trained on real images says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from synthaudit.measures.neighbours import Flags, Floats, Integers

_LEAST_PER_CLASS: Final = 5
_FOLDS: Final = 5
_INVERSE_PENALTY: Final = 0.01


@dataclass(frozen=True, kw_only=True)
class LabelFidelity:
    """What the probe says of the intended classes.

    Attributes:
        margin: (n,) probability of the most likely other class less that of the intended one, in
            [-1, 1]; high for a wrong label. NaN where it cannot be told.
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
    rows: Floats,
    is_synthetic: Flags,
    classes: npt.NDArray[np.object_],
    groups: Integers,
    *,
    false_alarms: float = 0.01,
    seed: int = 0,
) -> LabelFidelity | None:
    """Train a linear probe on the real images and ask it about the synthetic ones.

    Real images get their margins by cross-validation, near-duplicates kept together; the limit for
    a wrong label is the quantile that ``false_alarms`` of them exceed.

    Args:
        rows: (n, d) standardised features.
        is_synthetic: (n,) the side of each.
        classes: (n,) class names, None without.
        groups: (n,) clusters that no fold cuts, -1 for images alone.
        false_alarms: share of real images that would be called wrong.
        seed: of the folds.

    Returns:
        ``LabelFidelity``; None with fewer than two classes that both sides have and that have at
        least five real images.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold, cross_val_predict

    real_classes = classes[~is_synthetic]
    names = sorted(
        name
        for name in set(classes[is_synthetic]) - {None}
        if (real_classes == name).sum() >= _LEAST_PER_CLASS
    )
    if len(names) < 2:
        return None
    known = np.array([name in set(names) for name in classes])
    target = np.searchsorted(names, classes.astype(str))
    real, synthetic = known & ~is_synthetic, known & is_synthetic
    probe = LogisticRegression(C=_INVERSE_PENALTY, max_iter=2000)
    units = np.where(groups >= 0, groups, groups.max(initial=-1) + 1 + np.arange(len(groups)))
    folds = GroupKFold(_FOLDS, shuffle=True, random_state=seed % 2**32)
    held_out = cross_val_predict(
        probe,
        rows[real],
        target[real],
        groups=units[real],
        cv=folds,
        method="predict_proba",
    )
    asked = probe.fit(rows[real], target[real]).predict_proba(rows[synthetic])
    margin = np.full(len(rows), np.nan)
    margin[real] = _margins(held_out, target[real])
    margin[synthetic] = _margins(asked, target[synthetic])
    limit = float(np.quantile(margin[real], 1.0 - false_alarms))
    return LabelFidelity(
        margin=margin,
        is_wrong=is_synthetic & (np.nan_to_num(margin, nan=-1.0) > max(limit, 0.0)),
        real_accuracy=float((margin[real] < 0).mean()),
        agreement=float((margin[synthetic] < 0).mean()),
    )


def _margins(probability: Floats, target: Integers) -> Floats:
    own = np.take_along_axis(probability, target[:, None], axis=1)[:, 0]
    others = probability.copy()
    np.put_along_axis(others, target[:, None], -1.0, axis=1)
    margins: Floats = others.max(axis=1) - own
    return margins
