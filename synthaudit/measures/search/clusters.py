"""Clusters: identical rows, and connected components of pairs."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from synthaudit.arrays import Integers, Vectors
from synthaudit.measures.blocks import blocks

_BLOCK: Final = 8192


def identical_groups(vectors: Vectors, rows: Integers | None = None) -> list[Integers]:
    """Positions grouped by identical rows, ascending; groups in order of their first row.

    Args:
        vectors: (n, d).
        rows: which rows, in whose order positions count; None for all.
    """
    keys = row_digests(vectors, np.arange(len(vectors)) if rows is None else rows)
    if len(keys) == 0:
        return []
    _, heads, group = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(heads[group], kind="stable")
    bounds = np.cumsum(np.bincount(np.searchsorted(np.sort(heads), heads[group])))[:-1]
    return np.split(order, bounds)


def row_digests(vectors: Vectors, rows: Integers) -> npt.NDArray[np.bytes_]:
    """(m,) digests of 128 bits of some rows: as good as the rows, and a hundredth of their size."""
    keys = np.empty(len(rows), "S32")
    for block in blocks(len(rows), _BLOCK):
        own = vectors[rows[block]] + 0.0  # -0.0 and 0.0 are the same number
        keys[block] = [blake2b(row.tobytes(), digest_size=16).hexdigest().encode() for row in own]
    return keys


def number_clusters(labels: Integers) -> Integers:
    """Component labels to cluster numbers by first appearance; components of one become -1."""
    _, first, inverse, sizes = np.unique(
        labels, return_index=True, return_inverse=True, return_counts=True
    )
    order = np.argsort(np.where(sizes > 1, first, len(labels)), kind="stable")
    number = np.full(len(sizes), -1, np.int64)
    kept = order[: int((sizes > 1).sum())]
    number[kept] = np.arange(len(kept))
    return number[inverse]


def merge(labels: Integers, first: Integers, second: Integers) -> Integers:
    """Component labels after joining the ends of some edges."""
    if len(first) == 0:
        return labels
    size = int(labels.max()) + 1
    ends = (labels[first], labels[second])
    graph = coo_array((np.ones(len(first), np.int8), ends), shape=(size, size))
    return connected_components(graph, directed=False)[1].astype(np.int64)[labels]
