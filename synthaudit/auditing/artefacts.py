"""The artefact audit: are the sides told apart by their files rather than by their pictures?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from synthaudit.arrays import Flags, Floats, Integers, Vectors
from synthaudit.auditing.context import Workbench
from synthaudit.images.collection import Collection
from synthaudit.images.reencoding import Recipe, reencoded
from synthaudit.images.traits import CONTAINER_TRAITS, TRACE_TRAITS, look_at
from synthaudit.measures.detection.cross_validation import principal_axes
from synthaudit.measures.detection.detector import detect
from synthaudit.measures.detection.file_artefacts import (
    SUSPICIOUS_AUC,
    WITHIN,
    ArtefactAudit,
    audit_artefacts,
)
from synthaudit.measures.randomness import stream

_CONTROL_IMAGES: Final = 1000
_CONTROL_LEAST: Final = 40
_LOOKED_AT: Final = 300
_GOOD_QUALITY: Final = 95
_UNKNOWN: Final = {"width": 224.0, "height": 224.0, "jpeg_quality": 0.0}


@dataclass(frozen=True, kw_only=True)
class Artefacts:
    """The artefact audit of two collections.

    Attributes:
        audit: what file traits alone can tell.
        control_auc: how well the embedder tells real images given the synthetic side's sizes and
            codecs from untouched real images: what the files alone do to the detector. None with
            fewer than 40 real images.
        matched_auc: the detector's own with as many images as the control had, to compare with.
        explains: whether the files alone account for what the detector sees.
    """

    audit: ArtefactAudit
    control_auc: float | None
    matched_auc: float | None
    explains: bool

    def to_dict(self) -> dict[str, Any]:
        """What ``scores.json`` says of the files."""
        audit = self.audit
        return {
            "container_auc": audit.container_auc,
            "trace_auc": audit.trace_auc,
            "auc": audit.auc,
            "control_auc": self.control_auc,
            "matched_auc": self.matched_auc,
            "explains": self.explains,
            "best": [vars(trait) for trait in audit.best],
        }

    def notes(self, detector_auc: float) -> tuple[str, ...]:
        """What a reader must know before believing the detector, in sentences."""
        if not self.explains:
            reached = self.audit.trace_auc
            if reached <= max(SUSPICIOUS_AUC, detector_auc - WITHIN):
                return ()
            note = (
                f"Block frequencies alone tell the sides apart with AUC {reached:.3f}: blur, "
                "upscaling or compression may be much of what the detector sees, or the "
                "generator's own texture."
            )
            return (note,)
        traits = ", ".join(
            f"{trait.name} (real {trait.real:.4g}, synthetic {trait.synthetic:.4g})"
            for trait in self.audit.best[:3]
        )
        reached, own = self.control_auc or 0.0, self.matched_auc or 0.0
        if self.control_auc is None:
            reached, own = self.audit.container_auc, detector_auc
        note = (
            "unrealistic cannot be trusted: size and codec of the files alone are told apart with "
            f"AUC {reached:.3f}, the images with {own:.3f}. They differ in {traits}. Make the "
            "files alike, or use --harmonise."
        )
        return (note,)


def inspect_artefacts(
    sides: tuple[Collection, Collection],
    vectors: Vectors,
    is_synthetic: Flags,
    groups: Integers,
    *,
    detector_auc: float,
    bench: Workbench,
) -> Artefacts | None:
    """Audit the files of both sides.

    Args:
        sides: the real and the synthetic collection, readable images only.
        vectors: (n, d) their embeddings.
        is_synthetic: (n,) the side of each.
        groups: (n,) clusters that no fold cuts.
        detector_auc: of the detector on the embeddings.
        bench: what reading needs.

    Returns:
        ``Artefacts``; None when the traits of some image cannot be read after all.
    """
    parts = [bench.read_traits(side) for side in sides]
    traits = np.concatenate(parts).astype(np.float64)
    if len(traits) != len(vectors):
        return None
    container, traces = np.split(traits, [len(CONTAINER_TRAITS)], axis=1)
    audit = audit_artefacts(
        container,
        traces,
        is_synthetic,
        groups,
        container_names=CONTAINER_TRAITS,
        trace_names=TRACE_TRAITS,
        detector_auc=detector_auc,
        folds=bench.settings.folds,
        seed=bench.settings.seed,
    )
    control = _control(sides[0], vectors, is_synthetic, container, bench)
    if control is None:
        return Artefacts(audit=audit, control_auc=None, matched_auc=None, explains=audit.explains)
    reached, matched = control
    return Artefacts(
        audit=audit,
        control_auc=reached,
        matched_auc=matched,
        explains=reached > max(SUSPICIOUS_AUC, matched - WITHIN),
    )


def common_recipe(sides: tuple[Collection, Collection], *, max_pixels: int) -> Recipe:
    """A size and a quality that neither side exceeds, so that neither can be told by them.

    A square as large as the smaller of the sides' median shorter edges, JPEG at the lower of their
    median qualities.
    """
    edges, qualities = [], []
    for side in sides:
        found = look_at(side, _LOOKED_AT) or [_UNKNOWN]
        edges.append(np.median([min(f["width"], f["height"]) for f in found]))
        quality = [f["jpeg_quality"] or _GOOD_QUALITY for f in found]
        qualities.append(min(np.median(quality), _GOOD_QUALITY))
    edge = max(int(min(edges)), 8)
    edge = min(edge, int(max_pixels**0.5))
    return Recipe(width=edge, height=edge, codec="JPEG", quality=int(min(qualities)))


def harmonised(
    sides: tuple[Collection, Collection], *, workers: int | None, max_pixels: int
) -> tuple[tuple[Collection, Collection], Recipe]:
    """Both collections with every image at one size and codec, and the recipe."""
    recipe = common_recipe(sides, max_pixels=max_pixels)
    first, second = (
        reencoded(side, [recipe] * len(side.entries), workers=workers, max_pixels=max_pixels)
        for side in sides
    )
    return (first, second), recipe


def _control(
    real: Collection,
    vectors: Vectors,
    is_synthetic: Flags,
    container: Floats,
    bench: Workbench,
) -> tuple[float, float] | None:
    """AUC of treated against untouched real images, and of as many synthetic ones.

    No image is both treated and untouched, so nothing but the treatment is to be found.
    """
    real_vectors, fakes = vectors[~is_synthetic], vectors[is_synthetic]
    count = min(len(real.entries), 2 * len(fakes), _CONTROL_IMAGES)
    if count < _CONTROL_LEAST:
        return None
    settings = bench.settings
    rng = stream(settings.seed, "control")
    rows = rng.permutation(len(real.entries))[:count]
    treated, untouched = np.sort(rows[: count // 2]), np.sort(rows[count // 2 :])
    models = rng.permutation(len(fakes))[: len(treated)]
    part = replace(
        real, name="the control", entries=[real.entries[row] for row in treated], unreadable=()
    )
    recipes = _pair_up(container[~is_synthetic][treated], container[is_synthetic][models])
    found = bench.extract(
        reencoded(part, recipes, workers=settings.workers, max_pixels=settings.max_pixels)
    )
    if len(found.kept) < len(treated):
        return None

    def reach(others: Vectors) -> float:
        both = np.concatenate([real_vectors[untouched], others])
        is_other = np.arange(len(both)) >= len(untouched)
        alone = np.full(len(both), -1)
        axes = principal_axes(both)
        return detect(
            axes, is_other, alone, folds=settings.folds, repeats=3, seed=settings.seed
        ).auc

    return reach(found.vectors), reach(fakes[models])


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
