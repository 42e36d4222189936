"""The outcome of a sweep, frozen: what its files and its faces are made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from synthaudit.images.collection import ImageEntry
from synthaudit.measures.prompts.word_effects import WordEffect
from synthaudit.result.writing import json_text, refuse_beside, write_files
from synthaudit.sweeping.comparison import Effect

if TYPE_CHECKING:
    import pandas as pd

SWEEP_SCHEMA: Final = "synthaudit/sweep/1"
PAGES: Final = ("contact-sheet.jpg", "thumbnails.parquet", "report.html")
SWEEP_FILES: Final = (
    *PAGES,
    *("arms.parquet", "images.parquet", "winner.yaml", "winner.txt", "sweep.json"),
)
"""What is written beside the arms; the last stands for all."""


@dataclass(frozen=True, kw_only=True)
class ArmResult:
    """One arm.

    Attributes:
        arm: its name, which is also that of its folder.
        axes: by axis, the value as text.
        prompts: the distinct prompts, as many as subjects at most.
        images: how many were compared.
        refused: how many the generator refused to make.
        dropped_at: images at which the race dropped it; None when it ran to the end.
        scores: the four scores of its own audit against the real images.
        intervals: theirs.
        measures: what the arms are compared by, on one scale for all of them.
        measure_intervals: theirs, each by the images of this arm alone.
        usefulness: accuracy on real images after training on this arm; None without classes.
        by_subject: by subject, the mean probability of being synthetic.
        verdict: on its own audit, ``fit`` (None: undecided) and ``text``.
        seconds: what its images took to make.
        is_pareto: whether no other arm beats it in all measures.
        seconds_per_image: of those that were made, the median; None where nobody has measured it.
        peak_memory: bytes that making them took at most, on the GPU where there is one, and else of
            the whole process; None where nobody has measured it.
        money: what its images cost; None where nobody has said what one costs.
        reference_similarity: see ``likeness``; None where nothing was made from references.
        perceptual_diversity: see ``likeness``; None where it cannot be measured.
    """

    arm: str
    axes: Mapping[str, str]
    prompts: Sequence[str]
    images: int
    refused: int
    dropped_at: int | None
    scores: Mapping[str, float]
    intervals: Mapping[str, Sequence[float]]
    measures: Mapping[str, float]
    usefulness: float | None
    by_subject: Mapping[str, float]
    verdict: Mapping[str, Any]
    seconds: float
    is_pareto: bool
    seconds_per_image: float | None = None
    peak_memory: int | None = None
    money: float | None = None
    reference_similarity: float | None = None
    perceptual_diversity: float | None = None
    measure_intervals: Mapping[str, Sequence[float]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """What to use.

    Attributes:
        arm: the best by the goal.
        prompts: its prompts.
        runner_up: the next; None for a single arm.
        is_beyond_noise: whether it beats the first arm of the plan, or is that arm and beats the
            runner-up, beyond noise.
        better_than: the arms that it beats beyond noise.
        reasons: in sentences.
    """

    arm: str
    prompts: Sequence[str]
    runner_up: str | None
    is_beyond_noise: bool
    better_than: Sequence[str]
    reasons: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class TriedArm:
    """An arm that a search has tried.

    Attributes:
        axes: its values.
        value: by the goal, on the images that it was chosen or left by.
        smoothed: the same with the luck of few images taken out as far as other arms tell.
        images: how many it had.
        round: in which it was proposed.
    """

    axes: Mapping[str, str]
    value: float
    smoothed: float
    images: int
    round: int


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """How the arms of a sweep were found.

    Attributes:
        tried: how many arms were tried.
        rounds: of proposals.
        images: that the search took, without the confirmation.
        is_cut: whether the budget ended it early.
        searched_value: of the winner by the goal, on the images that have chosen it: it flatters,
            for the luckiest of many was taken (the winner's curse).
        confirmed_value: the same on fresh seeds, which the published scores are by.
        arms: all that were tried, in their order.
    """

    tried: int
    rounds: int
    images: int
    is_cut: bool
    searched_value: float
    confirmed_value: float
    arms: Sequence[TriedArm]


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """What a sweep found.

    Attributes:
        arms: the best by the goal first.
        effects: of axis values, against the first value of each axis.
        interactions: of pairs of axis values that are significant.
        words: words of prompts, and settings, that go with faults, over all arms together.
        pareto: arms that none beats in all measures, usefulness among them where there is one.
        best_by_subject: by subject, the arm whose images of it look most real, by the arms' own
            detectors; a hint, for a subject has few images.
        recommended: what to use.
        winner: a plan that makes the recommended arm and nothing else.
        goal: what decided.
        counts: ``real``, ``images_per_arm`` as compared, ``made`` in this run, ``saved`` by the
            race, ``refused``.
        is_complete: whether all images of the plan are there.
        images: a row an image that was compared: ``arm``, ``image`` (the same number has the same
            seed and subject in every arm), ``subject``, ``prompt``, and ``path`` in the folder of
            the sweep.
        real: some real images to look at besides, of every subject.
        notes: what a reader must know, in sentences.
        provenance: how to reproduce it.
        search: how the arms were found, where they were searched for: then ``arms`` are the
            finalists, on seeds that no choice has seen.
    """

    arms: Sequence[ArmResult]
    effects: Sequence[Effect]
    interactions: Sequence[Effect]
    words: Sequence[WordEffect]
    pareto: Sequence[str]
    best_by_subject: Mapping[str, str]
    recommended: Recommendation
    winner: Mapping[str, Any]
    goal: str
    counts: Mapping[str, int]
    is_complete: bool
    images: pd.DataFrame = field(repr=False)
    real: Sequence[ImageEntry] = field(repr=False)
    notes: Sequence[str]
    provenance: Mapping[str, Any]
    search: SearchResult | None = None

    def to_dict(self) -> dict[str, Any]:
        """The contents of ``sweep.json``."""
        return {
            "schema": SWEEP_SCHEMA,
            "goal": self.goal,
            "recommended": asdict(self.recommended),
            "pareto": list(self.pareto),
            "best_by_subject": dict(self.best_by_subject),
            "counts": dict(self.counts),
            "real_examples": [{"path": own.path, "subject": own.label} for own in self.real],
            "is_complete": self.is_complete,
            "arms": [asdict(arm) for arm in self.arms],
            "effects": [asdict(effect) for effect in self.effects],
            "interactions": [asdict(effect) for effect in self.interactions],
            "words": [asdict(effect) for effect in self.words],
            **({} if self.search is None else {"search": asdict(self.search)}),
            "notes": list(self.notes),
            "provenance": dict(self.provenance),
        }

    def table(self) -> pd.DataFrame:
        """A row an arm, the best first."""
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "arm": arm.arm,
                    **{f"axis_{name}": value for name, value in arm.axes.items()},
                    "images": arm.images,
                    "refused": arm.refused,
                    "seconds": arm.seconds,
                    "seconds_per_image": arm.seconds_per_image,
                    "peak_memory": arm.peak_memory,
                    "money": arm.money,
                    "reference_similarity": arm.reference_similarity,
                    "perceptual_diversity": arm.perceptual_diversity,
                    **arm.scores,
                    **{f"compared_{name}": value for name, value in arm.measures.items()},
                    "usefulness": arm.usefulness,
                    "fit": arm.verdict["fit"],
                    "is_pareto": arm.is_pareto,
                }
                for arm in self.arms
            ]
        )

    def write(self, folder: str | Path, *, beside: Mapping[str, bytes] | None = None) -> Path:
        """Write ``sweep.json``, its tables, and the winner as a plan and as prompts.

        The images, the audits of the arms and the pages are only in the folder of the sweep itself;
        pages of an earlier one are removed.

        Args:
            folder: where to.
            beside: further files by name.

        Raises:
            UsageError: the folder holds an audit.
            StorageError: the folder cannot be written.
        """
        import yaml

        refuse_beside(Path(folder), "scores.json", "an audit")

        return write_files(
            Path(folder),
            {
                **(beside or {}),
                "arms.parquet": self.table(),
                "images.parquet": self.images,
                "winner.yaml": yaml.safe_dump(
                    dict(self.winner), sort_keys=False, allow_unicode=True
                ),
                "winner.txt": "\n".join(self.recommended.prompts) + "\n",
                "sweep.json": json_text(self.to_dict()),
            },
            replaces=PAGES,
        )


def remove_results(folder: Path) -> None:
    """Remove what a sweep wrote beside its arms; the file that stands for all goes first."""
    for name in reversed(SWEEP_FILES):
        with suppress(OSError):
            (folder / name).unlink(missing_ok=True)
