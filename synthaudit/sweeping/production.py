"""Making the images of a sweep: only what is missing, in whole batches, within the budget."""

from __future__ import annotations

import filecmp
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from synthaudit.errors import GeneratorError, StorageError
from synthaudit.generation.jobs import Generator, Made, recipe_digest, recipe_of, traits_of
from synthaudit.leftovers import clear, draft_prefix
from synthaudit.progress import Progress
from synthaudit.sweeping.arms import Arm
from synthaudit.sweeping.engines.this_process import Engine, ImageSlot, ThisProcess
from synthaudit.sweeping.plan import Budget
from synthaudit.sweeping.store import Codec, Store, Stored, codec_facts

_CHUNK = 16
_CHUNK_OF_SERVERS = 64
_ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True)
class Shard:
    """Which part of the work is this process's: number ``own`` of ``count``, from 1."""

    own: int = 1
    count: int = 1

    def has(self, batch: int) -> bool:
        """Whether a batch is of this part, whole, as an undivided run would make it."""
        return batch % self.count == self.own - 1


@dataclass(frozen=True, kw_only=True)
class _Batch:
    """A batch of an arm, and which of it are wanted: what exists stays as it is."""

    arm: str
    slots: Sequence[ImageSlot]
    wanted: frozenset[str]


class Production:
    """The images of all arms.

    Args:
        arms: with their jobs.
        generator: knows them.
        engine: makes them; None for the generator itself, in this process.
        store: keeps them.
        codec: how they are kept.
        budget: when to stop.
        shard: which part is to be made here.
        progress: told of every image.

    Attributes:
        made: images of this run.
        spent: money, of all runs.
        is_spent: whether the budget has ended it.
        failing: by digest of what could not be made, what was said.
        aside: digests that are not asked for any more.
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
        engine: Engine | None = None,
    ) -> None:
        self.engine = engine or ThisProcess(generator)
        self.generator, self.store, self.codec = generator, store, codec
        self.budget, self.shard, self.progress = budget, shard, progress
        self.slots: dict[str, list[ImageSlot]] = {}
        for arm in arms:
            self.add(arm)
        self._started = time.monotonic()
        self.made = 0
        self.spent = store.money()
        self.is_spent = False
        self.failing: dict[str, str] = {}
        self.aside: set[str] = set()

    def add(self, arm: Arm) -> None:
        """Take in an arm more."""
        facts = codec_facts(self.codec)
        self.slots[arm.name] = [
            ImageSlot(job=job, digest=recipe_digest(recipe_of(job, self.generator, facts)))
            for job in arm.jobs
        ]

    def done(self, arm: str) -> Mapping[int, Stored]:
        """What the store has of an arm, by slot."""
        slots = self.slots[arm]
        found = self.store.find(slot.digest for slot in slots)
        return {n: found[slot.digest] for n, slot in enumerate(slots) if slot.digest in found}

    def make(self, arms: Sequence[str], images: int) -> None:
        """Make the first images of some arms, so far as they are missing and the budget lasts.

        Raises:
            GeneratorError: one cannot be made; those that were made beside it are kept.
        """
        batches = [batch for arm in arms for batch in self._batches(arm, images)]
        if self.is_spent or not batches:
            return
        batches, is_cut = self._within_budget(batches)
        failed: tuple[str, GeneratorError] | None = None
        taken: set[str] = set()
        run = self.engine.run([batch.slots for batch in batches])
        try:
            for number, place, made in run:
                batch = batches[number]
                if made.error is not None:
                    self.failing[batch.slots[place].digest] = str(made.error)
                    failed = failed or (batch.arm, made.error)
                    continue
                slot = batch.slots[place]
                # A batch whose worker died comes again from its start.
                if slot.digest in batch.wanted - taken:
                    taken.add(slot.digest)
                    if not self._take(slot, made):
                        return
        finally:
            run.close()
        if failed is not None:
            raise GeneratorError(f"arm {failed[0]}: {failed[1]}") from failed[1]
        self.is_spent = is_cut

    def _batches(self, arm: str, images: int) -> Iterator[_Batch]:
        """What an arm lacks, in batches.

        A batch is made as a whole where the last bits of an image may depend on it.
        """
        slots = self.slots[arm][:images]
        found = self.store.find(slot.digest for slot in slots)
        self.progress.advance(len([slot for slot in slots if slot.digest in found]))
        first = list(self.slots).index(arm)
        chunks = [
            slots[start : start + _CHUNK]
            for start in range(0, len(slots), _CHUNK)
            if self.shard.has(first + start // _CHUNK)
        ]
        if slots and not traits_of(self.generator, slots[0].job).is_batched:
            # Each by itself, so that only what is missing is asked for, and much of it at once.
            alone = [slot for chunk in chunks for slot in chunk if slot.digest not in found]
            chunks = [
                alone[start : start + _CHUNK_OF_SERVERS]
                for start in range(0, len(alone), _CHUNK_OF_SERVERS)
            ]
        for chunk in chunks:
            asked = [slot for slot in chunk if slot.digest not in self.aside]
            wanted = frozenset(slot.digest for slot in asked if slot.digest not in found)
            if wanted:
                yield _Batch(arm=arm, slots=asked, wanted=wanted)

    def _within_budget(self, batches: Sequence[_Batch]) -> tuple[list[_Batch], bool]:
        """What of some batches can be paid for, and whether that is less than all.

        Of batches that are made as a whole no part is left out; the budget ends them on the way.
        """
        kept: list[_Batch] = []
        left = None if self.budget.images is None else self.budget.images - self.made
        money = None if self.budget.money is None else self.budget.money - self.spent
        for batch in batches:
            traits = traits_of(self.generator, batch.slots[0].job)
            most = len(batch.slots)
            if money is not None and traits.price:
                most = min(most, int(money / traits.price + _ROUNDING))
            if left is not None and not traits.is_batched:
                most = min(most, left)
            if most <= 0:
                return kept, True
            own = batch.slots[:most]
            wanted = batch.wanted & {slot.digest for slot in own}
            kept.append(replace(batch, slots=own, wanted=wanted))
            left = None if left is None else left - len(wanted)
            money = None if money is None else money - len(own) * (traits.price or 0.0)
            if most < len(batch.slots):
                return kept, True
        return kept, False

    def _take(self, slot: ImageSlot, made: Made) -> bool:
        """Keep an image; whether the budget lasts."""
        self.keep(slot, made)
        self.made += 1
        self.spent += float(made.facts.get("money", 0.0))
        self.progress.advance(1)
        self._watch_budget()
        return not self.is_spent

    def keep(self, slot: ImageSlot, made: Made) -> Stored:
        """Put an image into the store under its recipe."""
        recipe = recipe_of(slot.job, self.generator, codec_facts(self.codec))
        return self.store.keep(slot.digest, made, recipe, self.codec)

    def _watch_budget(self) -> None:
        hours = (time.monotonic() - self._started) / 3600.0
        images, limit = self.budget.images, self.budget.hours
        over = (images is not None and self.made >= images) or (limit is not None and hours > limit)
        money = self.budget.money
        self.is_spent = over or (money is not None and self.spent >= money - _ROUNDING)


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
            "space and give the same command again; what is made stays."
        ) from error


def _lay_out(folder: Path, arm: Arm, done: Mapping[int, Stored]) -> list[tuple[Path, int]]:
    laid = []
    for slot, stored in sorted(done.items()):
        if stored.file is None:
            continue
        job = arm.jobs[slot]
        place = folder / (job.subject or "") / f"{job.number:05d}{stored.file.suffix}"
        if not _holds(place, stored.file):
            link(stored.file, place)
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


def link(file: Path, place: Path) -> None:
    """Give a file a second name, or copy it where there are none.

    By way of another name: a second run may lay out the same arm at the same time.
    """
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
