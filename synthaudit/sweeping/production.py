"""Making the images of a sweep: only what is missing, in whole batches, within the budget."""

from __future__ import annotations

import filecmp
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from synthaudit.errors import GeneratorError, StorageError
from synthaudit.generation.jobs import Generator, Job, Made, recipe_digest, recipe_of
from synthaudit.leftovers import clear, draft_prefix
from synthaudit.progress import Progress
from synthaudit.sweeping.arms import Arm
from synthaudit.sweeping.plan import Budget
from synthaudit.sweeping.store import Codec, Store, Stored, codec_facts

_CHUNK = 16


@dataclass(frozen=True, kw_only=True)
class Shard:
    """Which part of the work is this process's: number ``own`` of ``count``, from 1."""

    own: int = 1
    count: int = 1

    def has(self, digest: str) -> bool:
        """Whether an image is of this part; every image is of just one."""
        return int(digest[:12], 16) % self.count == self.own - 1


@dataclass(frozen=True, kw_only=True)
class ImageSlot:
    """One image of an arm: its job, and the digest of its recipe."""

    job: Job
    digest: str


class Production:
    """The images of all arms.

    Args:
        arms: with their jobs.
        generator: makes them.
        store: keeps them.
        codec: how they are kept.
        budget: when to stop.
        shard: which part is to be made here.
        progress: told of every image.
    """

    def __init__(
        self,
        arms: Sequence[Arm],
        *,
        generator: Generator,
        store: Store,
        codec: Codec,
        budget: Budget,
        shard: Shard,
        progress: Progress,
    ) -> None:
        self.generator, self.store, self.codec = generator, store, codec
        self.budget, self.shard, self.progress = budget, shard, progress
        facts = codec_facts(codec)
        self.slots: dict[str, list[ImageSlot]] = {
            arm.name: [
                ImageSlot(job=job, digest=recipe_digest(recipe_of(job, generator, facts)))
                for job in arm.jobs
            ]
            for arm in arms
        }
        self._started = time.monotonic()
        self.made = 0
        self.is_spent = False

    def done(self, arm: str) -> Mapping[int, Stored]:
        """What the store has of an arm, by slot."""
        slots = self.slots[arm]
        found = self.store.find(slot.digest for slot in slots)
        return {n: found[slot.digest] for n, slot in enumerate(slots) if slot.digest in found}

    def make(self, arms: Sequence[str], images: int) -> None:
        """Make the first images of some arms, so far as they are missing and the budget lasts."""
        for arm in arms:
            slots = self.slots[arm][:images]
            found = self.store.find(slot.digest for slot in slots)
            self.progress.advance(len([slot for slot in slots if slot.digest in found]))
            for chunk in _chunks(slots):
                if self.is_spent:
                    return
                try:
                    self._make_chunk([slot for slot in chunk if slot.digest not in found], chunk)
                except GeneratorError as error:
                    raise GeneratorError(f"arm {arm}: {error}") from error

    def _make_chunk(self, missing: Sequence[ImageSlot], chunk: Sequence[ImageSlot]) -> None:
        """Make what a chunk lacks.

        The chunk is made as a whole, for the last bits of an image may depend on its batch; what
        exists stays as it is.
        """
        own = {slot.digest for slot in missing if self.shard.has(slot.digest)}
        if not own:
            return
        mine = [slot for slot in chunk if self.shard.has(slot.digest)]
        made = self.generator.make([slot.job for slot in mine])
        for slot, image in zip(mine, made, strict=True):
            if slot.digest not in own:
                continue
            self.keep(slot, image)
            own.discard(slot.digest)
            self.made += 1
            self.progress.advance(1)
            self._watch_budget()
            if self.is_spent:
                return

    def keep(self, slot: ImageSlot, made: Made) -> Stored:
        """Put an image into the store under its recipe."""
        recipe = recipe_of(slot.job, self.generator, codec_facts(self.codec))
        return self.store.keep(slot.digest, made, recipe, self.codec)

    def _watch_budget(self) -> None:
        hours = (time.monotonic() - self._started) / 3600.0
        images, limit = self.budget.images, self.budget.hours
        over = (images is not None and self.made >= images) or (limit is not None and hours > limit)
        self.is_spent = over


def _chunks(slots: Sequence[ImageSlot]) -> Iterator[Sequence[ImageSlot]]:
    for start in range(0, len(slots), _CHUNK):
        yield slots[start : start + _CHUNK]


def lay_out(folder: Path, arm: Arm, done: Mapping[int, Stored]) -> list[tuple[Path, int]]:
    """Link an arm's images into a folder, by subject and number, for people and for the audit.

    The folder then holds just these: what an earlier plan has left there under the same names is
    replaced, and what belongs to no slot any more is removed.

    Returns:
        Path and slot of every image.

    Raises:
        StorageError: the folder cannot be written.
    """
    try:
        return _lay_out(folder, arm, done)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise StorageError(
            f"the images of arm {arm.name} cannot be laid out in {folder} ({reason}): free some "
            "space and start again with --resume; what is made stays."
        ) from error


def _lay_out(folder: Path, arm: Arm, done: Mapping[int, Stored]) -> list[tuple[Path, int]]:
    laid = []
    for slot, stored in sorted(done.items()):
        if stored.file is None:
            continue
        job = arm.jobs[slot]
        place = folder / (job.subject or "") / f"{job.number:05d}{stored.file.suffix}"
        if not _holds(place, stored.file):
            _link(stored.file, place)
        laid.append((place, slot))
    wanted = {place for place, _ in laid}
    for place in {place.parent for place in wanted}:
        clear(place)
    for left in [file for file in folder.rglob("[!.]*") if file.is_file() and file not in wanted]:
        left.unlink(missing_ok=True)
    return laid


def _holds(place: Path, file: Path) -> bool:
    """Whether a place has just this file, as a link or as a copy."""
    if not place.exists():
        return False
    return place.samefile(file) or filecmp.cmp(place, file, shallow=False)


def _link(file: Path, place: Path) -> None:
    """By way of another name: a second run may lay out the same arm at the same time."""
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.with_name(f"{draft_prefix()}{place.name}")
    try:
        try:
            os.link(file, draft)
        except OSError:
            shutil.copyfile(file, draft)
        os.replace(draft, place)
    finally:
        # Two names of one file stay two when one is renamed to the other.
        draft.unlink(missing_ok=True)
