"""Clusters: identical rows, and connected components of pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from synthaudit.measures.neighbours import Integers


def identical_groups(vectors: npt.NDArray[np.floating[Any]]) -> list[Integers]:
    """Row numbers grouped by identical rows, ascending; groups in order of their first row."""
    rows = np.ascontiguousarray(vectors + 0.0)  # -0.0 and 0.0 are the same number
    # A row's bytes as one opaque value: sorting these is far quicker than sorting rows of floats.
    keys = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1]))).ravel()
    _, heads, group = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(heads[group], kind="stable")
    bounds = np.cumsum(np.bincount(np.searchsorted(np.sort(heads), heads[group])))[:-1]
    return np.split(order, bounds)


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
