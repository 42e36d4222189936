"""Two audits side by side: what changed beyond noise, and which images came, went or turned bad."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from synthaudit.arrays import Floats
from synthaudit.errors import DataError
from synthaudit.measures.bootstrap import Interval, difference_interval, wilson_interval
from synthaudit.measures.scores import SCORE_NAMES

if TYPE_CHECKING:
    import pandas as pd

_FLAGS: Final = ("is_unvaried", "is_unoriginal", "is_wrong_label")


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change of one score.

    Attributes:
        before, after: the values.
        low, high: interval of the difference; None without intervals.
        is_paired: whether it is from the same real images on both sides.
    """

    before: float
    after: float
    low: float | None
    high: float | None
    is_paired: bool

    @property
    def reading(self) -> str:
        """``worse``, ``better`` or ``within noise``."""
        if self.low is None or self.high is None:
            return "unknown: no intervals"
        return "worse" if self.low > 0 else "better" if self.high < 0 else "within noise"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two audits.

    Attributes:
        changes: by score.
        new: synthetic images that only the second has.
        gone: those that only the first has.
        newly_bad: those of both that only the second flags.
    """

    changes: Mapping[str, Change]
    new: list[str]
    gone: list[str]
    newly_bad: list[str]


def read_images(folder: Path) -> pd.DataFrame | None:
    """The images table beside a ``scores.json``; None where there is none.

    Raises:
        DataError: it is there and cannot be read.
    """
    import pandas as pd

    file = folder / "images.parquet"
    if not file.is_file():
        return None
    try:
        table = pd.read_parquet(file)
        missing = {"path", "side", "label_quality", *_FLAGS} - set(table.columns)
    except (OSError, ValueError, KeyError) as error:  # pyarrow's errors are of these
        raise DataError(f"{file} cannot be read: {error}. Run synthaudit score again.") from error
    if missing:
        raise DataError(f"{file} lacks {', '.join(sorted(missing))}: run synthaudit score again.")
    return table


def compare_audits(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    images: tuple[pd.DataFrame | None, pd.DataFrame | None],
) -> Comparison:
    """Compare two audits.

    Where both have the same real images, changes are judged on what then differs: of
    ``unrepresentative`` image by image; of ``unvaried`` and ``unoriginal`` without the uncertainty
    of the radius, which both share.

    Args:
        before: contents of the first ``scores.json``.
        after: of the second.
        images: their image tables, where there are some.
    """
    known = paired_changes(before, after, images)
    changes = {}
    for name in SCORE_NAMES:
        old, new = float(before[name]), float(after[name])
        low, high = known.get(name, (0.0, None, None))[1:]
        if name not in known:
            low, high = _independent(before, after, name)
        changes[name] = Change(before=old, after=new, low=low, high=high, is_paired=name in known)
    paths = [_synthetic(table) for table in images]
    both = set(paths[0]) & set(paths[1])
    return Comparison(
        changes=changes,
        new=sorted(set(paths[1]) - set(paths[0])),
        gone=sorted(set(paths[0]) - set(paths[1])),
        newly_bad=sorted(path for path in both if paths[1][path] and not paths[0][path]),
    )


def paired_changes(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    images: tuple[pd.DataFrame | None, pd.DataFrame | None],
) -> dict[str, tuple[float, float, float]]:
    """By score, difference and interval, where the real images are the same; else nothing."""
    first, second = images
    same = _real_digest(before) is not None and _real_digest(before) == _real_digest(after)
    if first is None or second is None or not same:
        return {}
    real = [table[table["side"] == "real"].set_index("path")["label_quality"] for table in images]  # type: ignore[index]
    found = {"unrepresentative": _paired(real[0].to_numpy(), real[1].loc[real[0].index].to_numpy())}
    for name in ("unvaried", "unoriginal"):
        flags = [_clusters(table, f"is_{name}") for table in (first, second)]
        found[name] = _difference_of_shares(*flags[0], *flags[1])
    return found


def _real_digest(scores: Mapping[str, Any]) -> Any:
    return scores.get("provenance", {}).get("real_digest")


def _paired(before: Floats, after: Floats) -> tuple[float, float, float]:
    difference = after - before
    # The two detectors differ as a whole, besides image by image: twice the usual width.
    width = 2.0 * 1.96 * float(difference.std(ddof=1)) / np.sqrt(len(difference))
    middle = float(difference.mean())
    return middle, middle - width, middle + width


def _clusters(table: pd.DataFrame, flag: str) -> tuple[float, float]:
    """The share of flagged synthetic images, and how many clusters of images there are."""
    own = table[table["side"] == "synthetic"]
    cluster = own["duplicate_cluster"]
    units = float(cluster.nunique() + cluster.isna().sum())
    return float(own[flag].mean()), max(units, 1.0)


def _difference_of_shares(
    first: float, first_count: float, second: float, second_count: float
) -> tuple[float, float, float]:
    """A difference and its interval, by clusters."""
    old = wilson_interval(first, first_count, 0.95)
    new = wilson_interval(second, second_count, 0.95)
    return (second - first, *difference_interval(first, old, second, new))


def _independent(
    before: Mapping[str, Any], after: Mapping[str, Any], name: str
) -> tuple[float | None, float | None]:
    ends = [scores.get("intervals", {}).get(name) for scores in (before, after)]
    if any(end is None for end in ends):
        return None, None
    old, new = (Interval(low=end[0], high=end[1]) for end in ends)
    return difference_interval(float(before[name]), old, float(after[name]), new)


def _synthetic(table: pd.DataFrame | None) -> dict[str, bool]:
    if table is None:
        return {}
    own = table[table["side"] == "synthetic"]
    flagged = own[list(_FLAGS)].any(axis=1)
    return dict(zip(own["path"], flagged, strict=True))
