"""The images at fault: which ones a person should look at first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from synthaudit.result.scores import ClassScores

if TYPE_CHECKING:
    import pandas as pd

_EXAMPLES: Final = 6


@dataclass(frozen=True, kw_only=True)
class Repeat:
    """A cluster of synthetic images that repeat one another."""

    size: int
    paths: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Copy:
    """A synthetic image and the real one that it copies.

    ``distance`` is that of their embeddings; None where only another channel sees the copy.
    """

    path: str
    original: str
    distance: float | None


def obvious_fakes(images: pd.DataFrame, count: int) -> list[tuple[str, float]]:
    """The synthetic images that the detector is surest of, with their probability."""
    table = _synthetic(images)
    table = table[table["probability_synthetic"] > 0.5]
    top = table.sort_values(["probability_synthetic", "path"], ascending=[False, True]).head(count)
    return list(zip(top["path"], top["probability_synthetic"], strict=True))


def repeats(images: pd.DataFrame, count: int, *, examples: int = 3) -> list[Repeat]:
    """The largest clusters of synthetic repeats, with some of their paths."""
    table = _synthetic(images)
    table = table[table["is_unvaried"]].sort_values("path")
    groups = [
        Repeat(size=len(paths), paths=tuple(paths.head(examples)))
        for _, paths in table.groupby("duplicate_cluster")["path"]
    ]
    return sorted(groups, key=lambda repeat: (-repeat.size, repeat.paths))[:count]


def uncovered(images: pd.DataFrame, count: int) -> list[str]:
    """The real images that the synthetic set comes least near to."""
    table = images[images["side"] == "real"]
    column = "uncoveredness" if table["uncoveredness"].notna().any() else "label_quality"
    top = table.sort_values([column, "path"], ascending=[False, True]).head(count)
    return [str(path) for path in top["path"]]


def copies(images: pd.DataFrame, count: int) -> list[Copy]:
    """The synthetic images that are flagged as copies, the surest first."""
    table = _synthetic(images)
    table = table[table["is_unoriginal"]]
    order = table.sort_values(["copy_p_value", "nearest_real_distance", "path"]).head(count)
    # Where no channel names the original, copies are those nearest to a real image.
    original = order["original"] if "original" in order else order["nearest_real"]
    original = original.fillna(order["nearest_real"])
    is_nearest = original == order["nearest_real"]
    distance = order["nearest_real_distance"].where(is_nearest)
    rows = zip(order["path"], original, distance, strict=True)
    return [
        Copy(path=a, original=b, distance=None if np.isnan(d) else float(d)) for a, b, d in rows
    ]


def wrong_labels(images: pd.DataFrame, count: int) -> list[tuple[str, str, str, float]]:
    """Images that likelier show another class: path, class, likelier class and its probability."""
    table = images[images["is_wrong_label"]]
    if "wrong_label_probability" not in table:  # an audit of an earlier version
        return [
            (str(path), str(label), "another", 0.5)
            for path, label in table[["path", "class"]].to_numpy()
        ]
    keys = ["wrong_label_probability", "likelier_class_probability", "path"]
    table = table.sort_values(keys, ascending=[False, False, True]).head(count)
    names = ("path", "class", "likelier_class", "likelier_class_probability")
    rows = zip(*(table[name] for name in names), strict=True)
    return [(str(path), str(own), str(other), float(p)) for path, own, other, p in rows]


def broken_pictures(images: pd.DataFrame, count: int) -> list[tuple[str, str]]:
    """Path and defect of the broken pictures, the surest first."""
    if "defect" not in images:
        return []
    table = images[images["is_broken"]].sort_values(["broken_p_value", "path"]).head(count)
    return [
        (str(path), str(what)) for path, what in zip(table["path"], table["defect"], strict=True)
    ]


def unfaithful(images: pd.DataFrame, count: int) -> list[tuple[str, str]]:
    """Path and prompt of the pictures that do not show it, the surest first."""
    if "prompt_p_value" not in images or "is_unfaithful" not in images:
        return []
    table = _synthetic(images)
    table = table[table["is_unfaithful"]]
    order = table.sort_values(["prompt_p_value", "path"], ascending=[False, True]).head(count)
    return [
        (str(path), str(prompt))
        for path, prompt in zip(order["path"], order["prompt"], strict=True)
    ]


def worst_classes(
    classes: Mapping[str, ClassScores], score: str, count: int
) -> list[tuple[str, float]]:
    """The classes with the highest values of one score, those at zero left out."""
    named = [(name, float(getattr(scores, score))) for name, scores in classes.items()]
    values = [(name, value) for name, value in named if value > 0.0]
    return sorted(values, key=lambda entry: (-entry[1], entry[0]))[:count]


def examples_of(images: pd.DataFrame, kind: str) -> list[str]:
    """Paths of some images at fault for a score, the worst first.

    Args:
        images: a row an image.
        kind: one of the four scores, ``labels``, ``unfaithful`` or ``broken``.
    """
    if kind == "unrepresentative":
        return uncovered(images, _EXAMPLES)
    if kind == "unvaried":
        found = repeats(images, _EXAMPLES)
        return [path for repeat in found for path in repeat.paths][:_EXAMPLES]
    if kind == "unoriginal":
        return [copy.path for copy in copies(images, _EXAMPLES)]
    return [path for path, *_ in _OF_KIND[kind](images, _EXAMPLES)]


_OF_KIND: Final[Mapping[str, Callable[[pd.DataFrame, int], Sequence[tuple[Any, ...]]]]] = {
    "unrealistic": obvious_fakes,
    "broken": broken_pictures,
    "unfaithful": unfaithful,
    "labels": wrong_labels,
}


def _synthetic(images: pd.DataFrame) -> pd.DataFrame:
    return images[images["side"] == "synthetic"]
