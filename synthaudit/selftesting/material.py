"""What the self-test works with: real images and their edited selves, embedded once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from synthaudit.arrays import Integers, Names, Singles
from synthaudit.auditing.image_reader import ImageReader
from synthaudit.errors import DataError
from synthaudit.images.collection import Collection
from synthaudit.images.reencoding import RemadeLocation
from synthaudit.measures.copies.duplicates import find_duplicates
from synthaudit.measures.copies.patterns import Patterns
from synthaudit.measures.randomness import stream
from synthaudit.measures.search.neighbours import Directions
from synthaudit.selftesting.edits import EDITS, editor

LEAST_IMAGES = 80


@dataclass(frozen=True, kw_only=True)
class Look:
    """N images as the audit sees them: (N, d) vectors, and patterns of light."""

    vectors: Singles
    patterns: Patterns


@dataclass(frozen=True, kw_only=True)
class Material:
    """N real images.

    Attributes:
        plain: as they are.
        edited: by edit.
        classes: (N,) class names, None without.
        units: (N,) near-duplicates share a number, so that no split parts them.
    """

    plain: Look
    edited: Mapping[str, Look]
    classes: Names
    units: Integers


def gather(collection: Collection, reader: ImageReader, *, images: int, seed: int) -> Material:
    """Embed a sample of a collection, and every edit of it.

    Args:
        collection: the real images.
        reader: what reading needs.
        images: how many at most.
        seed: of the sample.

    Raises:
        DataError: fewer than 80 images can be read.
    """
    count = len(collection.entries)
    chosen = np.sort(stream(seed, "self-test images").permutation(count)[:images])
    sample = replace(collection, entries=[collection.entries[row] for row in chosen])
    readable = reader.extract(sample).kept
    if len(readable) < LEAST_IMAGES:
        raise DataError(
            f"{collection.name} should have at least {LEAST_IMAGES} readable images for a "
            f"self-test, not {len(readable):,}: give more."
        )
    sample = replace(sample, entries=[sample.entries[row] for row in readable], unreadable=())
    plain = _look(sample, reader)
    everyone = np.zeros(len(readable), bool)
    cluster = find_duplicates(
        Directions(plain.vectors), everyone, false_alarms=reader.settings.false_alarms
    ).cluster
    alone = cluster.max(initial=-1) + 1 + np.arange(len(cluster))
    return Material(
        plain=plain,
        edited={name: _look(_edited(sample, name, reader), reader) for name in EDITS},
        classes=np.array([entry.label for entry in sample.entries], dtype=object),
        units=np.unique(np.where(cluster >= 0, cluster, alone), return_inverse=True)[1],
    )


def _look(sample: Collection, reader: ImageReader) -> Look:
    vectors, found = reader.extract(sample).vectors, reader.look_at(sample)
    if found is None:
        raise DataError(f"files of {sample.name} have vanished while they were read: run it again.")
    return Look(vectors=vectors, patterns=found.patterns)


def _edited(sample: Collection, name: str, reader: ImageReader) -> Collection:
    settings = reader.settings
    make = editor(name, max_pixels=settings.max_pixels)
    entries = [
        replace(entry, location=RemadeLocation(entry.location, make, name, settings.workers))
        for entry in sample.entries
    ]
    return replace(sample, name=f"{name} images", entries=entries)
