"""An inspection: repeats, broken pictures, wrong classes and unreadable files of one set alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Unpack

import numpy as np

from synthaudit.auditing.image_reader import ImageReader, open_reader
from synthaudit.auditing.sources import having_direction
from synthaudit.auditing.steps.broken import BrokenSection
from synthaudit.auditing.steps.labels import LabelSection
from synthaudit.embedding.choice import take_embedder
from synthaudit.errors import DataError
from synthaudit.images.appearance import APPEARANCE
from synthaudit.images.collection import Collection, Unreadable
from synthaudit.images.opening import Source, open_source
from synthaudit.images.web import WebAccess
from synthaudit.inspecting.result import Inspection
from synthaudit.measures.broken import judge_pictures
from synthaudit.measures.copies.duplicates import Repeats, find_repeats
from synthaudit.measures.detection.cross_validation import principal_axes
from synthaudit.measures.projection import project
from synthaudit.measures.samples import Samples
from synthaudit.measures.search.neighbours import Directions
from synthaudit.measures.selection import select
from synthaudit.measures.usefulness.label_fidelity import label_fidelity
from synthaudit.measures.usefulness.learners import make_learner
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
    collection = open_source(images, WebAccess.of(chosen))
    if not isinstance(collection, Collection):
        raise DataError(f"{images} holds ready vectors, but pictures are inspected: give images.")
    with (
        listening(progress) as listener,
        open_reader(chosen, listener, embedder) as reader,
        single_matrix_thread(),
    ):
        return _Inspector(collection, reader).run()


class _Inspector:
    """The steps of one inspection."""

    def __init__(self, collection: Collection, reader: ImageReader) -> None:
        self.reader, self.settings = reader, reader.settings
        found = having_direction(reader.extract(collection), collection)
        if len(found.kept) < _LEAST:
            raise DataError(
                f"{collection.name} should have at least {_LEAST} readable images, not "
                f"{len(found.kept)}: give more."
            )
        self.unreadable: Sequence[Unreadable] = found.unreadable
        self.collection = replace(
            collection, entries=[collection.entries[row] for row in found.kept], unreadable=()
        )
        look = reader.look_at(self.collection)
        names = np.empty((2, len(found.kept)), object)
        names[0] = [entry.path for entry in self.collection.entries]
        names[1] = [entry.label for entry in self.collection.entries]
        # Whoever is judged plays the synthetic side.
        self.samples = Samples.of(
            found.vectors,
            np.ones(len(found.kept), bool),
            classes=names[1],
            paths=names[0],
            patterns=None if look is None else look.patterns,
            appearance=None if look is None else look.appearance,
        )

    def run(self) -> Inspection:
        """Every step in turn."""
        settings, samples = self.settings, self.samples
        self.reader.progress.start("searching repeats", len(samples))
        repeats = find_repeats(
            Directions(samples.vectors),
            patterns=samples.patterns,
            false_alarms=settings.false_alarms,
            distance=settings.duplicate_distance,
            false_discoveries=settings.false_discoveries,
            advance=self.reader.progress.advance,
        )
        self.reader.progress.start("judging classes and pictures", 0)
        broken, labels = self._judge_pictures(), self._judge_labels(repeats)
        self.reader.progress.start("drawing the map", 0)
        plane = project(samples, seed=settings.seed)
        self.reader.progress.start(DONE, 0)
        table = _table(samples, repeats, broken, labels)
        table["map_x"], table["map_y"] = plane.place.T
        counts = {
            "images": len(samples),
            "unreadable": len(self.unreadable),
            "repeats": int(repeats.is_repeat.sum()),
            "clusters": int(repeats.cluster.max(initial=-1)) + 1,
            "broken": 0,
            "wrong_labels": 0,
            **({} if broken is None else broken.counts()),
            **({} if labels is None else labels.counts()),
        }
        named = {} if broken is None else broken.to_dict()["broken"]["defects"]
        defects = dict(sorted(named.items(), key=lambda kind: -kind[1]))
        summary = {} if labels is None else _summary(labels)
        pairs = pair_table(samples, repeats.pairs).drop(columns=["side_a", "side_b"])
        lost = [(own.path, _SIDE, own.reason) for own in self.unreadable]
        return Inspection(
            name=self.collection.name,
            counts=counts,
            faults=_faults(counts, defects, summary),
            defects=defects,
            labels=summary,
            images=table,
            duplicates=pairs,
            unreadable=unreadable_table(lost).drop(columns="side"),
            kept=_kept(samples, repeats, broken, labels),
            provenance=self._provenance(repeats, plane.method),
            root=self.collection.root,
            entries=self.collection.entries,
        )

    def _judge_pictures(self) -> BrokenSection | None:
        figures, rate = self.samples.appearance, self.settings.false_discoveries
        if figures is None:
            return None
        rows = np.arange(len(self.samples))
        found = judge_pictures(figures, APPEARANCE, rows, rows, false_discoveries=rate)
        return BrokenSection(rows=rows, found=found, shifts={}, false_discoveries=rate)

    def _judge_labels(self, repeats: Repeats) -> LabelSection | None:
        classes = self.samples.classes
        sizes = {name: int((classes == name).sum()) for name in set(classes) - {None}}
        names = sorted(str(name) for name, size in sizes.items() if size >= _LEAST_OF_A_CLASS)
        if len(names) < _LEAST:
            return None
        number = {name: place for place, name in enumerate(names)}
        target = np.array([number.get(name, -1) for name in classes])
        rows = np.flatnonzero(target >= 0)
        vectors, groups = self.samples.vectors[rows], repeats.cluster[rows]
        learner = make_learner(
            vectors,
            lambda: principal_axes(vectors),
            target[rows],
            classes=len(names),
            clusters=groups,
        )
        everyone, nobody = np.arange(len(rows)), np.arange(0)
        found = label_fidelity(learner, everyone, nobody, seed=self.settings.seed)
        return LabelSection(fidelity=found, names=names, rows=rows)

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
    broken: BrokenSection | None,
    labels: LabelSection | None,
) -> pd.DataFrame:
    """A row an image."""
    import pandas as pd

    partner = np.full(len(samples), None, object)
    own = repeats.is_repeat & (repeats.partner >= 0)
    partner[own] = samples.paths[repeats.partner[own]]
    cluster = pd.Series(repeats.cluster, dtype="Int64")
    columns: dict[str, Any] = {
        "path": samples.paths.astype(str),
        "class": samples.classes,
        "is_repeat": repeats.is_repeat,
        "repeats": partner,
        "repeat_p_value": repeats.p_value,
        "duplicate_cluster": cluster.mask(cluster < 0),
        "is_broken": False,
        "defect": None,
        "is_wrong_label": False,
        **({} if broken is None else broken.columns(samples)),
        **({} if labels is None else labels.columns(samples)),
    }
    return pd.DataFrame(columns)


def _kept(
    samples: Samples,
    repeats: Repeats,
    broken: BrokenSection | None,
    labels: LabelSection | None,
) -> pd.DataFrame:
    """What to keep: nothing broken or of another class, and one image of each cluster."""
    import pandas as pd

    count = len(samples)
    nobody = np.zeros(count, bool)
    chosen = select(
        is_synthetic=samples.is_synthetic,
        is_unoriginal=nobody,
        is_wrong_label=nobody if labels is None else labels.flags(count),
        defect=np.full(count, None, object) if broken is None else broken.defects(count),
        probability_synthetic=np.zeros(count),
        cluster=repeats.cluster,
    )
    paths = samples.paths.astype(str)
    return pd.DataFrame(
        {"path": paths, "is_kept": chosen.is_kept, "reason": chosen.reason.astype(str)}
    )


def _summary(labels: LabelSection) -> dict[str, Any]:
    names = ("estimated_share", "p_value", "agreement", "cannot_tell")
    told = labels.to_dict()["labels"]
    return {name: told[name] for name in names}


def _faults(
    counts: dict[str, int], defects: dict[str, int], labels: dict[str, Any]
) -> dict[str, str]:
    """A sentence a fault, by its kind."""
    found = {}
    total = f"of {counts['images']:,} images"
    if counts["repeats"]:
        clusters = f"{counts['clusters']:,} cluster{'s' if counts['clusters'] != 1 else ''}"
        found["repeats"] = f"{counts['repeats']:,} {total} repeat another one, in {clusters}."
    if counts["broken"]:
        kinds = ", ".join(f"{count:,} {name}" for name, count in defects.items())
        found["broken"] = f"{counts['broken']:,} {total} look broken: {kinds}."
    if counts["wrong_labels"]:
        share = f"about {labels['estimated_share']:.0%} of the classes are wrong"
        wrong = f"{counts['wrong_labels']:,} {total} likelier show another class"
        found["labels"] = f"{wrong}; {share}."
    if labels.get("cannot_tell"):
        names = ", ".join(labels["cannot_tell"])
        found["cannot_tell"] = f"Cannot be told from other classes: {names}."
    if counts["unreadable"]:
        files = "file" if counts["unreadable"] == 1 else "files"
        found["unreadable"] = (
            f"{counts['unreadable']:,} {files} cannot be read: see unreadable.csv."
        )
    return found
