"""Samples on the way, and whether they copy the images that they are taught or one another."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy.stats import binomtest

from synthaudit.auditing.image_reader import ImageReader
from synthaudit.errors import DataError
from synthaudit.images.collection import Collection, FileLocation, ImageEntry
from synthaudit.measures.copies.duplicates import find_duplicates
from synthaudit.measures.search.neighbours import Directions
from synthaudit.tuning.class_images import sample, save_png
from synthaudit.tuning.concepts import Concept
from synthaudit.tuning.examples import seed_of_step
from synthaudit.tuning.network import Base
from synthaudit.tuning.recipe import TuneRecipe

SAMPLES: Final = "samples"
_BATCH: Final = 4
FEW_REAL: Final = 20
"""With fewer it is uncertain what counts as a copy."""


@dataclass(frozen=True, kw_only=True)
class AuditPoint:
    """What the samples of a step looked like.

    Attributes:
        step: of the optimizer; 0 before any.
        samples: how many.
        unoriginal: of them, how many copy a real image.
        unvaried: of them, how many repeat another sample.
        nearest: median cosine distance to the nearest real image, 0 to 2.
    """

    step: int
    samples: int
    unoriginal: int
    unvaried: int
    nearest: float

    def to_dict(self) -> dict[str, Any]:
        """As ``tune.json`` has it, with shares."""
        own = asdict(self)
        own["unoriginal_share"] = self.unoriginal / self.samples
        own["unvaried_share"] = self.unvaried / self.samples
        return own


class Watch:
    """Makes samples and audits them.

    Args:
        reader: embeds images.
        real: the real images, those that are taught and the others, by which is told what is near.
        concepts: what is taught.
        folder: of the results.
    """

    def __init__(
        self, reader: ImageReader, real: Collection, concepts: Sequence[Concept], folder: Path
    ) -> None:
        self._reader, self._concepts, self._folder = reader, concepts, folder
        taught = {entry.path for concept in concepts for entry in concept.entries}
        own = [entry for entry in real.entries if entry.path in taught]
        rest = [entry for entry in real.entries if entry.path not in taught]
        self._real = replace(real, entries=own + rest[: max(2000 - len(own), 0)], unreadable=())

    def look(self, base: Base, recipe: TuneRecipe, step: int) -> AuditPoint:
        """Make the samples of a step, and audit them.

        Raises:
            DataError: they cannot be read.
            GeneratorError: the model fails.
        """
        files = self._make(base, recipe, step)
        samples = Collection(
            name="samples",
            root=self._folder,
            entries=[
                ImageEntry(
                    path=str(f.relative_to(self._folder)), label=None, location=FileLocation(str(f))
                )
                for f in files
            ],
        )
        return self._audit(samples, step, recipe.seed)

    def _make(self, base: Base, recipe: TuneRecipe, step: int) -> list[Path]:
        """The same seeds and texts at every step, so that pictures can be compared."""
        place = self._folder / SAMPLES / f"{step:06d}"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True, exist_ok=True)
        prompts = [
            self._concepts[number % len(self._concepts)].prompt for number in range(recipe.samples)
        ]
        seeds = [seed_of_step(recipe.seed, n, "sample") for n in range(recipe.samples)]
        files: list[Path] = []
        for start in range(0, recipe.samples, _BATCH):
            part = slice(start, start + _BATCH)
            for image in sample(base, recipe, prompts[part], seeds[part]):
                files.append(place / f"{len(files):04d}.png")
                save_png(image, files[-1])
        return files

    def _audit(self, samples: Collection, step: int, seed: int) -> AuditPoint:
        first, second = self._reader.extract(self._real), self._reader.extract(samples)
        if len(second.kept) < len(samples.entries) or len(first.kept) < 2:
            raise DataError("the samples or the real images cannot be read: mend the folder.")
        real = replace(self._real, entries=[self._real.entries[row] for row in first.kept])
        look = self._reader.look_at(real, samples)
        vectors = np.concatenate([first.vectors, second.vectors])
        is_sample = np.arange(len(vectors)) >= len(first.vectors)
        found = find_duplicates(
            Directions(vectors),
            is_sample,
            patterns=None if look is None else look.patterns,
            seed=seed,
        )
        nearest = found.nearest_real.distance[is_sample, 0]
        return AuditPoint(
            step=step,
            samples=int(is_sample.sum()),
            unoriginal=int(found.is_unoriginal.sum()),
            unvaried=int(found.is_unvaried.sum()),
            nearest=float(np.median(nearest)),
        )


@dataclass(frozen=True, kw_only=True)
class Stop:
    """Why a training was stopped.

    Attributes:
        step: of the audit.
        measure: ``unoriginal`` or ``unvaried``.
        share: of the samples.
        limit: that was allowed, or that the model itself had before.
        p_value: of so many, were the share no more than the limit.
    """

    step: int
    measure: str
    share: float
    limit: float
    p_value: float

    def __str__(self) -> str:
        """A sentence."""
        what = "copy real images" if self.measure == "unoriginal" else "repeat one another"
        return (
            f"stopped at step {self.step:,}: {self.share:.0%} of the samples {what} "
            f"({self.measure} {self.share:.3f}, allowed {self.limit:.3f}, p {self.p_value:.3g})."
        )


def stop_of(audits: Sequence[AuditPoint], recipe: TuneRecipe) -> Stop | None:
    """The first audit that shows more copies or repeats than allowed, beyond chance.

    One-sided exact binomial tests, corrected for the audits of the whole training and both measures
    (Bonferroni). Where the model itself exceeds the limit before anything is taught, that counts as
    the limit.
    """
    planned = max(-(-recipe.steps // max(recipe.audit_every, 1)), 1)
    level = (1.0 - recipe.confidence) / (2 * planned)
    before = next((own for own in audits if own.step == 0), None)
    for own in audits:
        for measure, allowed in (
            ("unoriginal", recipe.max_unoriginal),
            ("unvaried", recipe.max_unvaried),
        ):
            count, limit = getattr(own, measure), allowed
            if before is not None:
                limit = max(limit, getattr(before, measure) / before.samples)
            if own.step == 0 or limit >= 1.0:
                continue
            p_value = float(binomtest(count, own.samples, limit, alternative="greater").pvalue)
            if p_value <= level:
                return Stop(
                    step=own.step,
                    measure=measure,
                    share=count / own.samples,
                    limit=limit,
                    p_value=p_value,
                )
    return None
