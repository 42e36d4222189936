"""What the synthetic images are worth to a classifier, beside what no training gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np

from synthaudit.arrays import Singles
from synthaudit.auditing.context import Context
from synthaudit.auditing.step import Step
from synthaudit.auditing.steps.detector import AxesSection
from synthaudit.auditing.steps.duplicates import DuplicateSection
from synthaudit.embedding.protocol import TextEmbedder
from synthaudit.errors import EmbedderError
from synthaudit.measures.samples import Samples
from synthaudit.measures.usefulness.discriminative_span import (
    DiscriminativeSpan,
    discriminative_span,
)
from synthaudit.measures.usefulness.few_images import SHOTS, probes
from synthaudit.measures.usefulness.shared_classes import shared_classes
from synthaudit.measures.usefulness.train_synthetic_test_real import (
    TrainSyntheticTestReal,
    train_synthetic_test_real,
)
from synthaudit.measures.usefulness.zero_shot import TEMPLATES, ZeroShot, zero_shot
from synthaudit.progress import LOGGER
from synthaudit.result.section import Section


@dataclass(frozen=True, kw_only=True)
class UsefulnessSection(Section):
    """Probes, what no training tells, and zero-shot baselines on the real images."""

    training: TrainSyntheticTestReal
    span: DiscriminativeSpan | None
    zero_shot: ZeroShot | None

    def to_dict(self) -> dict[str, Any]:
        """Accuracies and baselines."""
        summary = asdict(self.training)
        if self.training.curve is None:
            del summary["curve"]
        worth = summary.pop("worth_real_images")
        if worth is not None:
            ends = [worth["low"], worth["high"]]
            summary["worth_real_images"] = {"value": worth["value"], "interval": ends}
        if self.span is not None:
            summary["span"] = asdict(self.span)
        if self.zero_shot is not None:
            summary["zero_shot"] = asdict(self.zero_shot)
        return {"usefulness": summary}


def judge_usefulness(
    samples: Samples, context: Context, *, shots: Sequence[int] = SHOTS
) -> UsefulnessSection | None:
    """Train on synthetic images and test on real ones; None without two shared classes.

    Args:
        samples: the images.
        context: of the audit.
        shots: real images a class of the few-shot curves.
    """
    settings = context.settings
    context.progress.start("training probes", probes(shots, samples))
    value = train_synthetic_test_real(
        samples,
        context.section(DuplicateSection).found.cluster,
        lambda: context.section(AxesSection).axes,
        confidence=settings.confidence,
        seed=settings.seed,
        shots=shots,
        advance=context.progress.advance,
    )
    if value is None:
        return None
    return UsefulnessSection(
        training=value,
        span=discriminative_span(samples, seed=settings.seed),
        zero_shot=_classify_by_name(samples, context),
    )


def _classify_by_name(samples: Samples, context: Context) -> ZeroShot | None:
    """The zero-shot baseline on the real images, where the embedder reads text."""
    embedder = None if context.images is None else context.images.reader.embedder
    shared = shared_classes(samples)
    if shared is None or not isinstance(embedder, TextEmbedder):
        return None
    try:
        texts = _read_classes(embedder, shared.names)
    except EmbedderError as error:
        LOGGER.warning("no zero-shot baseline: %s", error)
        return None
    asked = shared.known & ~samples.is_synthetic
    return zero_shot(samples.vectors[asked], texts, shared.target[asked])


def _read_classes(embedder: TextEmbedder, names: list[str]) -> Singles:
    """(T, K, d) vectors of the class names in every template."""
    spoken = [name.replace("_", " ").replace("-", " ") for name in names]
    return np.stack(
        [embedder.encode_text([line.format(name) for name in spoken]) for line in TEMPLATES]
    )


STEP: Final = Step(name="usefulness", run=judge_usefulness, needs=("duplicates", "axes"))
BRIEF: Final = replace(STEP, run=partial(judge_usefulness, shots=()))
