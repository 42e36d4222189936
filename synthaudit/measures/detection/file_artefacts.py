"""Do things that are not content tell the sides apart?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from synthaudit.arrays import Flags, Floats, Integers
from synthaudit.measures.detection.cross_validation import principal_axes
from synthaudit.measures.detection.detector import area_under_curve, detect
from synthaudit.measures.samples import Samples

# Files that are told apart this well, and no further than this from what the detector reaches,
# explain it. An AUC of 100 against 100 images is itself uncertain by about 0.04.
SUSPICIOUS_AUC: Final = 0.6
_BINS: Final = 24
_WITHIN_HISTOGRAM: Final = (0.005, 0.995)
WITHIN: Final = 0.1


@dataclass(frozen=True, kw_only=True)
class Trait:
    """One trait by itself.

    Attributes:
        name: of the trait.
        auc: area under the curve of the trait alone, folded into [0.5, 1]; 0.5 is chance.
        real: its median over the real images.
        synthetic: its median over the synthetic ones.
        edges: (b + 1,) of the bins of its histograms.
        shares: (b,) of the real images in each bin, and of the synthetic ones.
        lowest, highest: by side, rows of the images with the least and the most of it.
    """

    name: str
    auc: float
    real: float
    synthetic: float
    edges: Floats = field(repr=False)
    shares: tuple[Floats, Floats] = field(repr=False)
    lowest: tuple[int, int]
    highest: tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class ArtefactAudit:
    """How well file traits tell the sides apart; AUCs are 0.5 by chance and 1 at worst.

    Attributes:
        container_auc: of format, size, quality, bytes and metadata alone: nothing of the picture.
        trace_auc: of block-DCT energies alone; they hold compression and resampling traces, but
            also how much fine detail the pictures have.
        auc: of all traits together.
        best: the single traits that separate best, best first.
        explains: whether the container traits alone do as well as the detector, or nearly.
    """

    container_auc: float
    trace_auc: float
    auc: float
    best: Sequence[Trait]
    explains: bool


def audit_artefacts(
    container: Floats,
    traces: Floats,
    samples: Samples,
    *,
    container_names: Sequence[str],
    trace_names: Sequence[str],
    detector_auc: float,
    folds: int = 5,
    seed: int = 0,
    shown: int = 5,
) -> ArtefactAudit:
    """Cross-validate detectors that see traits only, on the folds' rules of the real one.

    Args:
        container: (n, c) traits of the files.
        traces: (n, t) traces in the pixels.
        samples: the images.
        container_names: c names.
        trace_names: t names.
        detector_auc: what the detector on embeddings reaches.
        folds: of the cross-validation.
        seed: of the folds.
        shown: how many single traits to name.

    Returns:
        ``ArtefactAudit``.
    """

    def reach(values: Floats) -> float:
        return detect(samples.on(principal_axes(values)), folds=folds, seed=seed).auc

    both = np.concatenate([container, traces], axis=1)
    container_auc = reach(container)
    singles = [
        _single(name, both[:, column], samples.is_synthetic)
        for column, name in enumerate([*container_names, *trace_names])
    ]
    singles.sort(key=lambda trait: -trait.auc)
    return ArtefactAudit(
        container_auc=container_auc,
        trace_auc=reach(traces),
        auc=reach(both),
        best=[trait for trait in singles[:shown] if trait.auc > SUSPICIOUS_AUC],
        explains=container_auc > max(SUSPICIOUS_AUC, detector_auc - WITHIN),
    )


def _single(name: str, values: Floats, is_synthetic: Flags) -> Trait:
    auc = area_under_curve(values, is_synthetic)
    sides = np.flatnonzero(~is_synthetic), np.flatnonzero(is_synthetic)
    low, high = np.quantile(values, _WITHIN_HISTOGRAM)
    edges = np.linspace(low, high if high > low else low + 1.0, _BINS + 1)
    return Trait(
        name=name,
        auc=max(auc, 1.0 - auc),
        real=float(np.median(values[~is_synthetic])),
        synthetic=float(np.median(values[is_synthetic])),
        edges=edges,
        shares=(_shares(values[sides[0]], edges), _shares(values[sides[1]], edges)),
        lowest=_ends(values, sides, np.argmin),
        highest=_ends(values, sides, np.argmax),
    )


def _shares(values: Floats, edges: Floats) -> Floats:
    counts, _ = np.histogram(values.clip(edges[0], edges[-1]), edges)
    return counts / max(len(values), 1)


def _ends(
    values: Floats, sides: tuple[Integers, Integers], end: Callable[[Floats], np.intp]
) -> tuple[int, int]:
    first, second = (int(side[end(values[side])]) for side in sides)
    return first, second
