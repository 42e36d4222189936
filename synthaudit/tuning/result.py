"""What became of a training: losses, audits, weights, and where they came from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from synthaudit.tuning.learning import StepLosses
from synthaudit.tuning.watching import AuditPoint, Stop

TUNE_SCHEMA: Final = "synthaudit/tune/1"
TUNE_FILE: Final = "tune.json"
_OVER: Final = 20


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Weights that were kept.

    Attributes:
        step: of the optimizer.
        folder: of the LoRA file, from the folder of the results.
        passed: whether an audit at this step or later found nothing; None where none has looked.
    """

    step: int
    folder: str
    passed: bool | None


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """The outcome of teaching one LoRA.

    Attributes:
        folder: of the results.
        classes: what was taught, with how many images.
        prompts: by class, what it is asked for with.
        steps: that were taken.
        losses: of each step.
        audits: of the samples.
        stop: why it ended early; None where it did not.
        checkpoints: weights that were kept.
        recipe: of the training.
        provenance: digests of model and images, versions.
        notes: in sentences.
    """

    folder: Path
    classes: Mapping[str, int]
    prompts: Mapping[str, str]
    steps: int
    losses: Sequence[StepLosses] = field(repr=False)
    audits: Sequence[AuditPoint]
    stop: Stop | None
    checkpoints: Sequence[Checkpoint]
    recipe: Mapping[str, Any] = field(repr=False)
    provenance: Mapping[str, Any] = field(repr=False)
    notes: Sequence[str] = ()

    @property
    def recommended(self) -> Checkpoint | None:
        """The last weights that no audit objects to."""
        good = [own for own in self.checkpoints if own.passed is not False]
        return good[-1] if good else None

    @property
    def exit_code(self) -> int:
        """0 where there are weights to use, 1 where the first audit stopped it."""
        return 0 if self.recommended is not None else 1

    def to_dict(self) -> dict[str, Any]:
        """The contents of ``tune.json``."""
        best = self.recommended
        return {
            "schema": TUNE_SCHEMA,
            "classes": dict(self.classes),
            "prompts": dict(self.prompts),
            "steps": self.steps,
            "stopped": None if self.stop is None else {**asdict(self.stop), "text": str(self.stop)},
            "recommended": None if best is None else best.folder,
            "checkpoints": [asdict(own) for own in self.checkpoints],
            "audits": [own.to_dict() for own in self.audits],
            "losses": [asdict(own) for own in self.losses],
            "recipe": dict(self.recipe),
            "provenance": dict(self.provenance),
            "notes": list(self.notes),
        }


def read_tuning(folder: Path) -> Tuning | None:
    """What a training has left in its folder; None where that is not whole."""
    try:
        told = json.loads((folder / TUNE_FILE).read_text("utf-8"))
        stop = told["stopped"]
        names = {field.name for field in fields(AuditPoint)}
        return Tuning(
            folder=folder,
            classes=told["classes"],
            prompts=told["prompts"],
            steps=told["steps"],
            losses=[StepLosses(**own) for own in told["losses"]],
            audits=[AuditPoint(**{name: own[name] for name in names}) for own in told["audits"]],
            stop=None if stop is None else Stop(**{k: v for k, v in stop.items() if k != "text"}),
            checkpoints=[Checkpoint(**own) for own in told["checkpoints"]],
            recipe=told["recipe"],
            provenance=told["provenance"],
            notes=told["notes"],
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def smoothed(values: Sequence[float]) -> list[float]:
    """Means over the last twenty: single steps differ by their noise levels.

    >>> smoothed([1.0, 3.0])
    [1.0, 2.0]
    """
    return [
        sum(values[max(end - _OVER, 0) : end]) / min(end, _OVER)
        for end in range(1, len(values) + 1)
    ]
