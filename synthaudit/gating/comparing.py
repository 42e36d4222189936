"""Two audits side by side: what changed beyond noise, and which images came, went or turned bad."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from synthaudit.arrays import Floats
from synthaudit.errors import PolicyError, UsageError
from synthaudit.measures.intervals import Quantity, difference, normal_width, wilson
from synthaudit.measures.scores import SCORE_NAMES
from synthaudit.result.audit import Audit
from synthaudit.result.reading import read_images, read_scores

if TYPE_CHECKING:
    import pandas as pd

_FLAGS: Final = {
    "is_unvaried": "repeats another one",
    "is_unoriginal": "copies a real one",
    "is_wrong_label": "shows another class",
    "is_broken": "is broken",
}
"""What makes an image bad, and how it is told."""

Tables = tuple["pd.DataFrame | None", "pd.DataFrame | None"]


@dataclass(frozen=True, kw_only=True)
class Change(Quantity):
    """A change of one score; above 0 it is worse.

    Attributes:
        before, after: the values.
        is_paired: whether it is from the same real images on both sides.
    """

    before: float
    after: float
    is_paired: bool

    @property
    def reading(self) -> str:
        """``worse``, ``better``, ``within noise`` or ``no change``."""
        if self.low is None or self.high is None:
            return "unknown: no intervals"
        if self.low == self.high == 0.0:
            return "no change"
        return "worse" if self.low > 0 else "better" if self.high < 0 else "within noise"


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two audits.

    Attributes:
        changes: by score.
        new: synthetic images that only the second has.
        gone: those that only the first has.
        newly_bad: those of both that only the second flags.
        newly_good: those of both that only the first flags.
        reasons: by path of these, what the flags say.
        has_same_real: whether both were scored against the same real images.
    """

    changes: Mapping[str, Change]
    new: list[str]
    gone: list[str]
    newly_bad: list[str]
    newly_good: list[str]
    reasons: Mapping[str, Sequence[str]]
    has_same_real: bool

    def to_dict(self) -> dict[str, Any]:
        """All of it, for other programs."""
        changes = {
            name: {**asdict(change), "reading": change.reading}
            for name, change in self.changes.items()
        }
        return {**asdict(self), "changes": changes}


def compare(before: Audit | str | Path, after: Audit | str | Path) -> Comparison:
    """Compare two audits: what changed, and which images came, went or turned bad.

    Args:
        before: an audit, a ``scores.json``, or the folder that holds one.
        after: another one.

    Returns:
        ``Comparison``.

    Raises:
        DataError: a file cannot be read.
        PolicyError: the audits are of different embedders or definitions.

    Examples:
        >>> import numpy as np, synthaudit
        >>> real, synthetic = np.random.default_rng(0).normal(size=(2, 60, 8))
        >>> audit = synthaudit.score_embeddings(real, synthetic, quick=True)
        >>> synthaudit.compare(audit, audit).changes["unvaried"].value
        0.0
    """
    (old, first), (new, second) = contents_of(before), contents_of(after)
    refuse_incomparable(new, old)
    return compare_contents(old, new, (first, second))


def contents_of(
    audit: Audit | Mapping[str, Any] | str | Path,
) -> tuple[Mapping[str, Any], pd.DataFrame | None]:
    """The contents of ``scores.json``, and the table of images where it is at hand.

    Raises:
        UsageError: it is neither an audit nor a place.
        DataError: a file cannot be read.
    """
    if isinstance(audit, Audit):
        return audit.to_dict(), audit.images
    if isinstance(audit, Mapping):
        return audit, None
    if not isinstance(audit, str | Path):
        raise UsageError(
            "an audit, a scores.json or the folder that holds it should be given, not "
            f"{type(audit).__name__}."
        )
    scores, file = read_scores(Path(audit))
    return scores, read_images(file.parent)


