"""Before and beside a sweep: what it would make and cost, and what is already done."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from synthaudit.generation.jobs import traits_of
from synthaudit.leftovers import scratch_folder
from synthaudit.progress import NoProgress
from synthaudit.sweeping.evolving import starting_plan
from synthaudit.sweeping.plan import SEARCHES, Budget
from synthaudit.sweeping.preparation import Prepared
from synthaudit.sweeping.production import Production, Shard
from synthaudit.sweeping.search_space import SearchSpace
from synthaudit.sweeping.searching import images_allowed
from synthaudit.sweeping.store import Store


@dataclass(frozen=True, kw_only=True)
class ArmState:
    """How far an arm is: images there, wanted, and one of its prompts."""

    arm: str
    done: int
    wanted: int
    prompt: str


@dataclass(frozen=True, kw_only=True)
class CostEstimate:
    """What a sweep would cost.

    Attributes:
        arms: how far each is.
        missing: distinct images still to be made.
        seconds: what they would take, by one image made for the purpose; None without one.
        bytes_needed: what they would fill, likewise.
        bytes_free: what the disk has.
        memory: bytes that making an image takes at most, on the GPU or else of this process; None
            where that is not known.
        money: what they would cost; None where nobody has said what one costs.
        spent: what those that are there have cost.
        is_paired: whether arms are compared image by image.
        cut: prompts that are too long for the model, with how many tokens it would not see.
    """

    arms: Sequence[ArmState]
    missing: int
    seconds: float | None
    bytes_needed: int | None
    bytes_free: int
    memory: int | None
    money: float | None
    spent: float
    is_paired: bool
    cut: Sequence[tuple[str, int]]


def state_of(prepared: Prepared, folder: Path) -> list[ArmState]:
    """How far every arm is, by the store in the folder."""
    store = Store(folder / "store")
    try:
        return _states(prepared, _production(prepared, store))
    finally:
        store.close()


def _states(prepared: Prepared, production: Production) -> list[ArmState]:
    return [
        ArmState(
            arm=arm.name,
            done=len(production.done(arm.name)),
            wanted=len(arm.jobs),
            prompt=arm.jobs[0].prompt,
        )
        for arm in prepared.arms
    ]


def estimate(prepared: Prepared, folder: Path, *, calibrate: bool = True) -> CostEstimate:
    """What is missing and what it would cost.

    Args:
        prepared: the plan, checked.
        folder: of the sweep, in which nothing is written; where the sweep has begun, images that
            are made for calibration stay in its store.
        calibrate: make a few images to learn how long one takes.
    """
    if calibrate or has_begun(folder):
        states, missing, sample, spent = _count(prepared, folder, calibrate=calibrate)
    else:
        states = [
            ArmState(arm=arm.name, done=0, wanted=len(arm.jobs), prompt=arm.jobs[0].prompt)
            for arm in prepared.arms
        ]
        missing, sample, spent = sum(state.wanted for state in states), None, 0.0
    if prepared.plan.design in SEARCHES:
        # Its arms are not known yet; those here are there to be checked.
        plan = prepared.plan
        space = SearchSpace(plan=starting_plan(plan, has_subjects=bool(prepared.subjects)))
        missing = images_allowed(space)
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    prompts = list(dict.fromkeys(job.prompt for arm in prepared.arms for job in arm.jobs))
    counted = [(prompt, prepared.generator.count_cut_words(prompt)) for prompt in prompts]
    return CostEstimate(
        arms=states,
        missing=missing,
        seconds=None if sample is None else sample.seconds * missing,
        bytes_needed=None if sample is None else sample.bytes * missing,
        memory=None if sample is None else sample.memory,
        money=None if prepared.price is None else prepared.price * missing,
        spent=spent,
        is_paired=prepared.is_paired,
        bytes_free=shutil.disk_usage(there).free,
        cut=[(prompt, count) for prompt, count in counted if count],
    )


def has_begun(folder: Path) -> bool:
    """Whether there is a store of images; its manifest may be lost."""
    return (folder / "store").is_dir()


@dataclass(frozen=True, kw_only=True)
class _Sample:
    """What one image took: seconds, bytes of its file, bytes of memory."""

    seconds: float
    bytes: int
    memory: int | None


def _count(
    prepared: Prepared, folder: Path, *, calibrate: bool
) -> tuple[list[ArmState], int, _Sample | None, float]:
    """How far the arms are, what is missing, what one image takes, and what has been spent."""
    with scratch_folder() as elsewhere:
        store = Store((folder if has_begun(folder) else elsewhere) / "store")
        try:
            production = _production(prepared, store)
            wanted = {slot.digest for slots in production.slots.values() for slot in slots}
            missing = len(wanted) - len(store.find(wanted))
            states = _states(prepared, production)
            spent = store.money()
            sample = _calibrate(production, prepared.arms[0].name) if calibrate else None
        finally:
            store.close()
    return states, missing, sample, spent


def _production(prepared: Prepared, store: Store) -> Production:
    return Production(
        prepared.arms,
        generator=prepared.generator,
        store=store,
        codec=prepared.codec,
        budget=Budget(),
        shard=Shard(),
        progress=NoProgress(),
    )


def _calibrate(production: Production, arm: str) -> _Sample | None:
    """What an image takes: the second of two calls, for the first one loads the model.

    Images that cost money are not made for this.
    """
    slots = production.slots[arm][:2]
    if traits_of(production.generator, slots[0].job).price:
        return None
    found = None
    for slot in slots:
        start = time.perf_counter()
        made = next(iter(production.generator.make([slot.job])))
        seconds = time.perf_counter() - start
        if made.error is not None:
            raise made.error
        stored = production.keep(slot, made)
        size = 0 if stored.file is None else stored.file.stat().st_size
        found = _Sample(seconds=seconds, bytes=size, memory=made.facts.get("memory"))
    return found
