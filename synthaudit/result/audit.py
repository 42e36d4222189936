"""The outcome of an audit, frozen: what every face of it is drawn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from synthaudit.images.collection import ImageEntry
from synthaudit.result.notebook import notebook_block
from synthaudit.result.writing import json_text, write_files

if TYPE_CHECKING:
    import pandas as pd

SCHEMA: Final = "synthaudit/scores/1"
_DIGITS: Final = 9
_SMALL: Final = 1e-3


@dataclass(frozen=True, kw_only=True)
class Score:
    """One of the four scores.

    Attributes:
        value: in [0, 1], higher is worse.
        chance: what a set drawn from the real distribution would score; None where unknown.
        low: lower end of the interval; None after ``quick``, as are all that follow.
        high: upper end of the interval.
        null: the level by the same procedure when there is no difference.
        p_value: how likely chance alone would score as high; never 0.
        floor: what the real images score against themselves; None with too few of them.
    """

    value: float
    chance: float | None
    low: float | None = None
    high: float | None = None
    null: float | None = None
    p_value: float | None = None
    floor: float | None = None


@dataclass(frozen=True, kw_only=True)
class ClassScores:
    """The four scores of one class, and how many images it has on each side."""

    unrealistic: float
    unrepresentative: float
    unvaried: float
    unoriginal: float
    real: int
    synthetic: int


@dataclass(frozen=True, kw_only=True)
class Audit:
    """What an audit found.

    Attributes:
        unrealistic: how surely a detector recognises the synthetic images.
        unrepresentative: how surely it recognises the real ones.
        unvaried: share of synthetic images that repeat one another.
        unoriginal: share of synthetic images that copy a real one.
        counts: ``real``, ``synthetic``, ``unreadable``, ``classes``.
        detector: ``auc`` and balanced ``accuracy``, 0.5 by chance, 1 for perfect; and how many
            images of each side it could not judge.
        duplicates: the radius, how it came about, and how many pairs and clusters there are.
        supporting: further measures by name, each with range, direction, chance and paper; empty
            after ``quick``.
        missed: kinds of real image that the synthetic set misses: ``size``, ``examples`` (paths)
            and ``classes``, the largest first.
        memorisation: copies by calibrated distances, by which channel, at which rate of false
            discoveries; and how often an image is nearer to a real one than real ones are to each
            other; empty after ``quick``.
        usefulness: accuracies of linear probes trained on real, synthetic and both; few-shot
            curves; zero-shot baselines; label fidelity. Empty after ``quick`` and without classes.
        artefacts: how well traits of the files alone tell the sides apart; empty after ``quick``
            and for ready vectors.
        classes: the scores of each class that both sides have.
        images: a row an image; see the README for the columns.
        pairs: a row a near-duplicate pair, nearest first.
        copies: a row a synthetic image discovered to be a copy, with its original, distance and
            p-value, the surest first; None after ``quick``.
        unreadable: a row an unusable file, with its reason.
        kept: a row a synthetic image: ``path``, ``is_kept``, ``reason``; None unless asked for.
        kept_scores: the four scores of the images kept; empty unless asked for.
        notes: what a reader must know to read the scores rightly, in sentences.
        provenance: how to reproduce the numbers.
        roots: the folder that each side's paths start from.
        entries: by side, where the bytes of its images are; empty for ready vectors.
    """

    unrealistic: Score
    unrepresentative: Score
    unvaried: Score
    unoriginal: Score
    counts: Mapping[str, int]
    detector: Mapping[str, float | None]
    duplicates: Mapping[str, Any]
    supporting: Mapping[str, Mapping[str, Any]]
    missed: Sequence[Mapping[str, Any]]
    memorisation: Mapping[str, Any]
    usefulness: Mapping[str, Any]
    artefacts: Mapping[str, Any]
    classes: Mapping[str, ClassScores]
    images: pd.DataFrame = field(repr=False)
    pairs: pd.DataFrame = field(repr=False)
    copies: pd.DataFrame | None = field(repr=False)
    unreadable: pd.DataFrame = field(repr=False)
    kept: pd.DataFrame | None = field(repr=False)
    kept_scores: Mapping[str, float]
    notes: tuple[str, ...]
    provenance: Mapping[str, Any]
    roots: Mapping[str, Path]
    entries: Mapping[str, Sequence[ImageEntry]] = field(repr=False)

    @property
    def scores(self) -> dict[str, Score]:
        """The four scores by name."""
        return {
            "unrealistic": self.unrealistic,
            "unrepresentative": self.unrepresentative,
            "unvaried": self.unvaried,
            "unoriginal": self.unoriginal,
        }

    def to_dict(self) -> dict[str, Any]:
        """The contents of ``scores.json``: numbers, texts and containers only.

        The same images, settings and seed give the same dictionary; it holds no times.
        """
        contents: dict[str, Any] = {
            "schema": SCHEMA,
            **{name: score.value for name, score in self.scores.items()},
            "chance": {name: score.chance for name, score in self.scores.items()},
            **self._certainty(),
            "counts": dict(self.counts),
            "detector": dict(self.detector),
            "duplicates": dict(self.duplicates),
            **({"supporting": dict(self.supporting)} if self.supporting else {}),
            **({"missed": list(self.missed)} if self.supporting else {}),
            **({"memorisation": dict(self.memorisation)} if self.memorisation else {}),
            **({"usefulness": dict(self.usefulness)} if self.usefulness else {}),
            **({"artefacts": dict(self.artefacts)} if self.artefacts else {}),
            "classes": {name: vars(scores) for name, scores in self.classes.items()},
            **({} if self.kept is None else {"kept": self._kept()}),
            "notes": list(self.notes),
            "provenance": dict(self.provenance),
        }
        rounded: dict[str, Any] = _round(contents)
        return rounded

    def _certainty(self) -> dict[str, Any]:
        """Intervals and what belongs to them; nothing after ``quick``."""
        scores = self.scores
        if any(score.low is None for score in scores.values()):
            return {}
        contents: dict[str, Any] = {
            "intervals": {name: [score.low, score.high] for name, score in scores.items()},
            "null": {name: score.null for name, score in scores.items()},
            "p_values": {name: score.p_value for name, score in scores.items()},
        }
        if self.unrealistic.floor is not None:
            contents["floor"] = {name: score.floor for name, score in scores.items()}
        return contents

    def _kept(self) -> dict[str, Any]:
        """How many images are kept, why the others are not, and the scores of those kept."""
        assert self.kept is not None
        dropped = self.kept.loc[~self.kept["is_kept"], "reason"]
        reasons = {str(reason): int(count) for reason, count in dropped.value_counts().items()}
        return {
            "synthetic": int(self.kept["is_kept"].sum()),
            "dropped": dict(sorted(reasons.items())),
            "scores": dict(self.kept_scores),
        }

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return notebook_block(self.scores, self.counts, self.notes)

    def write(self, folder: str | Path) -> Path:
        """Write all files into a folder, which is made if need be.

        Each file appears whole or not at all; ``scores.json`` comes last.

        Raises:
            StorageError: the folder cannot be written.
        """
        files: dict[str, str | pd.DataFrame] = {
            "images.parquet": self.images,
            "images.csv": self.images,
            "duplicates.parquet": self.pairs,
            **({} if self.copies is None else {"copies.parquet": self.copies}),
            "unreadable.csv": self.unreadable,
            # The scores come last: who finds them finds the rest.
            "scores.json": json_text(self.to_dict()),
        }
        return write_files(Path(folder), files)


def _round(value: Any) -> Any:
    if isinstance(value, float):
        # Small numbers keep their digits: a p-value of 1e-12 is not 0.
        return round(value, _DIGITS) if abs(value) >= _SMALL else float(f"{value:.{_DIGITS}g}")
    if isinstance(value, dict):
        return {key: _round(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_round(entry) for entry in value]
    return value
