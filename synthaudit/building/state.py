"""Before and beside a build: what it would make and cost, and how far it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from synthaudit.building.given import open_given
from synthaudit.building.ledger import HIDDEN, Ledger, Round
from synthaudit.building.preparation import Ground
from synthaudit.building.quota import quotas_of
from synthaudit.errors import UsageError
from synthaudit.sweeping.cost import CostEstimate, estimate
from synthaudit.sweeping.preparation import prepare


@dataclass(frozen=True, kw_only=True)
class BuildState:
    """How far a build is.

    Attributes:
        rounds: that are done.
        quota: by class, how many images are there and how many are wanted.
        made: images so far.
        money: that they cost.
        seconds: that they took.
    """

    rounds: Sequence[Round]
    quota: Mapping[str, Sequence[int]]
    made: int
    money: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class BuildEstimate:
    """What a build would make at least: what is lacking, if nothing were dropped.

    Attributes:
        quota: by class, how many images are there and how many are wanted.
        lacking: images.
        arms: of the plan; more than one are swept first.
        seconds: that the lacking images take; None where none was made to learn it.
        money: that they cost; None where nobody has said what one costs.
        sweep: what the sweep would cost, where there is one.
        given: images that count as if they were good; they are not judged yet.
    """

    quota: Mapping[str, Sequence[int]]
    lacking: int
    arms: int
    seconds: float | None
    money: float | None
    sweep: CostEstimate | None
    given: int = 0


def state_of_build(folder: Path) -> BuildState:
    """How far the build in a folder is.

    Raises:
        UsageError: none has begun there.
        StorageError: it cannot be read.
    """
    if not (folder / HIDDEN).is_dir():
        raise UsageError(
            f"there is no set in {folder} yet and nothing to tell: give the --out of one that has "
            "begun, or drop --status."
        )
    ledger = Ledger.read(folder / HIDDEN)
    last = ledger.rounds[-1] if ledger.rounds else None
    return BuildState(
        rounds=ledger.rounds,
        quota={} if last is None else last.quota,
        made=ledger.made,
        money=sum(own.money for own in ledger.rounds),
        seconds=ledger.seconds,
    )


def estimate_build(
    ground: Ground, *, is_swept: bool, calibrate: bool, add_to: str | Path | None = None
) -> BuildEstimate:
    """What is lacking, and what it would cost; nothing is written.

    Args:
        ground: the plan, checked.
        is_swept: whether a sweep has chosen the arm already.
        calibrate: make two images to learn how long one takes.
        add_to: images that count, if they are good, which is not looked at here.

    Raises:
        PlanError, DataError, GeneratorError: it cannot be built.
    """
    prepared = prepare(ground.plan, ground.settings, asks_generator=calibrate)
    assert ground.plan.build is not None
    quotas = quotas_of(ground.plan.build, prepared.subjects)
    there: Mapping[str, Sequence[int]] = {}
    given = [] if add_to is None else open_given(add_to, ground.settings).entries
    if ground.hidden.is_dir():
        there = state_of_build(ground.folder).quota
    if not there and given:
        counts = Counter(entry.label for entry in given)
        there = {name or "": [min(counts[name], own)] for name, own in quotas.items()}
    else:
        given = []
    quota = {name or "": [there.get(name or "", [0])[0], own] for name, own in quotas.items()}
    lacking = sum(max(own[1] - own[0], 0) for own in quota.values())
    cost = estimate(prepared, ground.hidden, calibrate=calibrate)
    a_piece = None if not cost.seconds or not cost.missing else cost.seconds / cost.missing
    return BuildEstimate(
        quota=quota,
        lacking=lacking,
        arms=len(prepared.arms),
        seconds=None if a_piece is None else a_piece * lacking,
        money=None if prepared.price is None else prepared.price * lacking,
        sweep=cost if len(prepared.arms) > 1 and not is_swept else None,
        given=len(given),
    )
