"""The schema of ``usefulness`` in ``scores.json``: what the images are worth as training data."""

from __future__ import annotations

from synthaudit.result.schema_part import EstimatePart, Part, Share


class ClassUsefulness(Part):
    """Accuracies on the real images of a class."""

    real: float
    synthetic: float
    both: float
    gain: float


class FewShotPart(Part):
    """The same with so many real images a class."""

    images: int
    real: EstimatePart
    both: EstimatePart
    gain: EstimatePart


class ZeroShotPart(Part):
    """Accuracy of the nearest class name, without any training."""

    single: Share
    ensemble: Share


class CurvePointPart(Part):
    """Accuracy with so many images of each class to learn from."""

    images: float
    accuracy: EstimatePart


class CurveFitPart(Part):
    """accuracy = ceiling - drop * images ^ -rate."""

    ceiling: float
    drop: float
    rate: float


class CurvePart(Part):
    """Learning curves; ``both`` is of so many real images besides all synthetic ones."""

    real: list[CurvePointPart]
    synthetic: list[CurvePointPart]
    both: list[CurvePointPart]
    real_fit: CurveFitPart | None
    synthetic_fit: CurveFitPart | None
    twice: float | None


class WorthPart(Part):
    """How many real images teach as much; null where no number of them that is known of would."""

    value: float | None
    interval: tuple[float, float | None]


class SpanPart(Part):
    """What of the real classifier the synthetic images cannot express, 0 to 1, without training."""

    residual: Share
    classes: dict[str, Share]
    chance: Share


class UsefulnessPart(Part):
    """Balanced accuracy on held-out real images of probes trained on real and synthetic ones."""

    real: EstimatePart
    synthetic: EstimatePart
    both: EstimatePart
    gain: EstimatePart
    gap: EstimatePart
    classes: dict[str, ClassUsefulness]
    few_shot: list[FewShotPart]
    chance: Share
    excluded: int
    curve: CurvePart | None = None
    worth_real_images: WorthPart | None = None
    span: SpanPart | None = None
    zero_shot: ZeroShotPart | None = None
