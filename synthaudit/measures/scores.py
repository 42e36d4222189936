"""The four scores, from what the detector and the duplicate search say of every image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from synthaudit.arrays import Flags, Floats, Names

SCORE_NAMES: Final = ("unrealistic", "unrepresentative", "unvaried", "unoriginal")


@dataclass(frozen=True, kw_only=True)
class FourScores:
    """The four scores of one set of images; all in [0, 1], higher is worse.

    Attributes:
        unrealistic: mean out-of-fold probability of the synthetic images to be synthetic;
            chance is 0.5.
        unrepresentative: mean out-of-fold probability of the real images to be real; chance 0.5.
        unvaried: share of the synthetic images with another synthetic one nearer than the
            duplicate radius; chance is about the false-alarm budget.
        unoriginal: share of the synthetic images with a real one nearer than the radius; likewise.

    The detector's two follow the first definition of Cleanlab Studio's synthetic data scores; the
    other two differ from it, see the README.
    """

    unrealistic: float
    unrepresentative: float
    unvaried: float
    unoriginal: float


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is known of each of n images, as arrays (n,).

    Attributes:
        label_quality: out-of-fold probability of the side that the image is on.
        is_synthetic: the side.
        is_unvaried: synthetic and repeating another synthetic image.
        is_unoriginal: synthetic and copying a real one.
    """

    label_quality: Floats
    is_synthetic: Flags
    is_unvaried: Flags
    is_unoriginal: Flags

    def take(self, rows: Flags) -> Evidence:
        """The evidence on some images."""
        return Evidence(
            label_quality=self.label_quality[rows],
            is_synthetic=self.is_synthetic[rows],
            is_unvaried=self.is_unvaried[rows],
            is_unoriginal=self.is_unoriginal[rows],
        )


def four_scores(evidence: Evidence) -> FourScores:
    """Average over the sides; both must have at least one image."""
    synthetic = evidence.is_synthetic
    return FourScores(
        unrealistic=float(evidence.label_quality[synthetic].mean()),
        unrepresentative=float(evidence.label_quality[~synthetic].mean()),
        unvaried=float(evidence.is_unvaried[synthetic].mean()),
        unoriginal=float(evidence.is_unoriginal[synthetic].mean()),
    )


def scores_by_class(classes: Names, evidence: Evidence) -> dict[str, FourScores]:
    """The scores of each class that both sides have, by name in sorted order.

    The detector and the radius are those of the whole audit; ``classes`` (n,) holds names, None
    for images without one.
    """
    sides = [set(classes[evidence.is_synthetic]), set(classes[~evidence.is_synthetic])]
    shared = (sides[0] & sides[1]) - {None}
    return {name: four_scores(evidence.take(classes == name)) for name in sorted(shared)}
