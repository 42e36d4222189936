"""How many images of each class a set should have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from synthaudit.building.assessment import LEAST
from synthaudit.errors import PlanError
from synthaudit.sweeping.plan import BuildPlan


def quotas_of(plan: BuildPlan, subjects: Sequence[str]) -> dict[str | None, int]:
    """Images by class; by None for a set without classes.

    Of a total each class has as many, the first ones one more where it does not divide.

    Raises:
        PlanError: they are too few to be judged.

    >>> quotas_of(BuildPlan(images=11), ["cat", "dog"])
    {'cat': 6, 'dog': 5}
    """
    names: list[str | None] = [*subjects] or [None]
    total = plan.images or (plan.images_per_class or 0) * len(names)
    if total < max(LEAST, len(names)):
        raise PlanError(
            f"build asks for {total} images, but a set is judged from {LEAST} on, with one of each "
            "class: ask for more."
        )
    return {
        name: total // len(names) + (number < total % len(names))
        for number, name in enumerate(names)
    }


def told(there: Mapping[str | None, int], quotas: Mapping[str | None, int]) -> dict[str, list[int]]:
    """By class, how many are there and how many are wanted."""
    return {name or "": [there.get(name, 0), wanted] for name, wanted in quotas.items()}
