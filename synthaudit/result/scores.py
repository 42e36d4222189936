"""The four scores with all that surrounds them, of a set and of each class."""

from __future__ import annotations

from dataclasses import dataclass

from synthaudit.measures.intervals import Quantity


@dataclass(frozen=True, kw_only=True)
class Score(Quantity):
    """One of the four scores, in [0, 1], higher is worse; its interval is None after ``quick``.

    Attributes:
        chance: what a set drawn from the real distribution would score; None where unknown.
        null: the level by the same procedure when there is no difference; None by Cleanlab's
            definitions, as are all that follow.
        p_value: how likely chance alone would score as high; never 0. After ``quick`` that of the
            detector is approximate.
        floor: what the real images score against themselves; None with too few of them, and after
            ``quick``.
    """

    chance: float | None
    null: float | None = None
    p_value: float | None = None
    floor: float | None = None


@dataclass(frozen=True, kw_only=True)
class ClassScores:
    """The four scores of one class, and how many images it has on each side."""

    unrealistic: float
    unrepresentative: float
    unvaried: float
    unoriginal: float
    real: int
    synthetic: int
