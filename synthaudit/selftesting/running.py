"""The self-test: can the audit see faults in images like yours, and from what size on?"""

from __future__ import annotations

from typing import Final, Unpack

import numpy as np

from synthaudit.auditing.image_reader import open_reader
from synthaudit.embedding.choice import take_embedder
from synthaudit.errors import DataError, UsageError
from synthaudit.images.collection import Collection
from synthaudit.images.opening import Source, open_source
from synthaudit.images.web import WebAccess
from synthaudit.measures.randomness import stream
from synthaudit.options import Options
from synthaudit.progress import Progress, listening
from synthaudit.selftesting.faults import FAULTS, Fault, Halves, has_classes, nothing, split
from synthaudit.selftesting.material import LEAST_IMAGES, Material, gather
from synthaudit.selftesting.planted_audit import (
    STATISTICS,
    Trial,
    audit_planted,
    recall_and_precision,
)
from synthaudit.selftesting.result import FaultResult, SelfTest
from synthaudit.settings import Settings, make_settings

# A statistic above all of 19 clean ones is a test at 5 %.
_CLEAN_SPLITS: Final = 19
_PLANTINGS: Final = 2


def selftest(
    real: Source,
    *,
    images: int = 2000,
    settings: Settings | None = None,
    progress: Progress | None = None,
    **options: Unpack[Options],
) -> SelfTest:
    """Plant known faults into real images and audit each.

    The images are split in two at random, near-duplicates kept together; one half plays the real
    side, the other, with a fault planted in it, the synthetic one.

    Args:
        real: folder, manifest or tar shards of real images.
        images: how many to use at most.
        progress: told of the work as it goes.
        settings: options that were made before.
        options: the fields of ``Settings``, by name; they go before ``settings``.

    Returns:
        ``SelfTest``.

    Raises:
        UsageError, SettingsError: the call is wrong.
        DataError: there are too few images, or only vectors.
        EmbedderError: the embedder or its weights cannot be had.
    """
    if images < LEAST_IMAGES:
        raise UsageError(f"a self-test needs at least {LEAST_IMAGES} images, not {images}.")
    named, embedder = take_embedder(options)
    chosen = make_settings({**named, "quick": True}, settings)
    if chosen.definition != "default":
        raise UsageError("the self-test is of the default definition; leave --definition out.")
    collection = open_source(real, WebAccess.of(chosen))
    if not isinstance(collection, Collection):
        raise DataError(f"{real} holds ready vectors, but faults are planted in images: give them.")
    with listening(progress) as listener:
        with open_reader(chosen, listener, embedder) as reader:
            material = gather(collection, reader, images=images, seed=chosen.seed)
        return _Runner(material, chosen, listener).run(collection.name, reader.embedder.name)


class _Runner:
    """The trials of one self-test."""

    def __init__(self, material: Material, settings: Settings, progress: Progress) -> None:
        self.material, self.settings, self.progress = material, settings, progress
        rng = stream(settings.seed, "self-test splits")
        self.halves = [split(material, rng) for _ in range(_CLEAN_SPLITS)]
        self.clean: list[Trial] = []

    def run(self, name: str, embedder: str) -> SelfTest:
        """Clean splits first, then every fault at every rate."""
        faults, left_out = self._plantable()
        trials = sum(len(fault.rates) for fault in faults) * _PLANTINGS + _CLEAN_SPLITS
        self.progress.start("auditing planted faults", trials)
        for halves in self.halves:
            self.clean.append(audit_planted(nothing(self.material, halves), self.settings))
            self.progress.advance(1)
        outcomes = [self._try(fault, rate) for fault in faults for rate in fault.rates]
        sizes = np.array([[len(half.real), len(half.synthetic)] for half in self.halves])
        return SelfTest(
            name=name,
            real=round(float(sizes[:, 0].mean())),
            synthetic=round(float(sizes[:, 1].mean())),
            embedder=embedder,
            clean={statistic: self._highest(statistic) for statistic in STATISTICS},
            splits=_CLEAN_SPLITS,
            outcomes=outcomes,
            left_out=left_out,
            seed=self.settings.seed,
        )

    def _plantable(self) -> tuple[list[Fault], dict[str, str]]:
        if has_classes(self.material):
            return list(FAULTS), {}
        reason = "the images have no class folders"
        kept = [fault for fault in FAULTS if fault.measure != "wrong_labels"]
        return kept, {fault.name: reason for fault in FAULTS if fault not in kept}

    def _highest(self, statistic: str) -> float:
        return max(trial.statistics[statistic] for trial in self.clean)

    def _try(self, fault: Fault, rate: float) -> FaultResult:
        clean, trials, found = self.clean[:_PLANTINGS], [], []
        for number, halves in enumerate(self.halves[:_PLANTINGS]):
            trial, score = self._plant(fault, rate, halves, number)
            trials.append(trial)
            found.append(score)
            self.progress.advance(1)
        statistics = [trial.statistics[fault.measure] for trial in trials]
        precisions = [precision for _, precision in found if precision is not None]
        return FaultResult(
            fault=fault.name,
            rate=rate,
            measure=fault.measure,
            clean=float(np.mean([trial.statistics[fault.measure] for trial in clean])),
            value=float(np.mean(statistics)),
            moved={
                name: float(
                    np.mean(
                        [
                            planted.statistics[name] - own.statistics[name]
                            for planted, own in zip(trials, clean, strict=True)
                        ]
                    )
                )
                for name in STATISTICS
            },
            seen_by=[
                name
                for name in STATISTICS
                if min(trial.statistics[name] for trial in trials) > self._highest(name)
            ],
            recall=float(np.mean([recall for recall, _ in found])),
            precision=float(np.mean(precisions)) if precisions else None,
        )

    def _plant(
        self, fault: Fault, rate: float, halves: Halves, number: int
    ) -> tuple[Trial, tuple[float, float | None]]:
        rng = stream(self.settings.seed, f"self-test {fault.name} {rate} {number}")
        planted = fault.plant(self.material, halves, rate, rng)
        trial = audit_planted(planted, self.settings)
        return trial, recall_and_precision(trial.flags[fault.measure], planted.truth)
