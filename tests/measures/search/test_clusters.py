"""Groups of identical rows and connected components."""

from __future__ import annotations

import numpy as np

from synthaudit.measures.search.clusters import identical_groups, merge, number_clusters


def test_identical_groups_in_order_of_first_row() -> None:
    rows = np.array([[2.0, 0.0], [1.0, 1.0], [2.0, -0.0], [0.0, 3.0], [1.0, 1.0], [2.0, 0.0]])
    groups = [group.tolist() for group in identical_groups(rows)]
    assert groups == [[0, 2, 5], [1, 4], [3]]


def test_components_are_numbered_by_first_appearance() -> None:
    labels = np.arange(8)
    labels = merge(labels, np.array([6, 1]), np.array([7, 4]))
    labels = merge(labels, np.array([4]), np.array([2]))
    assert number_clusters(labels).tolist() == [-1, 0, 0, -1, 0, -1, 1, 1]


def test_merging_nothing_changes_nothing() -> None:
    labels = np.array([0, 1, 1])
    empty = np.empty(0, int)
    assert merge(labels, empty, empty).tolist() == [0, 1, 1]
