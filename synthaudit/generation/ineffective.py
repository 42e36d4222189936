"""Options that a model would ignore, and tasks that it cannot do: refused beforehand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from synthaudit.errors import PlanError
from synthaudit.generation.families import Family, Model

if TYPE_CHECKING:
    from synthaudit.generation.diffusion import DiffusionOptions

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
    family = model.family
    if family is None:
        _refuse_sides(options, 8)
        return
    if options.task not in family.tasks:
        able = " or ".join(_STARTS[task] for task in family.tasks)
        raise PlanError(
            f"{family.name} cannot start from {_STARTS[options.task]}, only from {able}: drop what "
            "it cannot use, or take another model."
        )
    _refuse_sides(options, family.multiple)
    _refuse_scales(family, options)


def _refuse_sides(options: DiffusionOptions, multiple: int) -> None:
    for side in options.sides or ():
        if side % multiple or side < multiple:
            raise PlanError(f"size should be a multiple of {multiple}, not {side}.")


def _refuse_scales(family: Family, options: DiffusionOptions) -> None:
    has_negative, true = options.negative_prompt is not None, options.true_cfg_scale
    if options.guidance_scale is not None and family.guidance is None:
        instead = "true_cfg_scale with a negative_prompt" if family.true_guidance else "nothing"
        raise PlanError(
            f"guidance_scale has no effect on {family.name}: drop it; in its place it has "
            f"{instead}."
        )
    if true is not None and family.true_guidance is None:
        raise PlanError(f"{family.name} has no true_cfg_scale: use guidance_scale.")
    if has_negative and family.contrast is None:
        raise PlanError(f"{family.name} has no negative prompts: drop negative_prompt.")
    if family.contrast != "true_cfg_scale":
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
