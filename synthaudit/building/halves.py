"""The real images in two halves: one steers what is made, the other judges what came of it."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from synthaudit.arrays import Flags, Integers
from synthaudit.auditing.image_reader import ImageReader
from synthaudit.auditing.sources import having_direction, refuse_too_many_unreadable
from synthaudit.errors import DataError
from synthaudit.images.collection import Collection
from synthaudit.measures.copies.duplicates import find_duplicates
from synthaudit.measures.randomness import stream
from synthaudit.measures.search.neighbours import Directions

LEAST: Final = 20
"""Real images that a half must have."""


@dataclass(frozen=True, kw_only=True)
class Halves:
    """The real images, parted once and for all.

    Attributes:
        steering: all that making and choosing images ever sees.
        judging: what the finished set is compared with, and nothing else.
        digest: of the judging half, by contents.
        of_all: of all of them.
    """

    steering: Collection
    judging: Collection
    digest: str
    of_all: str


def part(real: Collection, reader: ImageReader, seed: int) -> Halves:
    """Part the real images, class by class; near-duplicates stay together.

    An image in one half with its near-duplicate in the other would let the steering half tell what
    the judging one looks like. Which image goes where is decided by the seed and by what the images
    are, not by where they lie.

    Raises:
        DataError: too many cannot be read, or there are too few.
    """
    found = having_direction(reader.extract(real), real)
    total = len(real.entries) + len(real.unreadable)
    refuse_too_many_unreadable("real", found.unreadable, total, reader.settings.max_unreadable)
    entries = [real.entries[position] for position in found.kept]
    if len(entries) < 2 * LEAST:
        raise DataError(
            f"there are {len(entries):,} real images, but one half steers and the other judges, "
            f"each of at least {LEAST}: give {2 * LEAST} or more."
        )
    readable = replace(real, entries=entries, unreadable=())
    look = reader.look_at(readable)
    near = find_duplicates(
        Directions(found.vectors),
        np.zeros(len(entries), bool),
        patterns=None if look is None else look.patterns,
        false_alarms=reader.settings.false_alarms,
        seed=seed,
    )
    contents = np.array([digest.hex() for digest in found.digests])
    names = np.array([str(entry.label) for entry in entries])
    judges = deal(names.tolist(), near.cluster, contents.tolist(), seed)
    if min(judges.sum(), (~judges).sum()) < LEAST:
        raise DataError(
            f"most of the {len(entries):,} real images are near-duplicates of one another, so that "
            f"they cannot be parted into halves of at least {LEAST}: give images that differ."
        )
    return Halves(
        steering=replace(readable, entries=[entries[row] for row in np.flatnonzero(~judges)]),
        judging=replace(readable, entries=[entries[row] for row in np.flatnonzero(judges)]),
        digest=_digest(contents[judges].tolist()),
        of_all=_digest(contents.tolist()),
    )


def deal(names: Sequence[str], cluster: Integers, contents: Sequence[str], seed: int) -> Flags:
    """(n,) which images judge: half of every class, near-duplicates all or none of them.

    Args:
        names: (n,) classes.
        cluster: (n,) number of the cluster of near-duplicates, -1 for images alone.
        contents: (n,) digests, by which they are put in order before they are dealt.
        seed: of the dealing.
    """
    order = np.lexsort((np.asarray(contents),))
    groups: dict[tuple[int, int], list[int]] = {}
    for row in order.tolist():
        near = int(cluster[row])
        groups.setdefault((near, -1 if near >= 0 else row), []).append(row)
    parts = list(groups.values())
    parts = [parts[n] for n in stream(seed, "halves").permutation(len(parts))]
    # The large groups first, so that the small ones can make up for them.
    parts.sort(key=len, reverse=True)
    judges = np.zeros(len(cluster), bool)
    lead: Counter[str] = Counter()
    for rows in parts:
        own = [str(names[row]) for row in rows]
        is_judge = sum(lead[name] for name in own) <= 0
        judges[rows] = is_judge
        for name in own:
            lead[name] += 1 if is_judge else -1
    return judges


def _digest(contents: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(sorted(contents)).encode()).hexdigest()[:32]
