"""An inspection: repeats, broken pictures, wrong classes and unreadable files of one set alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, Unpack

import numpy as np

from synthaudit.arrays import Integers
from synthaudit.auditing.image_reader import ImageReader, Look, open_reader
from synthaudit.embedding.choice import take_embedder
from synthaudit.errors import DataError
from synthaudit.images.appearance import APPEARANCE
from synthaudit.images.collection import Collection, Unreadable
from synthaudit.images.opening import Source, open_source
from synthaudit.inspecting.result import Inspection
from synthaudit.measures.broken import DEFECTS, BrokenPictures, judge_pictures
from synthaudit.measures.copies.duplicates import Repeats, find_repeats
from synthaudit.measures.detection.cross_validation import principal_axes
from synthaudit.measures.projection import project
from synthaudit.measures.samples import Samples
from synthaudit.measures.search.neighbours import Directions
from synthaudit.measures.selection import select
from synthaudit.measures.usefulness.label_fidelity import (
    LabelFidelity,
    LabelledRows,
    label_fidelity,
)
from synthaudit.measures.usefulness.linear_probe import PROBE_AXES
from synthaudit.options import Options
from synthaudit.progress import DONE, Progress, listening
from synthaudit.result.tables import pair_table, unreadable_table
from synthaudit.settings import Settings, make_settings
from synthaudit.threads import single_matrix_thread
from synthaudit.version import installed_version

if TYPE_CHECKING:
    import pandas as pd

_LEAST: Final = 2
# Of a class with fewer images nothing can be learnt.
_LEAST_OF_A_CLASS: Final = 5
_SIDE: Final = "image"


def inspect(
    images: Source,
    *,
    settings: Settings | None = None,
    progress: Progress | None = None,
    **options: Unpack[Options],
) -> Inspection:
    """Look for what is wrong in one set of images, without another one to compare with.

    The set itself says what is usual: how near images are that do not repeat each other, what most
    pictures look like, and what its classes look like.

    Args:
        images: folder, manifest or shards.
        settings: options that were made before.
        progress: told of the work as it goes.
        options: the fields of ``Settings``, by name; they go before ``settings``.

    Returns:
        ``Inspection``.

    Raises:
        SettingsError: a setting is wrong.
        DataError: there are fewer than two readable images, or only vectors.
        EmbedderError: the embedder or its weights cannot be had.
    """
    named, embedder = take_embedder(options)
    chosen = make_settings(named, settings)
    collection = open_source(images)
    if not isinstance(collection, Collection):
        raise DataError(f"{images} holds ready vectors, but pictures are inspected: give images.")
    with (
        listening(progress) as listener,
        open_reader(chosen, listener, embedder) as reader,
        single_matrix_thread(),
    ):
        return _Inspector(collection, reader).run()


@dataclass(frozen=True, kw_only=True)
class _Classes:
    """What is said of the classes: ``names``, the ``rows`` that have one of them, and of those."""

    names: Sequence[str]
    rows: Integers
    found: LabelFidelity | None


class _Inspector:
    """The steps of one inspection."""

    def __init__(self, collection: Collection, reader: ImageReader) -> None:
        self.reader, self.settings = reader, reader.settings
        found = reader.extract(collection)
        kept = [
            position
            for position, vector in zip(found.kept, found.vectors, strict=True)
            if np.isfinite(vector).all() and vector.any()
        ]
        if len(kept) < _LEAST:
            raise DataError(
                f"{collection.name} should have at least {_LEAST} readable images, not "
                f"{len(kept)}: give more."
            )
        vectors = found.vectors[np.isin(found.kept, kept)]
        self.unreadable: Sequence[Unreadable] = found.unreadable
        self.collection = replace(
            collection, entries=[collection.entries[row] for row in kept], unreadable=()
        )
        self.look: Look | None = reader.look_at(self.collection)
        names = np.empty((2, len(kept)), object)
        names[0] = [entry.path for entry in self.collection.entries]
        names[1] = [entry.label for entry in self.collection.entries]
        # Whoever is judged plays the synthetic side.
        self.samples = Samples.of(
            vectors, np.ones(len(kept), bool), classes=names[1], paths=names[0]
        )

    def run(self) -> Inspection:
        """Every step in turn."""
        settings, samples = self.settings, self.samples
        self.reader.progress.start("searching repeats", len(samples))
        repeats = find_repeats(
            Directions(samples.vectors),
            patterns=None if self.look is None else self.look.patterns,
            false_alarms=settings.false_alarms,
            distance=settings.duplicate_distance,
            false_discoveries=settings.false_discoveries,
            advance=self.reader.progress.advance,
        )
        self.reader.progress.start("judging classes and pictures", 0)
        broken, classes = self._judge_pictures(), self._judge_labels(repeats)
        self.reader.progress.start("drawing the map", 0)
        plane = project(samples, seed=settings.seed)
        self.reader.progress.start(DONE, 0)
        table = _table(samples, repeats, self.look, broken, classes)
        table["map_x"], table["map_y"] = plane.place.T
        counts = {
            "images": len(samples),
            "unreadable": len(self.unreadable),
            "repeats": int(repeats.is_repeat.sum()),
            "clusters": int(repeats.cluster.max(initial=-1)) + 1,
            "broken": int(table["is_broken"].sum()),
            "wrong_labels": int(table["is_wrong_label"].sum()),
        }
        found_defects = table.loc[table["is_broken"], "defect"].value_counts()
        defects = {str(name): int(count) for name, count in found_defects.items()}
        summary = _summary(classes)
        pairs = pair_table(samples, repeats.pairs).drop(columns=["side_a", "side_b"])
        lost = [(own.path, _SIDE, own.reason) for own in self.unreadable]
        return Inspection(
            name=self.collection.name,
            counts=counts,
            findings=_findings(counts, defects, summary),
            defects=defects,
            labels=summary,
            images=table,
            duplicates=pairs,
            unreadable=unreadable_table(lost).drop(columns="side"),
            kept=_kept(samples, repeats, table),
            provenance=self._provenance(repeats, plane.method),
            root=self.collection.root,
            entries=self.collection.entries,
        )

    def _judge_pictures(self) -> BrokenPictures | None:
        if self.look is None:
            return None
        rows = np.arange(len(self.samples))
        rate = self.settings.false_discoveries
        return judge_pictures(self.look.appearance, APPEARANCE, rows, rows, false_discoveries=rate)

    def _judge_labels(self, repeats: Repeats) -> _Classes:
        classes = self.samples.classes
        sizes = {name: int((classes == name).sum()) for name in set(classes) - {None}}
        names = sorted(str(name) for name, size in sizes.items() if size >= _LEAST_OF_A_CLASS)
        number = {name: place for place, name in enumerate(names)}
        target = np.array([number.get(name, -1) for name in classes])
        rows = np.flatnonzero(target >= 0)
        if len(names) < _LEAST:
            return _Classes(names=names, rows=rows, found=None)
        axes = principal_axes(self.samples.vectors)[:, -PROBE_AXES:]
        judged = LabelledRows(rows=axes[rows], target=target[rows], groups=repeats.cluster[rows])
        found = label_fidelity(judged, None, classes=len(names), seed=self.settings.seed)
        return _Classes(names=names, rows=rows, found=found)

    def _provenance(self, repeats: Repeats, method: str) -> dict[str, Any]:
        return {
            "synthaudit": installed_version(),
            "embedder": self.reader.embedder.name,
            "seed": self.settings.seed,
            "settings": self.settings.deciding(),
            "radius": repeats.radius.real,
            "map": method,
        }


def _table(
    samples: Samples,
    repeats: Repeats,
    look: Look | None,
    broken: BrokenPictures | None,
    classes: _Classes,
) -> pd.DataFrame:
    """A row an image."""
    import pandas as pd

    count = len(samples)
    partner = np.full(count, None, object)
    own = repeats.is_repeat & (repeats.partner >= 0)
    partner[own] = samples.paths[repeats.partner[own]]
    table = pd.DataFrame({"path": samples.paths.astype(str), "class": samples.classes})
    table["is_repeat"], table["repeats"] = repeats.is_repeat, partner
    table["repeat_p_value"] = repeats.p_value
    cluster = pd.Series(repeats.cluster, dtype="Int64")
    table["duplicate_cluster"] = cluster.mask(cluster < 0)
    table["is_broken"], table["defect"] = False, None
    if broken is not None:
        table["is_broken"], table["broken_p_value"] = broken.is_broken, broken.p_value
        kinds = np.array([defect.name for defect in DEFECTS], object)[broken.defect]
        kinds[~broken.is_broken] = None
        table["defect"] = kinds
    table["is_wrong_label"] = False
    labels, rows = classes.found, classes.rows
    if labels is not None:
        likelier = np.array(classes.names, dtype=object)[labels.likelier]
        table.loc[rows, "is_wrong_label"] = labels.is_wrong
        table.loc[rows, "wrong_label_probability"] = labels.probability_wrong
        table.loc[rows, "likelier_class"] = likelier
        table.loc[rows, "likelier_class_probability"] = labels.likelier_probability
    if look is not None:
        for name, figures in zip(APPEARANCE, look.appearance.T, strict=True):
            table[f"look_{name}"] = figures
    return table


def _kept(samples: Samples, repeats: Repeats, table: pd.DataFrame) -> pd.DataFrame:
    """What to keep: nothing broken or of another class, and one image of each cluster."""
    import pandas as pd

    nobody = np.zeros(len(samples), bool)
    is_broken = table["is_broken"].to_numpy(bool)
    defect = np.full(len(samples), None, object)
    defect[is_broken] = table.loc[is_broken, "defect"]
    chosen = select(
        is_synthetic=~nobody,
        is_unoriginal=nobody,
        is_wrong_label=table["is_wrong_label"].to_numpy(bool),
        defect=defect,
        probability_synthetic=np.zeros(len(samples)),
        cluster=repeats.cluster,
    )
    return pd.DataFrame(
        {"path": table["path"], "is_kept": chosen.is_kept, "reason": chosen.reason.astype(str)}
    )


def _summary(classes: _Classes) -> dict[str, Any]:
    found = classes.found
    if found is None:
        return {}
    return {
        "estimated_share": found.share,
        "p_value": found.p_value,
        "agreement": found.agreement,
        "cannot_tell": [classes.names[number] for number in found.cannot_tell],
    }


def _findings(counts: dict[str, int], defects: dict[str, int], labels: dict[str, Any]) -> list[str]:
    """A sentence a fault."""
    found = []
    total = f"of {counts['images']:,} images"
    if counts["repeats"]:
        clusters = f"{counts['clusters']:,} cluster{'s' if counts['clusters'] != 1 else ''}"
        found.append(f"{counts['repeats']:,} {total} repeat another one, in {clusters}.")
    if counts["broken"]:
        kinds = ", ".join(f"{count:,} {name}" for name, count in defects.items())
        found.append(f"{counts['broken']:,} {total} look broken: {kinds}.")
    if counts["wrong_labels"]:
        share = f"about {labels['estimated_share']:.0%} of the classes are wrong"
        found.append(f"{counts['wrong_labels']:,} {total} likelier show another class; {share}.")
    if labels.get("cannot_tell"):
        found.append(f"Cannot be told from other classes: {', '.join(labels['cannot_tell'])}.")
    if counts["unreadable"]:
        files = "file" if counts["unreadable"] == 1 else "files"
        found.append(f"{counts['unreadable']:,} {files} cannot be read: see unreadable.csv.")
    return found
