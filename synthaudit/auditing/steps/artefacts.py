"""The artefact audit: are the sides told apart by their files rather than by their pictures?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

import numpy as np

from synthaudit.arrays import Flags, Floats, Names, Vectors
from synthaudit.auditing.context import Context
from synthaudit.auditing.image_reader import SampleImages
from synthaudit.auditing.step import Step
from synthaudit.auditing.steps.detector import DetectorSection
from synthaudit.images.marks import MARKS
from synthaudit.images.reencoding import Recipe, reencoded
from synthaudit.images.trait_titles import trait_title
from synthaudit.images.traits import CONTAINER_TRAITS, TRACE_TRAITS
from synthaudit.measures.detection.cross_validation import principal_axes
from synthaudit.measures.detection.detector import detect
from synthaudit.measures.detection.file_artefacts import (
    SUSPICIOUS_AUC,
    WITHIN,
    ArtefactAudit,
    Trait,
    audit_artefacts,
)
from synthaudit.measures.detection.permutation import approximate_p_value
from synthaudit.measures.randomness import sample_rows, stream
from synthaudit.measures.samples import Samples
from synthaudit.result.findings import marks_text
from synthaudit.result.section import Section
from synthaudit.threads import in_threads

_CONTROL_IMAGES: Final = 1000
_CONTROL_LEAST: Final = 40
_GOOD_QUALITY: Final = 95
# Of what is blamed on files.
_ALPHA: Final = 0.01


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A provenance mark, and the shares of the real and of the synthetic files that have it."""

    name: str
    real: float
    synthetic: float


@dataclass(frozen=True, kw_only=True)
class ArtefactSection(Section):
    """The artefact audit of two collections.

    Attributes:
        audit: what file traits alone can tell.
        control_auc: how well the embedder tells real images given the synthetic side's sizes and
            codecs from untouched real images: what the files alone do to the detector. None with
            fewer than 40 real images.
        matched_auc: the detector's own with as many images as the control had, to compare with.
        explains: whether the files alone account for what the detector sees, beyond chance.
        has_traces: whether block frequencies tell the sides apart beyond chance.
        detector_auc: of the detector on the embeddings.
        marks: that some file has, the one that tells the sides apart best first.
        marks_tell: whether one of them tells the sides apart beyond chance.
        files_tell: whether format, size and compression do, whatever the detector sees of it.
        paths: (n,) of the images that were looked at.
    """

    audit: ArtefactAudit
    control_auc: float | None
    matched_auc: float | None
    explains: bool
    has_traces: bool
    detector_auc: float
    marks: Sequence[Mark]
    marks_tell: bool
    files_tell: bool
    paths: Names = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """How well the files alone tell the sides apart."""
        audit = self.audit
        summary = {
            "container_auc": audit.container_auc,
            "trace_auc": audit.trace_auc,
            "auc": audit.auc,
            "control_auc": self.control_auc,
            "matched_auc": self.matched_auc,
            "explains": self.explains,
            "best": [self._told(trait) for trait in audit.best],
            "marks": [vars(mark) for mark in self.marks],
            "marks_tell": self.marks_tell,
            "files_tell": self.files_tell,
        }
        return {"artefacts": summary}

    def _told(self, trait: Trait) -> dict[str, Any]:
        """A trait with its histograms, and by side the images with the least and most of it."""
        real, synthetic = (shares.round(5).tolist() for shares in trait.shares)
        return {
            "name": trait.name,
            "auc": trait.auc,
            "real": trait.real,
            "synthetic": trait.synthetic,
            "histogram": {"edges": trait.edges.tolist(), "real": real, "synthetic": synthetic},
            "extremes": {
                side: [str(self.paths[rows[place]]) for rows in (trait.lowest, trait.highest)]
                for place, side in enumerate(("real", "synthetic"))
            },
        }

    def notes(self) -> tuple[str, ...]:
        """What a reader must know before believing the detector, in sentences."""
        found = (self._on_marks(), self._on_files(), self._on_traces())
        return tuple(note for note in found if note)

    def _on_marks(self) -> str | None:
        if not self.marks_tell:
            return None
        control = "no control has been run (leave --quick out for it)"
        if self.control_auc is not None and not self.explains:
            control = (
                "the embedder sees pixels alone, and in the control it told real images in files "
                f"like the synthetic ones with AUC {self.control_auc:.3f}"
            )
        marks = marks_text([vars(own) for own in self.marks])
        return (
            f"Marks in the files tell the sides apart: {marks}. "
            "While they are the difference, trust no score of anything that reads the files; "
            f"{control}. --harmonise removes them for the audit only."
        )

    def _on_files(self) -> str | None:
        if not self.explains:
            return None
        traits = ", ".join(
            f"{trait_title(trait.name)} (real {trait.real:.4g}, synthetic {trait.synthetic:.4g})"
            for trait in self.audit.best[:3]
        )
        reached, own = self.control_auc or 0.0, self.matched_auc or 0.0
        if self.control_auc is None:
            reached, own = self.audit.container_auc, self.detector_auc
        what = "marks" if self.control_auc is None and self.marks_tell else "size and codec"
        return (
            f"unrealistic cannot be trusted: {what} of the files alone are told apart with "
            f"AUC {reached:.3f}, the images with {own:.3f}. They differ in {traits}. Make the "
            "files alike, or use --harmonise."
        )

    def _on_traces(self) -> str | None:
        reached = self.audit.trace_auc
        is_usual = reached <= max(SUSPICIOUS_AUC, self.detector_auc - WITHIN)
        if self.explains or not self.has_traces or is_usual:
            return None
        return (
            f"Block frequencies alone tell the sides apart with AUC {reached:.3f}: blur, "
            "upscaling or compression may be much of what the detector sees, or the "
            "generator's own texture."
        )


