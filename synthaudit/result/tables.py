"""The tables of an audit: a row an image, a row a pair, a row an unreadable file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from synthaudit.arrays import Floats, Integers, Names

IMAGE_COLUMNS = (
    "path",
    "side",
    "class",
    "label_quality",
    "probability_synthetic",
    "nearest_real",
    "nearest_real_distance",
    "nearest_synthetic",
    "nearest_synthetic_distance",
    "duplicate_cluster",
    "is_unvaried",
    "is_unoriginal",
    "copy_p_value",
    "is_wrong_label",
    "uncoveredness",
    "map_x",
    "map_y",
)


def image_table(
    *,
    paths: Names,
    sides: Names,
    labels: Names,
    nearest: Mapping[str, tuple[Integers, Floats]],
    cluster: Integers,
    columns: Mapping[str, npt.NDArray[Any]],
) -> pd.DataFrame:
    """A row an image, all arrays (n,).

    Args:
        paths: relative to the root of their side.
        sides: ``real`` or ``synthetic``.
        labels: class names, None without.
        nearest: by side, the row number of the nearest image there (-1 none) and its distance.
        cluster: cluster number, -1 for none.
        columns: the remaining columns by name.
    """
    named: dict[str, Any] = {"path": paths, "side": sides, "class": labels, **columns}
    for side, (index, distance) in nearest.items():
        found = paths[index]
        found[index < 0] = None
        named[f"nearest_{side}"] = found
        named[f"nearest_{side}_distance"] = np.where(np.isinf(distance), np.nan, distance)
    table = pd.DataFrame({name: named[name] for name in IMAGE_COLUMNS if name in named})
    clusters = pd.Series(cluster, dtype="Int64").mask(cluster < 0)
    table.insert(IMAGE_COLUMNS.index("duplicate_cluster"), "duplicate_cluster", clusters)
    return table.astype({"path": "str", "side": "str", "class": "object"})


def pair_table(
    paths: Names,
    sides: Names,
    *,
    first: Integers,
    second: Integers,
    distance: Floats,
) -> pd.DataFrame:
    """A row a near-duplicate pair, in the order given."""
    return pd.DataFrame(
        {
            "path_a": paths[first],
            "side_a": sides[first],
            "path_b": paths[second],
            "side_b": sides[second],
            "distance": distance,
        }
    )


def unreadable_table(rows: Sequence[tuple[str, str, str]]) -> pd.DataFrame:
    """A row an unusable file: path, side, reason."""
    return pd.DataFrame(rows, columns=["path", "side", "reason"], dtype="str")