def compare_contents(
    before: Mapping[str, Any], after: Mapping[str, Any], images: Tables
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
        old, new = _score(before, name), _score(after, name)
        found = known.get(name) or difference(old, new)
        changes[name] = Change(
            before=old.value,
            after=new.value,
            value=new.value - old.value,
            low=found.low,
            high=found.high,
            is_paired=name in known,
        )
    paths = [_synthetic(table) for table in images]
    both = set(paths[0]) & set(paths[1])
    bad = sorted(path for path in both if paths[1][path] and not paths[0][path])
    good = sorted(path for path in both if paths[0][path] and not paths[1][path])
    return Comparison(
        changes=changes,
        new=sorted(set(paths[1]) - set(paths[0])),
        gone=sorted(set(paths[0]) - set(paths[1])),
        newly_bad=bad,
        newly_good=good,
        reasons={
            **{path: paths[1][path] for path in bad},
            **{path: paths[0][path] for path in good},
        },
        has_same_real=has_same_real(before, after),
    )


def paired_changes(
    before: Mapping[str, Any], after: Mapping[str, Any], images: Tables
) -> dict[str, Quantity]:
    """Changes by score, where the real images are the same; else nothing."""
    first, second = images
    if _is_same(before, after):
        return {name: Quantity(value=0.0, low=0.0, high=0.0) for name in SCORE_NAMES}
    if first is None or second is None or not has_same_real(before, after):
        return {}
    real = [
        table[table["side"] == "real"].set_index("path")["label_quality"]
        for table in (first, second)
    ]
    if real[0].index.has_duplicates or set(real[0].index) != set(real[1].index):
        return {}  # the tables are not those of the scores
    confidence = _confidence(after)
    qualities = real[0].to_numpy(), real[1].loc[real[0].index].to_numpy()
    found = {"unrepresentative": _paired(*qualities, confidence)}
    for name in ("unvaried", "unoriginal"):
        old, new = (_share(table, f"is_{name}", confidence) for table in (first, second))
        found[name] = difference(old, new)
    return found


def _is_same(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether both are one audit: the same images, by the same settings."""
    return dict(before) == dict(after)


def refuse_incomparable(new: Mapping[str, Any], old: Mapping[str, Any]) -> None:
    """Refuse to compare audits of other embedders or definitions, or of images treated otherwise.

    Raises:
        PolicyError: they differ.
    """
    for name in ("embedder", "fingerprint", "definition"):
        one, other = (scores.get("provenance", {}).get(name) for scores in (new, old))
        if one != other:
            raise PolicyError(
                f"scores and baseline have another {name} ({one!r} and {other!r}): they are not "
                "comparable; make the baseline anew."
            )
    settings = [scores.get("provenance", {}).get("settings") or {} for scores in (new, old)]
    one, other = (own.get("copy_embedder") for own in settings)
    if one != other:
        raise PolicyError(
            f"scores and baseline have another copy embedder ({one!r} and {other!r}): repeats and "
            "copies are not comparable; make the baseline anew."
        )
    one, other = (scores.get("provenance", {}).get("harmonised_to") for scores in (new, old))
    if one != other:
        how = [
            "as they are" if recipe is None else f"harmonised to {_recipe_text(recipe)}"
            for recipe in (one, other)
        ]
        raise PolicyError(
            f"scores and baseline are of images treated otherwise ({how[0]} and {how[1]}): they "
            "are not comparable; make the baseline anew."
        )


def _recipe_text(recipe: Any) -> str:
    known = recipe if isinstance(recipe, dict) else {}
    return f"{known.get('width')} x {known.get('height')} {known.get('codec')}"


def has_same_real(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether both audits are of the same real images."""
    old, new = (scores.get("provenance", {}).get("real_digest") for scores in (before, after))
    return old is not None and old == new


def _confidence(scores: Mapping[str, Any]) -> float:
    """At which the audit's own intervals are."""
    settings = scores.get("provenance", {}).get("settings", {})
    return float(settings.get("confidence", 0.95))


def _paired(before: Floats, after: Floats, confidence: float) -> Quantity:
    change = after - before
    # The two detectors differ as a whole, besides image by image: twice the usual width.
    deviations = 2.0 * normal_width(confidence)
    width = deviations * float(change.std(ddof=1)) / np.sqrt(len(change))
    middle = float(change.mean())
    return Quantity(value=middle, low=middle - width, high=middle + width)


def _share(table: pd.DataFrame, flag: str, confidence: float) -> Quantity:
    """The share of flagged synthetic images, as sure as there are clusters of images."""
    own = table[table["side"] == "synthetic"]
    cluster = own["duplicate_cluster"]
    units = max(float(cluster.nunique() + cluster.isna().sum()), 1.0)
    share = float(own[flag].mean())
    return Quantity(value=share, **vars(wilson(share, units, confidence)))


def _score(scores: Mapping[str, Any], name: str) -> Quantity:
    ends = scores.get("intervals", {}).get(name) or (None, None)
    return Quantity(value=float(scores[name]), low=ends[0], high=ends[1])


def _synthetic(table: pd.DataFrame | None) -> dict[str, tuple[str, ...]]:
    """By path, what is wrong with each synthetic image."""
    if table is None:
        return {}
    own = table[table["side"] == "synthetic"]
    # Audits of earlier versions know of no broken pictures.
    names = [name for name in _FLAGS if name in own]
    flags = own[names].to_numpy(bool)
    paths: list[str] = own["path"].tolist()
    found: dict[str, tuple[str, ...]] = dict.fromkeys(paths, ())
    for row in np.flatnonzero(flags.any(axis=1)).tolist():
        told = [_FLAGS[name] for name, flag in zip(names, flags[row], strict=True) if flag]
        found[paths[row]] = tuple(told)
    return found
