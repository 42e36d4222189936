"""Options that a model would ignore, and tasks that it cannot do: refused beforehand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from synthaudit.errors import PlanError
from synthaudit.generation.models.families import Family, Model
from synthaudit.generation.models.schedulers import refuse_scheduler

if TYPE_CHECKING:
    from synthaudit.generation.diffusion_options import DiffusionOptions

_STARTS: Final = {"text": "a text", "image": "references", "inpaint": "references and masks"}


def refuse_without_effect(model: Model, options: DiffusionOptions) -> None:
    """Refuse what a model would pass over without a word.

    Raises:
        PlanError: the option, and what to use in its place.
    """
    if model.is_inpainting and options.task != "inpaint":
        raise PlanError(
            f"{options.model} is an inpainting model, which only repaints: give references and "
            "masks, or a model that starts from a text."
        )
    if options.scheduler is not None:
        refuse_scheduler(options.scheduler, model, options.model)
    family = model.family
    if family is None:
        raise PlanError(
            f"{options.model} is a {model.pipeline}, which this version of diffusers does not have "
            "or which does not start from a text: use another model, or a newer diffusers."
        )
    if options.task not in family.tasks:
        able = " or ".join(_STARTS[task] for task in family.tasks)
        raise PlanError(
            f"{family.name} cannot start from {_STARTS[options.task]}, only from {able}: drop what "
            "it cannot use, or take another model."
        )
    _refuse_sides(options, family.multiple)
    if options.padding is not None and not family.pads:
        raise PlanError(
            f"{family.name} looks at the whole image when it repaints: drop padding, or use a "
            "model of Stable Diffusion."
        )
    if options.adapter is not None and not family.adapters:
        raise PlanError(
            f"{family.name} has no IP-Adapters: drop adapter, or use a model of Stable Diffusion "
            "1.5, XL or 3 or of FLUX.1."
        )
    _refuse_scales(family, options)
    steps = options.steps or family.steps
    if options.starts_from_references and int(steps * options.strength) < 1:
        raise PlanError(
            f"strength {options.strength:g} of {steps} steps is less than one step, which repaints "
            "nothing: raise strength or steps."
        )


def _refuse_sides(options: DiffusionOptions, multiple: int) -> None:
    for side in options.sides or ():
        if side % multiple:
            raise PlanError(f"size should be a multiple of {multiple}, not {side}.")


def _refuse_scales(family: Family, options: DiffusionOptions) -> None:
    has_negative, true = options.negative_prompt is not None, options.true_cfg_scale
    if options.guidance_scale is not None and family.guidance is None:
        instead = ""
        if family.true_guidance:
            instead = ", or use true_cfg_scale with a negative_prompt"
        raise PlanError(f"guidance_scale has no effect on {family.name}: drop it{instead}.")
    if true is not None and family.true_guidance is None:
        raise PlanError(f"{family.name} has no true_cfg_scale: use guidance_scale.")
    if has_negative and family.contrast is None:
        raise PlanError(f"{family.name} has no negative prompts: drop negative_prompt.")
    if family.contrast == "guidance_scale":
        scale = family.guidance if options.guidance_scale is None else options.guidance_scale
        if options.negative_prompt and (scale or 0.0) <= 1.0:
            raise PlanError(
                f"negative_prompt has no effect on {family.name} with a guidance_scale of "
                f"{scale or 0:g}: raise that above 1, or drop negative_prompt."
            )
        return
    if family.contrast is None:
        return
    usual = family.true_guidance or 0.0
    if has_negative and (usual if true is None else true) <= 1.0:
        raise PlanError(
            f"negative_prompt has no effect on {family.name} without a true_cfg_scale above 1: "
            "add one, such as 4, or drop it."
        )
    if true is not None and true > 1.0 and not has_negative:
        raise PlanError(
            f"true_cfg_scale has no effect on {family.name} without a negative_prompt: add one, "
            "which may be blank, or drop it."
        )
