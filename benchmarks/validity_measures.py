"""What an audit says of a set, and what probes say: the measures of ``validity.py``."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from validity_sets import CLASSES, Material, Numbers, Opinion, Pictures, lay_out
from validity_training import Vectors, few_rows, probe_accuracy

import synthaudit
from synthaudit.auditing.image_reader import open_reader
from synthaudit.images.collection import Collection
from synthaudit.images.opening import open_source
from synthaudit.measures.detection.cross_validation import principal_axes
from synthaudit.measures.samples import Samples
from synthaudit.measures.scores import SCORE_NAMES
from synthaudit.measures.usefulness.discriminative_span import discriminative_span
from synthaudit.measures.usefulness.train_synthetic_test_real import train_synthetic_test_real
from synthaudit.progress import NoProgress
from synthaudit.settings import Settings

SHOTS = (10, 50, 500)
"""Real photos a class that probes learn from besides a set."""

OUR_SHOTS = (4, 16)
"""The same of the probes that the audit itself trains."""

ROUTES = ("synthetic", "both", "gain")
VERSION = 2
"""Of the measures: raised when one is added, and then sets are audited again, not trained again."""

_KINDS = 10


@dataclass(frozen=True, kw_only=True)
class Folders:
    """Where audits work: what they see of the real photos, and what they remember."""

    seen: Path
    cache: Path
    scratch: Path

    def laid_out(self, pictures: Pictures, name: str) -> Path:
        """A folder of these pictures, made anew."""
        folder = self.scratch / name
        shutil.rmtree(folder, ignore_errors=True)
        lay_out(pictures, folder)
        return folder


def read_vectors(folder: Path, cache: Path) -> tuple[Vectors, Numbers]:
    """Vectors of ``builtin`` and classes, in the order of the paths."""
    collection = open_source(folder)
    assert isinstance(collection, Collection)
    with open_reader(Settings(embedder="builtin", cache=cache), NoProgress()) as reader:
        found = reader.extract(collection)
    labels = [CLASSES.index(str(collection.entries[row].label)) for row in found.kept]
    return found.vectors, np.array(labels)


def form_opinion(material: Material, folders: Folders) -> Opinion:
    """Audit all generated images once: how fake each looks, what ``--keep`` drops, and its kind."""
    folder = folders.laid_out(material.generated, "generated")
    audit = synthaudit.score(
        folders.seen, folder, embedder="builtin", quick=True, keep=True, cache=folders.cache
    )
    images = audit.images[audit.images["side"] == "synthetic"].set_index("path").sort_index()
    kept = audit.kept
    assert kept is not None
    reason = kept.set_index("path").sort_index()["reason"]
    vectors, target = read_vectors(folder, folders.cache)
    kind = np.zeros(len(target), np.int64)
    for own in range(len(CLASSES)):
        rows = target == own
        kind[rows] = KMeans(_KINDS, n_init=2, random_state=0).fit_predict(vectors[rows])
    # Paths are sorted, and so are the generated images class by class.
    order = np.argsort(material.generated.target, kind="stable")
    opinion = Opinion(
        probability_synthetic=np.empty(len(order)),
        is_dropped_anyway=np.empty(len(order), bool),
        kind=np.empty(len(order), np.int64),
    )
    opinion.probability_synthetic[order] = images["probability_synthetic"].to_numpy()
    is_other = (reason != "") & (reason != "it is an obvious fake")
    opinion.is_dropped_anyway[order] = is_other.to_numpy()
    opinion.kind[order] = kind
    shutil.rmtree(folder)
    return opinion


def audit_set(folder: Path, folders: Folders) -> dict[str, float]:
    """The measures of a set that is laid out, by name, as the audit gives them."""
    audit = synthaudit.score(
        folders.seen,
        folder,
        embedder="builtin",
        quick=True,
        measures=["frechet", "kernel_distance"],
        cache=folders.cache,
        workers=1,
        progress=NoProgress(),
    )
    seen, own = (read_vectors(side, folders.cache) for side in (folders.seen, folder))
    return {**_flattened(audit.to_dict()), **_without_networks(seen, own)}


def _flattened(scores: dict[str, Any]) -> dict[str, float]:
    found = {name: scores[name] for name in SCORE_NAMES}
    found["detector_auc"] = scores["detector"]["auc"]
    found |= {name: own["value"] for name, own in scores["supporting"].items()}
    found["wrong_labels"] = scores["labels"]["estimated_share"]
    found["label_agreement"] = scores["labels"]["agreement"]
    found["broken"] = scores["broken"]["share"]
    found["not_authentic"] = scores["memorisation"]["not_authentic"]
    return {name: float(value) for name, value in found.items() if value is not None}


def _without_networks(
    seen: tuple[Vectors, Numbers], own: tuple[Vectors, Numbers]
) -> dict[str, float]:
    """What our probes and the discriminative span say, on the photos that the audit sees."""
    vectors = np.concatenate([seen[0], own[0]])
    classes = np.array([CLASSES[number] for number in (*seen[1], *own[1])], object)
    is_synthetic = np.arange(len(vectors)) >= len(seen[0])
    samples = Samples.of(vectors, is_synthetic, classes=classes)
    found = train_synthetic_test_real(
        samples,
        np.full(len(vectors), -1),
        lambda: principal_axes(vectors),
        shots=OUR_SHOTS,
    )
    span = discriminative_span(samples)
    assert found is not None
    assert span is not None
    return {
        **{f"usefulness_{name}": getattr(found, name).value for name in ROUTES},
        **{
            f"few_shot_{name}_{few.images}": float(getattr(few, name).value)
            for few in found.few_shot
            for name in ("both", "gain")
        },
        "span": span.residual,
    }


def probe_worth(
    own_set: tuple[Vectors, Numbers] | None,
    own: tuple[Vectors, Numbers],
    judging: tuple[Vectors, Numbers],
    seeds: int,
) -> dict[str, list[list[float]]]:
    """Accuracy by class of probes, alone and with real photos, a seed each."""
    found: dict[str, list[list[float]]] = {}
    if own_set is not None:
        found["probe alone"] = [probe_accuracy(*own_set, *judging)]
    for shots in SHOTS:
        # All of them are the same with every seed.
        for seed in range(1 if shots == max(SHOTS) else seeds):
            rows = few_rows(own[1], shots, seed)
            vectors, target = own[0][rows], own[1][rows]
            if own_set is not None:
                vectors = np.concatenate([own_set[0], vectors])
                target = np.concatenate([own_set[1], target])
            accuracy = probe_accuracy(vectors, target, *judging)
            found.setdefault(f"probe with {shots}", []).append(accuracy)
    return found
