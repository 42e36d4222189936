"""What is there, held against the steering half: what to drop, what to take, what is missed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final

import numpy as np

from synthaudit.arrays import Flags, Floats
from synthaudit.auditing.image_reader import ImageReader
from synthaudit.auditing.route import SORTING
from synthaudit.auditing.scoring import score_collections
from synthaudit.auditing.step import Step
from synthaudit.building.ledger import Candidate, Ledger
from synthaudit.images.collection import Collection, ImageEntry
from synthaudit.measures.comparison.covering import (
    choose_covering,
    covers,
    neighbourhood_radius,
)
from synthaudit.measures.scores import SCORE_NAMES
from synthaudit.measures.search.neighbours import Directions
from synthaudit.result.audit import Audit
from synthaudit.result.decisions import Decisions

LEAST: Final = 10
"""Fewer images are not audited."""

_BLOCK: Final = 1024
_UNREADABLE: Final = "it cannot be read"
BY_A_PERSON: Final = "a person dropped it"


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """What is left of the candidates, and what it lacks.

    Attributes:
        chosen: what makes the set now, no class above its quota.
        missed: by class, real images of the steering half that nothing chosen covers, the most
            important first: those that most others of the missed ones are like.
        uncovered: share of the steering half that nothing chosen covers; None without vectors.
        audit: of the chosen ones against the steering half; None with too few.
    """

    chosen: Sequence[Candidate]
    missed: Mapping[str | None, Sequence[ImageEntry]] = field(default_factory=dict)
    uncovered: float | None = None
    audit: Audit | None = None

    @property
    def there(self) -> Counter[str | None]:
        """How many are chosen, by class."""
        return Counter(own.subject for own in self.chosen)

    @property
    def scores(self) -> dict[str, float]:
        """The four scores of the chosen ones; empty with too few."""
        if self.audit is None:
            return {}
        return {name: round(self.audit.scores[name].value, 9) for name in SCORE_NAMES}

    @cached_property
    def contents(self) -> dict[str, Any]:
        """What the audit says; empty with too few."""
        return {} if self.audit is None else self.audit.to_dict()


def sort_out(
    candidates: Collection,
    steering: Collection,
    reader: ImageReader,
    decisions: Decisions | None,
) -> dict[str, str]:
    """Which candidates to drop, and why, as ``--keep`` judges them; and a person above all.

    Raises:
        DataError: the images cannot be audited.
    """
    by_a_person = {} if decisions is None else decisions.dropped
    drops = {
        entry.path: by_a_person[entry.path] or BY_A_PERSON
        for entry in candidates.entries
        if entry.path in by_a_person
    }
    entries = [entry for entry in candidates.entries if entry.path not in drops]
    readable = reader.extract(replace(candidates, entries=entries))
    drops |= {own.path: _unreadable(own.reason) for own in readable.unreadable}
    entries = [entries[position] for position in readable.kept]
    if len(entries) < LEAST:
        return drops
    settings = reader.settings.model_copy(update={"keep": True, "quick": True})
    audit = score_collections(
        steering,
        replace(candidates, entries=entries),
        replace(reader, settings=settings),
        decisions,
        steps=SORTING,
    )
    assert audit.kept is not None
    table = audit.kept
    lost = audit.unreadable
    drops |= dict(zip(lost["path"], lost["reason"], strict=True))
    dropped = table[~table["is_kept"].astype(bool)]
    return drops | dict(zip(dropped["path"], dropped["reason"], strict=True))


def _unreadable(reason: str) -> str:
    return reason if reason.startswith(_UNREADABLE) else f"{_UNREADABLE}: {reason}"


def choose(
    candidates: Sequence[Candidate],
    ledger: Ledger,
    steering: Collection,
    reader: ImageReader,
    quotas: Mapping[str | None, int],
) -> tuple[list[Candidate], dict[str | None, list[ImageEntry]], float | None]:
    """What makes the set: of a class with too many, those that cover the most.

    Returns:
        The chosen ones; what of the steering half they miss, by class; the share that is missed.
    """
    own = ledger.collection(candidates)
    by_path = {candidate.path: candidate for candidate in candidates}
    found, real = reader.extract(own), reader.extract(steering)
    shown = [by_path[own.entries[position].path] for position in found.kept]
    known = [steering.entries[position] for position in real.kept]
    vectors = np.concatenate([real.vectors, found.vectors])
    directions = Directions(vectors)
    radius = neighbourhood_radius(directions, np.arange(len(known)))
    covering = covers(directions, len(known), radius, np.zeros(len(shown), bool))
    likelier = _likeness(directions, len(known))
    chosen: list[int] = []
    for subject, quota in quotas.items():
        # What was given comes before what was made: it is filled up, not replaced.
        parts = [
            np.array(
                [
                    n
                    for n, c in enumerate(shown)
                    if c.subject == subject and (c.origin is not None) is is_given
                ],
                np.int64,
            )
            for is_given in (True, False)
        ]
        is_open = np.ones(len(known), bool)
        left = quota
        for rows in parts:
            own_rows = choose_covering(covering[rows][:, is_open], -likelier[rows], left)
            chosen += rows[own_rows].tolist()
            is_open &= ~covering[rows[own_rows]].any(axis=0)
            left -= len(own_rows)
    chosen.sort()
    is_missed = np.asarray(~covering[chosen].any(axis=0), bool)
    return (
        [shown[row] for row in chosen],
        _missed(known, is_missed, directions, quotas),
        float(is_missed.mean()),
    )


def _likeness(directions: Directions, real: int) -> Floats:
    """(S,) the largest cosine of each image with a real one."""
    first = directions.rows(np.arange(real))
    found = [
        (directions.rows(np.arange(start, min(start + _BLOCK, len(directions)))) @ first.T).max(
            axis=1
        )
        for start in range(real, len(directions), _BLOCK)
    ]
    return np.concatenate(found).astype(np.float64) if found else np.zeros(0)


def _missed(
    known: Sequence[ImageEntry],
    is_missed: Flags,
    directions: Directions,
    quotas: Mapping[str | None, int],
) -> dict[str | None, list[ImageEntry]]:
    """Missed real images by class, those first that have the most like them among the missed."""
    found = {}
    for subject in quotas:
        rows = np.flatnonzero(
            is_missed & np.array([subject is None or e.label == subject for e in known])
        )
        if not len(rows):
            continue
        unit = directions.rows(rows)
        likeness = unit @ unit.T
        typical = likeness.mean(axis=1)
        order = rows[np.lexsort((rows, -typical))]
        found[subject] = [known[row] for row in order]
    return found


def audit_chosen(
    chosen: Sequence[Candidate],
    ledger: Ledger,
    real: Collection,
    reader: ImageReader,
    *,
    decisions: Decisions | None,
    steps: Sequence[Step] | None = None,
) -> Audit | None:
    """The audit of what makes the set; None with too few images.

    Args:
        chosen: what makes the set.
        ledger: knows where it lies.
        real: the half that it is held against.
        reader: embeds the images.
        decisions: of a person; None without.
        steps: which to take; those that the settings ask for without.

    Raises:
        DataError: the images cannot be audited.
    """
    if len(chosen) < LEAST:
        return None
    own = reader.settings.model_copy(update={"keep": False})
    shown = ledger.collection(chosen)
    return score_collections(real, shown, replace(reader, settings=own), decisions, steps=steps)
