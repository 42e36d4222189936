"""What the heavy work of an audit runs on: who searches, who cross-validates, where vectors lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from synthaudit.auditing.allocation import Allocator
from synthaudit.auditing.checkpoint import Checkpoint
from synthaudit.backends.choice import choose_cross_validation, choose_search
from synthaudit.embedding.cache import cache_folder
from synthaudit.measures.blocks import Allocate
from synthaudit.measures.detection.cross_validation import CrossValidate, cross_validate
from synthaudit.measures.search.neighbours import CandidateSearch, find_candidates
from synthaudit.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Engine:
    """Changes no number, only where and how it is found.

    Attributes:
        search: finds nearest neighbours.
        validate: cross-validates the detector.
        allocate: where arrays of the size of all vectors lie.
        checkpoint: what has been finished, in case the audit is interrupted.
    """

    search: CandidateSearch = find_candidates
    validate: CrossValidate = cross_validate
    allocate: Allocate = np.empty
    checkpoint: Checkpoint | None = None


def make_allocator(settings: Settings) -> Allocator:
    """Room for vectors: what the settings allow of memory, then files beside the cache."""
    limit = None if settings.memory is None else int(settings.memory * 1e9)
    return Allocator(limit, cache_folder(settings))


def start_engine(settings: Settings, *, allocator: Allocator, rows: int, key: str) -> Engine:
    """What the settings ask for.

    Args:
        settings: of the audit.
        allocator: of large arrays.
        rows: how many images there are.
        key: of the images and their vectors, for resuming.
    """
    checkpoint = Checkpoint(cache_folder(settings) if settings.use_cache else None, key)
    return Engine(
        search=checkpoint.search(choose_search(settings, rows)),
        validate=checkpoint.validate(choose_cross_validation(settings, rows)),
        allocate=allocator.allocate,
        checkpoint=checkpoint,
    )
