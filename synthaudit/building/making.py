"""A round's images: made, made again where the generator failed, and noted as candidates."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from synthaudit.building.aiming import Aimed
from synthaudit.building.ledger import Candidate, Drop
from synthaudit.errors import GeneratorError
from synthaudit.generation.jobs import Job
from synthaudit.progress import LOGGER, Progress
from synthaudit.sweeping.arms import Arm
from synthaudit.sweeping.engines.this_process import Engine
from synthaudit.sweeping.plan import Budget
from synthaudit.sweeping.preparation import Prepared
from synthaudit.sweeping.production import Production, Shard
from synthaudit.sweeping.store import Store, Stored

# Attempts in a row of which no image came.
_FRUITLESS: Final = 3
_PAUSE_SECONDS: Final = 0.5


@dataclass(frozen=True, kw_only=True)
class MadeRound:
    """What came of a round's jobs.

    Attributes:
        candidates: the images.
        refused: by path, why the generator made none.
        money: what they cost.
        failure: what the generator fails with, again and again; None where it does not.
    """

    candidates: Sequence[Candidate]
    refused: Mapping[str, Drop] = field(default_factory=dict)
    money: float = 0.0
    failure: GeneratorError | None = None


def make_round(
    jobs: Sequence[Aimed],
    *,
    number: int,
    prepared: Prepared,
    store: Store,
    engine: Engine | None,
    hours: float | None,
    money: float | None,
    progress: Progress,
) -> MadeRound:
    """Make the images of a round, or what is missing of them.

    A generator that fails now and then is asked again for what is missing, as long as more comes.

    Args:
        jobs: of the round.
        number: of the round.
        prepared: the plan.
        store: keeps the images.
        engine: who makes them; None for this process.
        hours: what is left of the budget; None without.
        money: that the images of this set may have cost in all; None without.
        progress: told of every image.

    Raises:
        StorageError: there is no room; what is made stays.
    """
    name = f"round {number}"
    arm = Arm(name=name, values={}, labels={}, jobs=[own.job for own in jobs])
    production = Production(
        [arm],
        generator=prepared.generator,
        store=store,
        codec=prepared.codec,
        budget=Budget(hours=hours, money=money),
        shard=Shard(),
        progress=progress,
        engine=engine,
    )
    progress.start(f"round {number}: making images", len(jobs))
    failure = _make(production, name, len(jobs)) if jobs else None
    done = dict(production.done(name))
    if done and failure is None:
        done |= {
            slot: Stored(file=None, seconds=0.0, refused=production.failing[own.digest])
            for slot, own in enumerate(production.slots[name])
            if own.digest in production.aside and slot not in done
        }
    candidates, refused = [], {}
    for slot, stored in sorted(done.items()):
        digest = production.slots[name][slot].digest
        candidate = _candidate(jobs[slot], digest, stored, production, number)
        candidates.append(candidate)
        if stored.file is None:
            refused[candidate.path] = Drop(
                reason=f"the generator made none ({stored.refused})", round=number
            )
    return MadeRound(
        candidates=candidates,
        refused=refused,
        money=sum(stored.money or 0.0 for stored in done.values()),
        failure=failure,
    )


def _make(production: Production, name: str, count: int) -> GeneratorError | None:
    """Ask again for what is missing while more comes, and in the end without what always fails.

    Returns:
        What the generator fails with, where it makes nothing at all.
    """
    fruitless = 0
    while True:
        before, aside = production.made, len(production.aside)
        try:
            production.make([name], count)
            return None
        except GeneratorError as error:
            fruitless = 0 if production.made > before else fruitless + 1
            if fruitless >= _FRUITLESS:
                # What production calls an arm is a round here.
                error = GeneratorError(str(error).removeprefix("arm "))
                if not production.made and not production.done(name):
                    return error
                production.aside |= production.failing.keys()
                if len(production.aside) == aside:
                    return error
                fruitless = 0
            LOGGER.info("the generator failed (%s): what is missing is asked for again.", error)
            # A server that is overburdened needs some time.
            time.sleep(_PAUSE_SECONDS * fruitless)


def _candidate(
    aimed: Aimed, digest: str, stored: Stored, production: Production, number: int
) -> Candidate:
    job: Job = aimed.job
    suffix = "" if stored.file is None else stored.file.suffix
    name = f"{job.number:06d}-{digest[:8]}{suffix}"
    hidden = production.store.folder.parent
    file = "" if stored.file is None else stored.file.relative_to(hidden).as_posix()
    return Candidate(
        path=name if job.subject is None else f"{job.subject}/{name}",
        file=file,
        subject=job.subject,
        prompt=job.prompt,
        seed=job.seed,
        number=job.number,
        generator=production.generator.name,
        options=dict(job.options),
        round=number,
        aim=aimed.aim,
    )
