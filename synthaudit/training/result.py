"""What trained networks reach: accuracies with intervals, gains in pairs, and classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from synthaudit.arrays import Floats, Integers
from synthaudit.measures.intervals import Estimate
from synthaudit.result.writing import json_text, write_files

TRAINING_SCHEMA: Final = "synthaudit/training/1"
TRAINING_FILE: Final = "training.json"


@dataclass(frozen=True, kw_only=True)
class ArmResult:
    """Networks that learnt from the same kind of images.

    Attributes:
        name: of the arm.
        real: real images that each learnt from.
        synthetic: synthetic ones.
        accuracy: balanced over the classes, in [0, 1], higher is better; mean of the seeds.
        gain: what the synthetic images add: this accuracy less that of the same real images alone,
            seed by seed; None for arms of real images alone.
        seeds: accuracy of each seed.
        classes: by class, the mean accuracy.
    """

    name: str
    real: int
    synthetic: int
    accuracy: Estimate
    gain: Estimate | None
    seeds: Sequence[float]
    classes: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Training:
    """The outcome of ``train``.

    Attributes:
        arms: real images alone, synthetic ones alone, and both.
        counts: images of ``real``, ``synthetic`` and ``test``.
        classes: their names.
        recipe: of the training.
        chance: accuracy of guessing.
        notes: in sentences.
        versions: of what it was computed with.
    """

    arms: Sequence[ArmResult]
    counts: Mapping[str, int]
    classes: Sequence[str]
    recipe: Mapping[str, Any] = field(repr=False)
    chance: float
    notes: Sequence[str]
    versions: Mapping[str, str] = field(repr=False)

    def arm(self, name: str) -> ArmResult:
        """An arm by its name; KeyError where there is none."""
        found = {own.name: own for own in self.arms}
        return found[name]

    def to_dict(self) -> dict[str, Any]:
        """The contents of ``training.json``."""
        return {
            "schema": TRAINING_SCHEMA,
            "arms": [asdict(own) for own in self.arms],
            "counts": dict(self.counts),
            "classes": list(self.classes),
            "chance": self.chance,
            "recipe": dict(self.recipe),
            "notes": list(self.notes),
            "versions": dict(self.versions),
        }

    def write(self, out: str | Path) -> Path:
        """Write ``training.json`` into a folder.

        Raises:
            StorageError: it cannot be written.
        """
        write_files(Path(out), {TRAINING_FILE: json_text(self.to_dict())})
        return Path(out)


def mean_accuracy(correct: Floats, target: Integers, *, confidence: float) -> Estimate:
    """Mean over seeds of balanced accuracy, or of a difference of two, with an interval.

    Both other seeds and other test images would give another number. Their variances are added:
    that of the seeds' accuracies over the number of seeds, and that of the images' mean correctness
    over the images of each class. The interval is Student's, its degrees of freedom Welch's and
    Satterthwaite's; with one seed only the images count.

    Args:
        correct: (S, n) whether each seed's network named each test image rightly, or what it
            exceeds another one of the same seed by.
        target: (n,) class numbers.
        confidence: of the interval.

    Returns:
        ``Estimate``.
    """
    from scipy.stats import t

    by_seed = accuracies(correct, target).mean(axis=1)
    seeds = len(by_seed)
    of_seeds = float(by_seed.var(ddof=1)) / seeds if seeds > 1 else 0.0
    numbers = np.unique(target)
    own = correct.mean(axis=0)
    parts = [own[target == number] for number in numbers]
    of_images = sum(float(part.var(ddof=1)) / len(part) for part in parts if len(part) > 1)
    of_images /= len(numbers) ** 2
    variance = of_seeds + of_images
    freedom = np.inf
    if of_seeds > 0.0:
        rest = of_images**2 / max(len(target) - len(numbers), 1)
        freedom = variance**2 / (of_seeds**2 / (seeds - 1) + rest)
    value = float(by_seed.mean())
    width = float(t.ppf(0.5 + confidence / 2, freedom)) * float(np.sqrt(variance))
    return Estimate(value=value, low=value - width, high=value + width)


def accuracies(correct: Floats, target: Integers) -> Floats:
    """(S, K) accuracy of each seed in each class that is there."""
    numbers = np.unique(target)
    return np.stack([correct[:, target == number].mean(axis=1) for number in numbers], axis=1)