def inspect_artefacts(
    samples: Samples, context: Context, *, with_control: bool = True, most: int | None = None
) -> ArtefactSection | None:
    """Audit the files of both sides.

    Args:
        samples: the images.
        context: of the audit.
        with_control: whether to embed real images again, in files like the synthetic ones.
        most: so many images of a side at most, drawn at random; None for all.

    Returns:
        ``ArtefactSection``; None where the detector could learn nothing, and when the traits of
        some image cannot be read after all.
    """
    detection = context.section(DetectorSection).detection
    images, settings = context.images, context.settings
    if images is None or not detection.assignments:
        return None
    if most is not None:
        rng = stream(settings.seed, "file traits")
        rows = [sample_rows(side, most, rng) for side in (samples.real, samples.synthetic)]
        samples, images = samples.take(np.concatenate(rows)), images.take(*rows)
    traits = images.traits()
    if traits is None:
        return None
    container, traces = np.split(traits.astype(np.float64), [len(CONTAINER_TRAITS)], axis=1)
    audit = audit_artefacts(
        container,
        traces,
        samples,
        container_names=CONTAINER_TRAITS,
        trace_names=TRACE_TRAITS,
        detector_auc=detection.auc,
        folds=settings.folds,
        seed=settings.seed,
    )
    marks = _marks(container, samples.is_synthetic)
    reached, matched = None, None
    if with_control:
        reached, matched = _control(samples, container, images) or (None, None)
    explains = audit.explains and _is_beyond_chance(audit.container_auc, samples.is_synthetic)
    if reached is not None and matched is not None:
        half = np.arange(_control_size(samples)) % 2 == 0
        explains = reached > max(SUSPICIOUS_AUC, matched - WITHIN) and _is_beyond_chance(
            reached, half
        )
    return ArtefactSection(
        has_traces=_is_beyond_chance(audit.trace_auc, samples.is_synthetic),
        audit=audit,
        control_auc=reached,
        matched_auc=matched,
        explains=explains,
        detector_auc=detection.auc,
        marks=marks,
        marks_tell=bool(marks) and _tells(marks[0], samples.is_synthetic),
        paths=samples.paths,
        files_tell=audit.container_auc > SUSPICIOUS_AUC
        and _is_beyond_chance(audit.container_auc, samples.is_synthetic),
    )


