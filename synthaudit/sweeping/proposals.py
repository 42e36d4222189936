"""Which arms to try next, by what earlier ones scored: Optuna proposes, the race decides."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final, Protocol

from synthaudit.errors import PlanError
from synthaudit.sweeping.plan import Range
from synthaudit.sweeping.search_space import Point, SearchSpace, key

_ASKS: Final = 4
_SEEDS: Final = 2**31


@dataclass(frozen=True, kw_only=True)
class Trial:
    """An arm that was tried.

    Attributes:
        point: what it is.
        value: by the goal, on its own images.
        smoothed: the same with the luck of few images taken out as far as other arms tell.
        images: how many it had.
        round: in which it was proposed.
    """

    point: Point
    value: float
    smoothed: float
    images: int
    round: int


class Proposer(Protocol):
    """Proposes arms."""

    def propose(
        self, space: SearchSpace, trials: Sequence[Trial], count: int, number: int
    ) -> tuple[SearchSpace, list[Point]]:
        """Up to ``count`` points that were not tried, and the space, which may have grown.

        Args:
            space: as it is.
            trials: all that were tried.
            count: how many points are wanted.
            number: of the round.
        """


class OptunaProposer:
    """Optuna's tree-structured Parzen estimator, all axes together (Bergstra et al. 2011).

    It is told the smoothed values anew in each round, since all arms are measured together, and
    asked for several points at once.

    Args:
        seed: decides.

    Raises:
        PlanError: the package is missing.
    """

    def __init__(self, seed: int) -> None:
        if find_spec("optuna") is None:
            raise PlanError(
                "design: search needs an extra: in a checkout, pip install '.[search]'."
            )
        self._seed = seed

    def propose(
        self, space: SearchSpace, trials: Sequence[Trial], count: int, number: int
    ) -> tuple[SearchSpace, list[Point]]:
        """As ``Proposer``; where it proposes what was tried, something near to it."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        seed = (self._seed * 1_000_003 + number) % _SEEDS
        sampler = optuna.samplers.TPESampler(
            seed=seed, multivariate=True, constant_liar=True, n_startup_trials=1
        )
        study = optuna.create_study(sampler=sampler)
        kinds = {name: _distribution(space, name) for name in space.plan.axes}
        for trial in trials:
            study.add_trial(
                optuna.trial.create_trial(
                    params=dict(trial.point), distributions=kinds, value=trial.smoothed
                )
            )
        taken = {key(trial.point) for trial in trials}
        found: list[Point] = []
        for turn in range(_ASKS * count):
            if len(found) >= count:
                break
            asked = study.ask(kinds).params
            point: Point = {
                name: space.tidy(name, asked[name])
                if isinstance(space.plan.axes[name], Range)
                else int(asked[name])
                for name in kinds
            }
            near = itertools.chain([point], space.neighbours(point, seed + turn))
            fresh = next((p for p in near if key(p) not in taken and space.is_allowed(p)), None)
            if fresh is not None:
                taken.add(key(fresh))
                found.append(fresh)
        return space, found


def _distribution(space: SearchSpace, name: str) -> Any:
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    own = space.plan.axes[name]
    if not isinstance(own, Range):
        return CategoricalDistribution(list(range(len(own))))
    if own.is_whole:
        return IntDistribution(int(own.low), int(own.high), log=own.log)
    return FloatDistribution(float(own.low), float(own.high), log=own.log)
