"""The images of arms that exist: laid out in folders, and measured together."""

from __future__ import annotations

import filecmp
import itertools
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from synthaudit.arrays import Integers
from synthaudit.auditing.image_reader import ImageReader
from synthaudit.auditing.sources import refuse_too_many_unreadable
from synthaudit.errors import DataError
from synthaudit.generation.jobs import Generator, Job
from synthaudit.images.collection import Collection, FileLocation, ImageEntry
from synthaudit.images.generation_record import GenerationRecord
from synthaudit.labelling.of_made import labels_of, write_labels
from synthaudit.measures.comparison.evidence import ArmEvidence, gather_evidence
from synthaudit.sweeping.arms import Arm
from synthaudit.sweeping.production import Production, lay_out
from synthaudit.sweeping.store import Stored

if TYPE_CHECKING:
    from synthaudit.sweeping.preparation import Prepared

LEAST_SLOTS: Final = 8
"""Fewer images of an arm cannot be compared."""


@dataclass(frozen=True, kw_only=True)
class LaidOutArm:
    """What there is of an arm.

    Attributes:
        arm: the arm.
        root: the folder of its images.
        entries: by slot.
        refused: how many images the generator refused to make.
        reason: why it refused one of them, in its own words; None where it refused none.
        seconds: what the images took.
        seconds_per_image: the median; None where nobody has measured it.
        peak_memory: bytes at most; None likewise.
        money: what the images cost; None where nobody has said what one costs.
    """

    arm: Arm
    root: Path
    entries: dict[int, ImageEntry]
    refused: int
    reason: str | None
    seconds: float
    seconds_per_image: float | None
    peak_memory: int | None
    money: float | None

    @property
    def is_whole(self) -> bool:
        """Whether nothing is to come any more."""
        return len(self.entries) + self.refused >= len(self.arm.jobs)

    def collection(self, slots: Sequence[int]) -> Collection:
        """Some of its images."""
        entries = [self.entries[slot] for slot in slots]
        return Collection(name=self.arm.name, root=self.root, entries=entries)


def lay_out_arm(folder: Path, arm: Arm, production: Production) -> LaidOutArm:
    """Link what the store has of an arm into the folder of the sweep."""
    done = production.done(arm.name)
    root = folder / "arms" / arm.name / "images"
    return _laid(arm, root, lay_out(root, arm, done), done, production.generator.name)


def label_arm(item: LaidOutArm, generator: Generator) -> None:
    """Write the labels of an arm's images beside them, where its generator knows any.

    Raises:
        StorageError: there is no room.
    """
    jobs = [(entry.path, item.arm.jobs[slot]) for slot, entry in sorted(item.entries.items())]
    write_labels(item.root.parent, labels_of(generator, jobs))


def stored_arm(arm: Arm, production: Production, images: int) -> LaidOutArm:
    """The first images of an arm as they lie in the store, for nobody to look at."""
    done = {slot: own for slot, own in production.done(arm.name).items() if slot < images}
    files = [(own.file, slot) for slot, own in sorted(done.items()) if own.file is not None]
    return _laid(arm, production.store.folder, files, done, production.generator.name)


def _laid(
    arm: Arm,
    root: Path,
    files: Sequence[tuple[Path, int]],
    done: Mapping[int, Stored],
    generator: str,
) -> LaidOutArm:
    entries = {
        slot: ImageEntry(
            path=str(place.relative_to(root)),
            label=arm.jobs[slot].subject,
            location=FileLocation(str(place)),
            record=GenerationRecord(
                prompt=arm.jobs[slot].prompt or None,
                seed=arm.jobs[slot].seed,
                generator=generator,
            ),
        )
        for place, slot in files
    }
    times = [stored.seconds for stored in done.values() if stored.seconds > 0.0]
    peaks = [stored.memory for stored in done.values() if stored.memory]
    prices = [stored.money for stored in done.values() if stored.money is not None]
    refused = [stored.refused for stored in done.values() if stored.file is None]
    return LaidOutArm(
        arm=arm,
        root=root,
        entries=entries,
        refused=len(refused),
        reason=next(iter(refused), None),
        seconds=float(sum(stored.seconds for stored in done.values())),
        seconds_per_image=float(np.median(times)) if times else None,
        peak_memory=max(peaks, default=None),
        money=round(sum(prices), 6) if prices else None,
    )


