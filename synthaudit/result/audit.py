"""The outcome of an audit, frozen: what every face of it is drawn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from synthaudit.images.collection import ImageEntry
from synthaudit.result.finding import Finding
from synthaudit.result.notebook import notebook_block
from synthaudit.result.schema import SCORES_SCHEMA, ScoresFile, in_order
from synthaudit.result.scores import ClassScores, Score
from synthaudit.result.section import Section
from synthaudit.result.verdict import Fitness, decide
from synthaudit.result.worst_images import examples_of
from synthaudit.result.writing import json_text, refuse_beside, write_files

if TYPE_CHECKING:
    import pandas as pd

_DIGITS: Final = 9
_SMALL: Final = 1e-3

_TABLES: Final = ("copies.parquet", "duplicates.parquet", "explanation.parquet")
REPORT_FILES: Final = ("about.json", "thumbnails.parquet", "report.md", "report.html")
"""What a report adds to the files of an audit, which is void once those are others."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Audit:
    """What an audit found.

    Attributes:
        scores: the four scores by name; each is also an attribute of its own.
        classes: the scores of each class that both sides have.
        counts: ``real``, ``synthetic``, ``unreadable``, ``classes``.
        sections: what each step found, by its name.
        images: a row an image; see the reference for the columns.
        tables: further tables by name, among them ``duplicates``: a row a near-duplicate pair,
            nearest first.
        unreadable: a row an unusable file, with its reason.
        notes: what a reader must know to read the scores rightly, in sentences.
        provenance: how to reproduce the numbers.
        roots: the folder that each side's paths start from.
        sources: what the caller called each side.
        entries: by side, where the bytes of its images are; empty for ready vectors.
    """

    scores: Mapping[str, Score]
    classes: Mapping[str, ClassScores]
    counts: Mapping[str, int]
    sections: Mapping[str, Section] = field(repr=False)
    images: pd.DataFrame = field(repr=False)
    tables: Mapping[str, pd.DataFrame] = field(repr=False)
    unreadable: pd.DataFrame = field(repr=False)
    notes: tuple[str, ...]
    provenance: Mapping[str, Any]
    roots: Mapping[str, Path]
    sources: Mapping[str, str]
    entries: Mapping[str, Sequence[ImageEntry]] = field(repr=False)

    @property
    def unrealistic(self) -> Score:
        """How surely a detector recognises the synthetic images."""
        return self.scores["unrealistic"]

    @property
    def unrepresentative(self) -> Score:
        """How surely it recognises the real ones."""
        return self.scores["unrepresentative"]

    @property
    def unvaried(self) -> Score:
        """Share of synthetic images that repeat one another."""
        return self.scores["unvaried"]

    @property
    def unoriginal(self) -> Score:
        """Share of synthetic images that copy a real one."""
        return self.scores["unoriginal"]

    @property
    def detector(self) -> Mapping[str, Any]:
        """``auc`` and balanced ``accuracy``, and how many images it could not judge."""
        return self._part("detector")

    @property
    def duplicates(self) -> Mapping[str, Any]:
        """The radius, how it came about, and how many pairs and clusters there are."""
        return self._part("duplicates")

    @property
    def supporting(self) -> Mapping[str, Any]:
        """Further measures by name, with range, direction, chance and paper."""
        return self._part("supporting")

    @property
    def missed(self) -> Sequence[Mapping[str, Any]]:
        """Kinds of real image that the synthetic set misses, the largest first."""
        found: Sequence[Mapping[str, Any]] = self._contents().get("missed", ())
        return found

    @property
    def labels(self) -> Mapping[str, Any]:
        """Wrong classes; empty without two classes that both sides have."""
        return self._part("labels")

    @property
    def broken(self) -> Mapping[str, Any]:
        """Broken pictures; empty for ready vectors."""
        return self._part("broken")

    @property
    def appearance(self) -> Mapping[str, Any]:
        """How the sides differ in light, sharpness and the like; empty for ready vectors."""
        return self._part("appearance")

    @property
    def memorisation(self) -> Mapping[str, Any]:
        """Copies by calibrated distances; empty by Cleanlab's definitions."""
        return self._part("memorisation")

    @property
    def usefulness(self) -> Mapping[str, Any]:
        """What probes learn from the images; empty without classes."""
        return self._part("usefulness")

    @property
    def artefacts(self) -> Mapping[str, Any]:
        """How well the files alone tell the sides apart; empty for vectors."""
        return self._part("artefacts")

    @property
    def measures(self) -> Mapping[str, Any]:
        """By column of a measure that was asked for, the median of each side, and its AUC."""
        return self._part("measures")

    @property
    def kept_scores(self) -> Mapping[str, float]:
        """The four scores of the images worth keeping; empty unless asked for."""
        scores: Mapping[str, float] = self._part("kept").get("scores", {})
        return scores

    @property
    def pairs(self) -> pd.DataFrame:
        """A row a near-duplicate pair, nearest first."""
        return self.tables["duplicates"]

    @property
    def copies(self) -> pd.DataFrame | None:
        """A row a discovered copy, the surest first; None by Cleanlab's definitions."""
        return self.tables.get("copies")

    @property
    def kept(self) -> pd.DataFrame | None:
        """A row a synthetic image: ``path``, ``is_kept``, ``reason``; None unless asked for."""
        return self.tables.get("kept")

    def to_dict(self) -> dict[str, Any]:
        """The contents of ``scores.json``: numbers, texts and containers only.

        The same images, settings and seed give the same dictionary; it holds no times.
        """
        contents = {
            "schema": SCORES_SCHEMA,
            **self._contents(),
            "counts": dict(self.counts),
            "notes": list(self.notes),
            "provenance": dict(self.provenance),
        }
        contents |= decide(contents, partial(examples_of, self.images))
        rounded: dict[str, Any] = _round(in_order(contents, ScoresFile))
        return rounded

    @property
    def findings(self) -> Sequence[Finding]:
        """What the numbers say, the gravest first."""
        return [Finding.read(own) for own in self.to_dict()["findings"]]

    @property
    def verdict(self) -> Fitness:
        """Whether the set is fit to train on."""
        return Fitness(**self.to_dict()["verdict"])

    def __str__(self) -> str:
        """The verdict and the four scores, in five lines."""
        lines = [f"{name:17} {score.value:.3f}" for name, score in self.scores.items()]
        return "\n".join([self.verdict.text, *lines])

    def __repr__(self) -> str:
        """One line."""
        scores = ", ".join(f"{name}={score.value:.3f}" for name, score in self.scores.items())
        return f"Audit({scores}, fit={self.verdict.fit})"

    def _contents(self) -> dict[str, Any]:
        """What all sections say, joined."""
        contents: dict[str, Any] = {}
        for section in self.sections.values():
            _join(contents, section.to_dict())
        return contents

    def _part(self, name: str) -> Mapping[str, Any]:
        part: Mapping[str, Any] = in_order(self._contents(), ScoresFile).get(name, {})
        return part

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return notebook_block(self.verdict.text, self.scores, self.counts, self.notes)

    def write(
        self, folder: str | Path, *, beside: Mapping[str, str | pd.DataFrame] | None = None
    ) -> Path:
        """Write all files into a folder, which is made if need be.

        Each file appears whole or not at all; ``scores.json`` comes last. What an earlier audit has
        left there and this one has not, its pages among them, is removed.

        Args:
            folder: where to.
            beside: further files by name, such as those of a report.

        Raises:
            UsageError: the folder holds a sweep.
            StorageError: the folder cannot be written.
        """
        refuse_beside(Path(folder), "sweep.json", "a sweep")
        files = {**(beside or {}), **self.files()}
        return write_files(Path(folder), files, replaces=(*_TABLES, *REPORT_FILES))

    def files(self) -> dict[str, str | pd.DataFrame]:
        """What ``write`` writes, by file name."""
        tables = {name: table for name, table in self.tables.items() if name != "kept"}
        return {
            "images.parquet": self.images,
            "images.csv": self.images,
            **{f"{name}.parquet": table for name, table in tables.items()},
            "unreadable.csv": self.unreadable,
            # The scores come last: who finds them finds the rest.
            "scores.json": json_text(self.to_dict()),
        }


def _join(contents: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Add what a section says to what others said under the same keys."""
    for key, value in more.items():
        if isinstance(value, Mapping) and isinstance(contents.get(key), dict):
            _join(contents[key], value)
        else:
            contents[key] = dict(value) if isinstance(value, Mapping) else value


def _round(value: Any) -> Any:
    if isinstance(value, float):
        # Small numbers keep their digits: a p-value of 1e-12 is not 0.
        return round(value, _DIGITS) if abs(value) >= _SMALL else float(f"{value:.{_DIGITS}g}")
    if isinstance(value, dict):
        return {key: _round(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_round(entry) for entry in value]
    return value
