"""The tables of an audit: a row an image, a row a pair, a row an unreadable file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy.typing as npt
import pandas as pd

from synthaudit.measures.samples import Samples
from synthaudit.measures.search.pairs import Pairs

FIRST_COLUMNS: Final[tuple[str, ...]] = (
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
"""The columns of ``images.parquet`` that other programs rely on, in their order; whatever else a
measure adds follows them."""


def image_table(samples: Samples, columns: Mapping[str, npt.NDArray[Any]]) -> pd.DataFrame:
    """A row an image.

    Args:
        samples: the images.
        columns: (n,) what is known of them, by name.
    """
    named = {"path": samples.paths, "side": samples.sides, "class": samples.classes, **columns}
    order = [name for name in FIRST_COLUMNS if name in named]
    order += [name for name in named if name not in FIRST_COLUMNS]
    table = pd.DataFrame({name: named[name] for name in order})
    if "duplicate_cluster" in named:
        cluster = pd.Series(named["duplicate_cluster"], dtype="Int64")
        table["duplicate_cluster"] = cluster.mask(cluster < 0)
    if "seed" in named:
        table["seed"] = pd.array(list(named["seed"]), dtype="Int64")
    return table.astype({"path": "str", "side": "str", "class": "object"})


def pair_table(samples: Samples, pairs: Pairs) -> pd.DataFrame:
    """A row a near-duplicate pair, in the order given."""
    paths, sides = samples.paths, samples.sides
    return pd.DataFrame(
        {
            "path_a": paths[pairs.first],
            "side_a": sides[pairs.first],
            "path_b": paths[pairs.second],
            "side_b": sides[pairs.second],
            "distance": pairs.distance,
        }
    )


def unreadable_table(rows: Sequence[tuple[str, str, str]]) -> pd.DataFrame:
    """A row an unusable file: path, side, reason."""
    return pd.DataFrame(rows, columns=["path", "side", "reason"], dtype="str")
