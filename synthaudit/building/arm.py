"""Which arm of a plan a set is made by."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from synthaudit.auditing.image_reader import ImageReader
from synthaudit.building.halves import Halves
from synthaudit.errors import PlanError, UsageError
from synthaudit.names import write_name
from synthaudit.progress import LOGGER
from synthaudit.result.writing import json_text, write_files
from synthaudit.sweeping.plan import SEARCHES, Plan, read_plan
from synthaudit.sweeping.reading import has_other_plan
from synthaudit.sweeping.running import sweep as run_sweep
from synthaudit.sweeping.store import Spent, Store

_SWEPT: Final = "swept-for.json"


@dataclass(frozen=True, kw_only=True)
class ChosenArm:
    """The plan of one arm, and how it was chosen.

    Attributes:
        plan: of that arm alone.
        spent: what its sweep took, if that was of this build.
        told: which sweep that was; None where there was but one arm.
        leaks: by what the judging half has had a part in the choice.
    """

    plan: Plan
    spent: Spent = field(default_factory=Spent)
    told: str | None = None
    leaks: Sequence[str] = ()


def choose_arm(
    plan: Plan,
    halves: Halves,
    reader: ImageReader,
    *,
    out: Path,
    sweep: str | Path | None,
) -> ChosenArm:
    """The plan of the arm that a sweep recommends; swept now, where nobody has.

    Args:
        plan: of any number of arms.
        halves: of the real images; a sweep of this build sees the steering one.
        reader: embeds the images.
        out: folder of the set, beside which such a sweep goes.
        sweep: a finished one, of which the recommendation is taken.

    Raises:
        PlanError, UsageError, DataError, GeneratorError: nothing can be chosen.
    """
    is_one = all(len(plan.values_of(name)) == 1 for name in plan.axes)
    if sweep is None and is_one and plan.design not in SEARCHES:
        return ChosenArm(plan=plan)
    if sweep is not None:
        folder = Path(sweep)
        if not (folder / "winner.yaml").is_file():
            raise UsageError(
                f"--from should be the folder of a sweep, but {folder} holds no winner.yaml: give "
                "the --out of one that is done."
            )
        name, own = write_name(folder.name), _swept(folder)
        leak = f"the sweep {name} chose the prompt by real images of both halves"
        leaks = [] if own.get("judged_on") == halves.digest else [leak]
        return ChosenArm(plan=_winner(folder, plan), told=name, leaks=leaks)
    folder = out.with_name(f"{out.name}-sweep")
    if has_other_plan(folder, plan) or not (folder / "winner.yaml").is_file():
        LOGGER.info("the plan has several arms: sweeping them in %s first.", folder)
        start, before = time.monotonic(), float(_swept(folder).get("seconds", 0.0))
        run_sweep(
            plan,
            out=folder,
            progress=reader.progress,
            settings=reader.settings,
            real=halves.steering,
            embedder=reader.embedder,
        )
        own = {"judged_on": halves.digest, "seconds": before + time.monotonic() - start}
        write_files(folder, {_SWEPT: json_text(own)})
    store = Store(folder / "store")
    spent = replace(store.spent(), seconds=float(_swept(folder).get("seconds", 0.0)))
    store.close()
    return ChosenArm(plan=_winner(folder, plan), spent=spent, told=write_name(folder.name))


def _swept(folder: Path) -> dict[str, Any]:
    """What a build has noted of a sweep of its own; nothing of others."""
    try:
        found = json.loads((folder / _SWEPT).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _winner(folder: Path, plan: Plan) -> Plan:
    """The plan of the recommended arm, with what the plan says of the build.

    Raises:
        PlanError: the sweep was of something else.
    """
    winner = read_plan(folder / "winner.yaml")
    if winner.generator.name != plan.generator.name:
        raise PlanError(
            f"the sweep in {folder} was of the generator {winner.generator.name}, the plan is of "
            f"{plan.generator.name}: give the plan of that sweep."
        )
    kept = ("real", "seed", "budget", "build", "real_images")
    return winner.model_copy(update={name: getattr(plan, name) for name in kept})
