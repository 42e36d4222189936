"""What the synthetic images are worth to a classifier, beside what no training gives."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from synthaudit.arrays import Flags, Floats, Integers, Names, Singles, Vectors
from synthaudit.embedding.protocol import Embedder, TextEmbedder
from synthaudit.errors import EmbedderError
from synthaudit.measures.usefulness.label_fidelity import LabelFidelity
from synthaudit.measures.usefulness.shared_classes import shared_classes
from synthaudit.measures.usefulness.train_synthetic_test_real import TrainingValue, training_value
from synthaudit.measures.usefulness.zero_shot import TEMPLATES, ZeroShot, zero_shot
from synthaudit.progress import LOGGER
from synthaudit.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Usefulness:
    """Probes, zero-shot baselines on the real images, and label fidelity."""

    training: TrainingValue
    zero_shot: ZeroShot | None
    labels: LabelFidelity | None

    def to_dict(self) -> dict[str, Any]:
        """What ``scores.json`` says of usefulness."""
        summary = asdict(self.training)
        if self.zero_shot is not None:
            summary["zero_shot"] = asdict(self.zero_shot)
        if self.labels is not None:
            summary["labels"] = {
                "agreement": self.labels.agreement,
                "real_accuracy": self.labels.real_accuracy,
                "wrong": int(self.labels.is_wrong.sum()),
            }
        return summary


def judge_usefulness(
    axes: Floats,
    vectors: Vectors,
    is_synthetic: Flags,
    classes: Names,
    *,
    groups: Integers,
    clusters: Integers,
    labels: LabelFidelity | None,
    embedder: Embedder | None,
    settings: Settings,
) -> Usefulness | None:
    """Measure the training value where both sides have classes.

    Args:
        axes: (n, d') their standardised principal axes.
        vectors: (n, d) embeddings.
        is_synthetic: (n,) the side of each.
        classes: (n,) class names, None without.
        groups: (n,) clusters that no fold cuts, -1 for images alone.
        clusters: (n,) near-duplicate clusters, -1 for images alone.
        labels: what the probe says of the intended classes.
        embedder: for the zero-shot baselines, where it reads text.
        settings: confidence and seed.

    Returns:
        ``Usefulness``; None without two shared classes.
    """
    value = training_value(
        axes,
        is_synthetic,
        classes,
        groups,
        clusters,
        confidence=settings.confidence,
        seed=settings.seed,
    )
    if value is None:
        return None
    baselines = None
    shared = shared_classes(classes, is_synthetic)
    if shared is not None and isinstance(embedder, TextEmbedder):
        try:
            texts = _read_classes(embedder, shared.names)
            asked = shared.known & ~is_synthetic
            baselines = zero_shot(vectors[asked], texts, shared.target[asked])
        except EmbedderError as error:
            LOGGER.warning("no zero-shot baseline: %s", error)
    return Usefulness(training=value, zero_shot=baselines, labels=labels)


def _read_classes(embedder: TextEmbedder, names: list[str]) -> Singles:
    """(T, K, d) vectors of the class names in every template."""
    spoken = [name.replace("_", " ").replace("-", " ") for name in names]
    return np.stack(
        [embedder.encode_text([line.format(name) for name in spoken]) for line in TEMPLATES]
    )
