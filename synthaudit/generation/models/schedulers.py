"""Which schedulers of diffusers a model bears, and how one is put in the place of its own."""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any, Final

from synthaudit.errors import PlanError
from synthaudit.generation.models.families import Model
from synthaudit.registry import nearest_name

_OF_FLOWS: Final = ("FlowMatchEulerDiscreteScheduler", "FlowMatchLCMScheduler")
_OF_FEW_STEPS: Final = ("LCMScheduler", "TCDScheduler")


@cache
def scheduler_names() -> tuple[str, ...]:
    """The schedulers that diffusers has."""
    import diffusers

    return tuple(
        name for name in dir(diffusers) if name.endswith("Scheduler") and "Flax" not in name
    )


def refuse_scheduler(name: str, model: Model, called: str) -> None:
    """Refuse a scheduler that does not exist, or with which a model makes nothing or only noise.

    A model that was trained to match a flow makes noise with a schedule of the other kind, and some
    pipelines hand over noise levels that only schedulers of flows take.

    Args:
        name: of the scheduler.
        model: for which; one that is not known yet bears all.
        called: what the plan calls the model.

    Raises:
        PlanError: with what to use instead.
    """
    import diffusers

    if name not in scheduler_names():
        raise PlanError(
            f"diffusers has no scheduler {name!r}; {nearest_name(name, scheduler_names())}"
        )
    lacking = getattr(getattr(diffusers, name), "_backends", [])
    if lacking:
        raise PlanError(
            f"the scheduler {name} needs {', '.join(lacking)}: install it, or use another one."
        )
    if model.pipeline is None:
        return
    able = _able(model)
    if name not in able:
        raise PlanError(
            f"the scheduler {name} cannot be used with {called}: use one of {', '.join(able)}."
        )


def replace_scheduler(inner: Any, name: str) -> None:
    """Put another scheduler into a pipeline, set up as the one that was there."""
    import diffusers

    kind, config = getattr(diffusers, name), inner.scheduler.config
    more: dict[str, Any] = {}
    if "FlowMatch" in type(inner.scheduler).__name__ and "use_flow_sigmas" in _settings(kind):
        shift = config.get("shift", 1.0)
        more = {"use_flow_sigmas": True, "prediction_type": "flow_prediction", "flow_shift": shift}
    if "skip_prk_steps" in _settings(kind):
        more["skip_prk_steps"] = True  # its warm-up needs a dozen steps more
    inner.scheduler = kind.from_config(config, **more)


def _able(model: Model) -> tuple[str, ...]:
    import diffusers
    from diffusers.schedulers import KarrasDiffusionSchedulers

    if not model.is_flow:
        # Those of EDM scale what the model sees, which only models of that kind are used to.
        names = (kind.name for kind in KarrasDiffusionSchedulers)
        usual = (name for name in names if not name.startswith("EDM"))
        return tuple(sorted({*usual, *_OF_FEW_STEPS}))
    if model.family is None or model.family.hands_sigmas:
        return _OF_FLOWS
    turned = (n for n in scheduler_names() if "use_flow_sigmas" in _settings(getattr(diffusers, n)))
    turned = (n for n in turned if n in KarrasDiffusionSchedulers.__members__)
    return tuple(sorted({*_OF_FLOWS, "FlowMatchHeunDiscreteScheduler", *turned}))


def _settings(kind: Any) -> set[str]:
    return set(inspect.signature(kind.__init__).parameters)
