"""What a build has made and dropped so far, round by round, kept so that a killed one goes on."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from synthaudit.errors import StorageError
from synthaudit.images.collection import Collection, FileLocation, ImageEntry
from synthaudit.images.generation_record import GenerationRecord
from synthaudit.result.writing import write_files

HIDDEN: Final = ".build"
"""Folder of a set that holds what it is made from; readers of image folders pass it over."""

_ROUNDS: Final = "rounds"


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An image that may become part of the set.

    Attributes:
        path: in the set's ``images``, unlike that of any other.
        file: where it lies now: from the hidden folder, or anywhere for one that was given.
        subject: its class; None for sets without.
        prompt, seed, number, generator, options: how it was made; None where that is not known.
        round: in which it came; 0 for those that were given.
        aim: what it was made for.
        origin: where it lay, for one that was given.
    """

    path: str
    file: str
    subject: str | None
    prompt: str | None = None
    seed: int | None = None
    number: int | None = None
    generator: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    round: int = 0
    aim: str = ""
    origin: str | None = None


@dataclass(frozen=True, kw_only=True)
class Drop:
    """Why an image is no part of the set, and since which round."""

    reason: str
    round: int


@dataclass(frozen=True, kw_only=True)
class Round:
    """A round, as ``build.json`` has it.

    Attributes:
        round: its number; 0 for the judging of what was given.
        made: images of it.
        kept: images in the set after it.
        dropped: how many it dropped, by reason.
        aimed_at: what its images were made for, in sentences.
        scores: of the set after it, against the half that steers; empty before there are enough.
        seconds: that it took.
        money: that its images cost.
        quota: by class, how many are there and how many are wanted; the class is empty without.
        uncovered: share of the real images of the steering half that nothing covers.
        excess: by how much the gate's limits are missed, 0 where it passes; None before quotas are
            full.
        by_class: how many images of it were made and dropped, by class and reason.
        basis: digest of the plan, the policy and the decisions that it was made by: rounds by
            others tell nothing of what the present ones bring.
    """

    round: int
    made: int
    kept: int
    dropped: Mapping[str, int]
    aimed_at: Sequence[str]
    scores: Mapping[str, float]
    seconds: float
    money: float
    quota: Mapping[str, Sequence[int]]
    uncovered: float | None
    excess: float | None
    by_class: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    basis: str = ""


@dataclass(kw_only=True)
class Ledger:
    """All rounds that are done.

    Attributes:
        folder: the hidden one.
        candidates: by path.
        drops: by path.
        rounds: in order.
        basis: of the rounds to come.
    """

    folder: Path
    candidates: dict[str, Candidate] = field(default_factory=dict)
    drops: dict[str, Drop] = field(default_factory=dict)
    rounds: list[Round] = field(default_factory=list)
    basis: str = ""

    @classmethod
    def read(cls, folder: Path) -> Ledger:
        """What the rounds of a folder say; a round that was cut off begins again.

        Raises:
            StorageError: a round is damaged.
        """
        ledger = cls(folder=folder)
        for file in sorted((folder / _ROUNDS).glob("[0-9]*.json")):
            try:
                told = json.loads(file.read_text("utf-8"))
                ledger._take(
                    Round(**told["round"]),
                    [Candidate(**own) for own in told["made"]],
                    {path: Drop(**own) for path, own in told["dropped"].items()},
                )
            except (OSError, ValueError, TypeError, KeyError) as error:
                raise StorageError(
                    f"{file} cannot be read ({error}): remove it and the rounds after it, whose "
                    "images are found again, and start again."
                ) from error
        return ledger

    def add(self, done: Round, made: Sequence[Candidate], dropped: Mapping[str, Drop]) -> None:
        """Keep a round.

        Raises:
            StorageError: it cannot be written.
        """
        contents = {
            "round": asdict(done),
            "made": [asdict(own) for own in made],
            "dropped": {path: asdict(own) for path, own in dropped.items()},
        }
        write_files(
            self.folder / _ROUNDS,
            # Names may be no UTF-8, which only escapes can hold.
            {f"{done.round:04d}.json": json.dumps(contents, default=str)},
            advice="start again; what is made stays",
        )
        self._take(done, made, dropped)

    def _take(self, done: Round, made: Sequence[Candidate], dropped: Mapping[str, Drop]) -> None:
        self.rounds.append(done)
        self.candidates |= {own.path: own for own in made}
        self.drops |= dropped

    @property
    def made(self) -> int:
        """How many images were made."""
        return sum(own.made for own in self.rounds)

    @property
    def seconds(self) -> float:
        """What all rounds took."""
        return sum(own.seconds for own in self.rounds)

    def left(self) -> Iterator[Candidate]:
        """What was not dropped."""
        return (own for path, own in self.candidates.items() if path not in self.drops)

    def place(self, candidate: Candidate) -> Path:
        """Where the file of a candidate lies."""
        return self.folder / candidate.file

    def collection(self, candidates: Sequence[Candidate]) -> Collection:
        """Candidates as images to audit, by their paths in the set."""
        return Collection(
            name="the set",
            root=self.folder.parent / "images",
            entries=[
                ImageEntry(
                    path=own.path,
                    label=own.subject,
                    location=FileLocation(os.fspath(self.place(own))),
                    record=GenerationRecord(
                        prompt=own.prompt or None, seed=own.seed, generator=own.generator
                    ),
                )
                for own in sorted(candidates, key=lambda own: own.path)
            ],
        )

    def numbers(self, subject: str | None) -> set[int]:
        """Numbers of a subject that are used up, whatever became of their images."""
        own = (c.number for c in self.candidates.values() if c.subject == subject)
        return {number for number in own if number is not None}

    @property
    def present(self) -> list[Round]:
        """The rounds by the plan as it is now."""
        return [own for own in self.rounds if own.basis == self.basis]

    @property
    def last(self) -> int:
        """Number of the last round; 0 before any."""
        return max((own.round for own in self.rounds), default=0)

    def record(self, subject: str | None, rounds: int = 2) -> Counter[str]:
        """How many images of a subject the last rounds made, under ``made``, and why not kept."""
        total: Counter[str] = Counter()
        for own in self.present[-rounds:]:
            total.update(own.by_class.get(subject or "", {}))
        return total