def remove_other_arms(folder: Path, arms: Sequence[Arm]) -> int:
    """Remove what a former plan has left under ``arms/``; its images stay in the store.

    Returns:
        How many folders were removed.
    """
    wanted = {arm.name for arm in arms}
    known = (file.parent for file in (folder / "arms").glob("*/images"))
    others = [place for place in known if place.name not in wanted]
    for place in others:
        shutil.rmtree(place, ignore_errors=True)  # another run may be at it
    return len(others)


def common_slots(laid: Sequence[LaidOutArm]) -> list[int]:
    """Slots that every arm has."""
    return sorted(set.intersection(*(set(item.entries) for item in laid)))


def identical_arms(laid: Sequence[LaidOutArm], slots: Sequence[int]) -> list[tuple[str, str]]:
    """Pairs of arms, by name, whose images are the same byte for byte."""
    files = {item.arm.name: [item.root / item.entries[n].path for n in slots] for item in laid}
    sizes: dict[tuple[int, ...], list[str]] = {}
    for name, own in files.items() if slots else ():
        sizes.setdefault(tuple(file.stat().st_size for file in own), []).append(name)
    return [
        (one, other)
        for names in sizes.values()
        for one, other in itertools.combinations(names, 2)
        if all(
            filecmp.cmp(*pair, shallow=False) for pair in zip(files[one], files[other], strict=True)
        )
    ]


def measure_together(
    prepared: Prepared, laid: Sequence[LaidOutArm], slots: Sequence[int], reader: ImageReader
) -> ArmEvidence:
    """The evidence of some slots of several arms.

    Args:
        prepared: the plan, with the real images that they are compared with.
        laid: the arms.
        slots: of which all arms have an image.
        reader: embeds them.

    Raises:
        DataError: too few images of them, or of the real ones, can be read.
    """
    real = prepared.real
    found = [reader.extract(item.collection(slots)) for item in laid]
    # A slot whose image cannot be read in some arm is left out of all.
    kept = sorted(set.intersection(*(set(extraction.kept) for extraction in found)))
    settings = reader.settings
    own = reader.extract(real)
    total = len(real.entries) + len(real.unreadable)
    refuse_too_many_unreadable("real", own.unreadable, total, settings.max_unreadable)
    if len(kept) < LEAST_SLOTS:
        why = next((bad for part in found for bad in part.unreadable), None)
        example = "" if why is None else f" ({why.path}: {why.reason})"
        raise DataError(
            f"only {len(kept)} of {len(slots)} images can be read in every arm{example}, too few "
            "to compare: mend what makes them."
        )
    shown = [replace(real, entries=[real.entries[row] for row in own.kept], unreadable=())]
    shown += [item.collection([slots[position] for position in kept]) for item in laid]
    look = reader.look_at(*shown)
    jobs = [laid[0].arm.jobs[slots[at]] for at in kept]
    return gather_evidence(
        own.vectors,
        [extraction.vectors[np.searchsorted(extraction.kept, kept)] for extraction in found],
        patterns=None if look is None else look.patterns,
        strata=None if prepared.is_paired else _subjects(jobs),
        classes=_classes(shown[0], jobs) if prepared.plan.goal == "useful" else None,
        false_alarms=settings.false_alarms,
        false_discoveries=settings.false_discoveries,
        folds=settings.folds,
        repeats=settings.repeats,
        seed=settings.seed,
    )


def _subjects(jobs: Sequence[Job]) -> Integers:
    """(S,) the number of the subject of each slot."""
    names = [str(job.subject) for job in jobs]
    return np.unique(names, return_inverse=True)[1]


def _classes(real: Collection, jobs: Sequence[Job]) -> tuple[Integers, Integers]:
    """Class numbers of the real images, and of the slots by their subjects; -1 for others."""
    labels, subjects = [entry.label for entry in real.entries], [job.subject for job in jobs]
    shared = sorted(({*labels} & {*subjects}) - {None}, key=str)
    number = {name: position for position, name in enumerate(shared)}
    first, second = (np.array([number.get(own, -1) for own in side]) for side in (labels, subjects))
    return first, second
