"""The LoRA that a plan teaches before any image is made, and where its weights lie."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from synthaudit.errors import PlanError
from synthaudit.images.collection import Collection
from synthaudit.progress import LOGGER, Progress
from synthaudit.settings import Settings
from synthaudit.sweeping.placeholders import texts_within
from synthaudit.sweeping.plan import Plan
from synthaudit.tuning.recipe import make_tune_recipe
from synthaudit.tuning.result import TUNE_FILE
from synthaudit.tuning.running import tune

_LORA: Final = "lora"


def teach(
    plan: Plan, real: Collection, settings: Settings, progress: Progress | None = None
) -> None:
    """Teach the LoRA of a plan, or go on with it; one that is done is only looked at.

    Args:
        plan: with ``tune``, or without, which does nothing.
        real: the images to learn from.
        settings: of the audits.
        progress: told of it.

    Raises:
        PlanError: the plan has no model to teach.
        UsageError, DataError, GeneratorError: it cannot be taught.
    """
    if plan.tune is None:
        return
    options = plan.generator.options
    own = {"local_files_only": options.get("local_files_only", False), **plan.tune.options}
    own.setdefault("device", settings.device.partition(",")[0])
    own.setdefault("embedder", plan.embedder if settings.embedder == "auto" else settings.embedder)
    own["model"] = _model_of(plan)
    found = tune(
        real,
        out=plan.tune.out,
        name=plan.tune.subject,
        per_class=plan.tune.per_class,
        progress=progress,
        **own,
    )
    for each in found:
        if each.stop is not None:
            LOGGER.warning("%s: %s", each.folder, each.stop)


def refuse_untaught(plan: Plan) -> None:
    """Refuse a look at images of weights that are not there yet.

    Raises:
        PlanError: the plan teaches them first.
    """
    if plan.tune is None:
        return
    _model_of(plan)
    if not any(Path(plan.tune.out).rglob(TUNE_FILE)):
        raise PlanError(
            f"the plan teaches a LoRA first, which is not in {plan.tune.out} yet: leave out "
            "--dry-run, or look without the generator (--no-calibrate)."
        )


def refuse_other_steps(plan: Plan) -> None:
    """Refuse weights of a step at which the plan keeps none.

    Raises:
        PlanError: the step, and those that there are.
    """
    if plan.tune is None:
        return
    recipe = make_tune_recipe(plan.tune.options)
    lead = f"{plan.tune.out.rstrip('/')}/"
    values = [plan.generator.options.get(_LORA)]
    values += plan.values_of(_LORA) if _LORA in plan.axes else []
    for text in (own for value in values for own in texts_within(value)):
        last = text.rpartition("/")[2]
        if not text.startswith(lead) or not last.isdecimal():
            continue
        step, every = int(last), recipe.checkpoint_every
        if not 0 < step <= recipe.steps or (step % every and step != recipe.steps):
            raise PlanError(
                f"lora: {text} is of step {step:,}, but tune takes {recipe.steps:,} steps and "
                f"keeps weights every {every:,}: name one of those, or change steps or "
                "checkpoint_every."
            )


def taught_in(plan: Plan, folder: Path) -> Plan:
    """A plan that teaches its LoRA in another folder, and takes the weights from there."""
    if plan.tune is None:
        return plan
    before, after = plan.tune.out.rstrip("/"), str(folder)

    def moved(value: Any) -> Any:
        if isinstance(value, str):
            is_there = value == before or value.startswith(f"{before}/")
            return after + value.removeprefix(before) if is_there else value
        if isinstance(value, Mapping):
            return {name: moved(own) for name, own in value.items()}
        return [moved(own) for own in value] if isinstance(value, list) else value

    contents = plan.model_dump(mode="json", by_alias=True)
    contents["tune"]["out"] = after
    for part in (contents["generator"], contents["axes"]):
        if _LORA in part:
            part[_LORA] = moved(part[_LORA])
    return Plan.model_validate(contents, context={"folder": plan.folder})


def _model_of(plan: Plan) -> str:
    options = plan.generator.options
    if plan.generator.name != "diffusers" or "model" not in options:
        raise PlanError("tune teaches a model of the generator diffusers: name one, or drop tune.")
    return str(options["model"])