def _marks(container: Floats, is_synthetic: Flags) -> list[Mark]:
    """Those that some file has, the one whose shares differ most first."""
    has = container[:, [CONTAINER_TRAITS.index(name) for name in MARKS]]
    shares = [has[rows].mean(axis=0) for rows in (~is_synthetic, is_synthetic)]
    found = [
        Mark(name=name, real=float(real), synthetic=float(synthetic))
        for name, real, synthetic in zip(MARKS.values(), *shares, strict=True)
        if real or synthetic
    ]
    return sorted(found, key=lambda mark: -abs(mark.synthetic - mark.real))


def _tells(mark: Mark, is_synthetic: Flags) -> bool:
    # Of a mark that is there or not, the area under the curve follows from the shares.
    auc = 0.5 + abs(mark.synthetic - mark.real) / 2
    return auc > SUSPICIOUS_AUC and _is_beyond_chance(auc, is_synthetic)


def _control(
    samples: Samples, container: Floats, images: SampleImages
) -> tuple[float, float] | None:
    """AUC of treated against untouched real images, and of as many synthetic ones.

    No image is both treated and untouched, so nothing but the treatment is to be found.
    """
    settings, real = images.reader.settings, images.real
    real_vectors, fakes = samples.vectors[samples.real], samples.vectors[samples.synthetic]
    count = _control_size(samples)
    if count < _CONTROL_LEAST:
        return None
    rng = stream(settings.seed, "control")
    rows = rng.permutation(len(real.entries))[:count]
    treated, untouched = np.sort(rows[: count // 2]), np.sort(rows[count // 2 :])
    models = rng.permutation(len(fakes))[: len(treated)]
    part = replace(
        real, name="the control", entries=[real.entries[row] for row in treated], unreadable=()
    )
    recipes = _pair_up(container[samples.real][treated], container[samples.synthetic][models])
    found = images.reader.extract(
        reencoded(part, recipes, workers=settings.workers, max_pixels=settings.max_pixels)
    )
    if len(found.kept) < len(treated):
        return None

    def reach(others: Vectors) -> float:
        """How well they are told from the untouched images."""
        both = np.concatenate([real_vectors[untouched], others])
        told = Samples.of(principal_axes(both), np.arange(len(both)) >= len(untouched))
        return detect(told, folds=settings.folds, repeats=3, seed=settings.seed).auc

    treated_auc, matched_auc = in_threads(reach, [found.vectors, fakes[models]])
    return treated_auc, matched_auc


def _control_size(samples: Samples) -> int:
    """Real images of the control, treated and untouched."""
    return min(len(samples.real), 2 * len(samples.synthetic), _CONTROL_IMAGES)


def _is_beyond_chance(auc: float, is_positive: Flags) -> bool:
    p_value = approximate_p_value(auc, is_positive, np.arange(len(is_positive)))
    return p_value is not None and p_value <= _ALPHA


def _pair_up(originals: Floats, models: Floats) -> list[Recipe]:
    """A recipe for each original from the model of its rank in shape and size.

    Where both sides have the same sizes no image is then cut or resized, as none was.
    """
    shape = [CONTAINER_TRAITS.index(name) for name in ("width", "aspect_ratio")]
    ranked = [np.lexsort(files[:, shape].T) for files in (originals, models)]
    paired = np.empty(len(originals), np.int64)
    paired[ranked[0]] = ranked[1]
    return [_recipe_of(model) for model in models[paired]]


def _recipe_of(container: Floats) -> Recipe:
    traits = dict(zip(CONTAINER_TRAITS, container, strict=True))
    size = {"width": int(traits["width"]), "height": int(traits["height"])}
    if traits["is_jpeg"]:
        sampling = max(int(traits["jpeg_subsampling"]), 0)
        quality = max(int(traits["jpeg_quality"]), 1)
        return Recipe(**size, codec="JPEG", quality=quality, subsampling=sampling)
    return Recipe(**size, codec="WEBP" if traits["is_webp"] else "PNG", quality=_GOOD_QUALITY)


STEP: Final = Step(name="artefacts", run=inspect_artefacts, needs=("detector",))
BRIEF: Final = replace(STEP, run=partial(inspect_artefacts, with_control=False, most=2000))
