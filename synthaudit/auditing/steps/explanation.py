"""What the detector sees: which blocks of a descriptor, and which parts of single pictures."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from synthaudit.arrays import Floats, Integers
from synthaudit.auditing.context import Context
from synthaudit.auditing.image_reader import SampleImages
from synthaudit.auditing.step import Step
from synthaudit.auditing.steps.detector import DetectorSection
from synthaudit.auditing.steps.duplicates import DuplicateSection
from synthaudit.embedding.protocol import FileEmbedder
from synthaudit.images.collection import ImageEntry
from synthaudit.images.decoding import Pixels, UnreadableImage, fit_to_frame, open_rgb
from synthaudit.measures.detection.cross_validation import principal_axes
from synthaudit.measures.detection.detector import detect
from synthaudit.measures.detection.occlusion import fit_detector, occlusion
from synthaudit.measures.randomness import sample_rows, stream
from synthaudit.measures.samples import Samples
from synthaudit.result.section import Section

if TYPE_CHECKING:
    import pandas as pd

# More images of a side change neither picture any further.
_LEARNT_FROM: Final = 1000
_LEAST: Final = 20
_PICTURES: Final = 6
_PARTS: Final = 7
_EDGE: Final = 160
_QUALITY: Final = 80


@dataclass(frozen=True, kw_only=True)
class Explained:
    """One picture.

    Attributes:
        row: of the samples.
        grid: (parts, parts) see ``occlusion``.
        picture: as the embedder takes it, as WebP.
    """

    row: int
    grid: Floats = field(repr=False)
    picture: bytes = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class ExplanationSection(Section):
    """What the detector sees.

    Attributes:
        blocks: by block of the descriptor, the AUC of a detector that has this block alone; none
            for embedders without blocks.
        pictures: of the synthetic images that the detector is surest of, what their parts say.
    """

    blocks: Mapping[str, float]
    pictures: Sequence[Explained] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """The blocks, and how many pictures were looked at."""
        return {"explanation": {"blocks": dict(self.blocks), "pictures": len(self.pictures)}}

    def tables(self, samples: Samples) -> Mapping[str, pd.DataFrame]:
        """A row a picture."""
        import pandas as pd

        if not self.pictures:
            return {}
        table = pd.DataFrame(
            {
                "path": [str(samples.paths[own.row]) for own in self.pictures],
                "parts": [own.grid.round(4).ravel().tolist() for own in self.pictures],
                "webp": [own.picture for own in self.pictures],
            }
        )
        return {"explanation": table}


def explain(samples: Samples, context: Context) -> ExplanationSection | None:
    """Look at what gives the synthetic images away; None where nothing does."""
    detection, images = context.section(DetectorSection).detection, context.images
    fewest = min(len(samples.real), len(samples.synthetic))
    if images is None or not detection.outcomes or fewest < _LEAST:
        return None
    context.progress.start("looking at what the detector sees", 0)
    rng = stream(context.settings.seed, "explanation")
    rows = np.concatenate(
        [sample_rows(side, _LEARNT_FROM, rng) for side in (samples.real, samples.synthetic)]
    )
    penalty = float(np.median(detection.outcomes[0].inverse_penalties))
    return ExplanationSection(
        blocks=_blocks(samples.take(rows), images, context),
        pictures=_pictures(samples, rows, context, penalty),
    )


def _blocks(samples: Samples, images: SampleImages, context: Context) -> dict[str, float]:
    blocks: Mapping[str, slice] = getattr(images.reader.embedder, "blocks", {})
    return {
        name: detect(
            samples.on(principal_axes(samples.vectors[:, part])),
            folds=context.settings.folds,
            seed=context.settings.seed,
        ).auc
        for name, part in blocks.items()
    }


def _pictures(
    samples: Samples, rows: Integers, context: Context, penalty: float
) -> list[Explained]:
    images = context.images
    assert images is not None
    sure = context.section(DetectorSection).detection.probability_synthetic
    nearest = context.section(DuplicateSection).found.nearest_real.index[:, 0]
    embedder = images.reader.embedder
    if isinstance(embedder, FileEmbedder) or images.reader.on_workers is not None:
        return []  # what they take is no picture, or is far away
    detector = fit_detector(
        samples.vectors[rows], samples.is_synthetic[rows], inverse_penalty=penalty
    )
    own = samples.synthetic
    surest = own[np.argsort(-sure[own], kind="stable")[:_PICTURES]]
    found = []
    for row in surest.tolist():
        if sure[row] <= 0.5:
            break
        pixels = _read(images, images.synthetic.entries[row - len(images.real.entries)])
        real = _read(images, images.real.entries[nearest[row]]) if nearest[row] >= 0 else None
        if pixels is not None and real is not None:
            grid = occlusion(pixels, real, embedder.encode, detector, parts=_PARTS)
            found.append(Explained(row=row, grid=grid, picture=_as_webp(pixels)))
    return found


def _read(images: SampleImages, entry: ImageEntry) -> Pixels | None:
    """A picture on the embedder's frame; None where it cannot be read any more."""
    frame, settings = images.reader.embedder.frame, images.reader.settings
    try:
        data = entry.location.read()
        return fit_to_frame(open_rgb(data, max_pixels=settings.max_pixels), frame)
    except (OSError, UnreadableImage):
        return None


def _as_webp(pixels: Pixels) -> bytes:
    from PIL import Image

    picture, buffer = Image.fromarray(pixels), io.BytesIO()
    if max(picture.size) > _EDGE:
        picture.thumbnail((_EDGE, _EDGE))
    picture.save(buffer, "WEBP", quality=_QUALITY)
    return buffer.getvalue()


STEP: Final = Step(name="explanation", run=explain, needs=("duplicates", "detector"))
