"""How far an image prompt is followed: less where it clearly shows its class, more where not.

The adaptive guidance scaling of DALDA (Jung and others, ECCV workshops 2024, arXiv 2409.16949): a
clear reference leaves room for variety, an unclear one would lead the model astray.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from synthaudit.embedding.choice import choose_embedder
from synthaudit.embedding.protocol import TextEmbedder
from synthaudit.errors import EmbedderError, GeneratorError
from synthaudit.generation.jobs import Job
from synthaudit.images.decoding import fit_to_frame
from synthaudit.measures.randomness import stream
from synthaudit.settings import make_settings

if TYPE_CHECKING:
    from PIL import Image

    from synthaudit.generation.references import References

_CLEAR: Final = 0.3
_SCALES_OF_CLEAR: Final = (0.1, 0.4)
_SCALES_OF_UNCLEAR: Final = (0.7, 0.9)
_SPREAD_BY_REFERENCE: Final = 0.05
_MOST_REFERENCES: Final = 16
_SHARPNESS: Final = 100.0


def draw_scale(clip_score: float, references: int, seed: int) -> float:
    """One draw of the scale.

    Args:
        clip_score: how clearly the reference shows its class, in [0, 1].
        references: how many there are of the class; the spread is 0.05 for each, as in the paper,
            which has 16 at most.
        seed: of the image.

    Returns:
        From a normal distribution with mean 1 - ``clip_score`` that is truncated to [0.1, 0.4]
        above a score of 0.3, and to [0.7, 0.9] up to it.
    """
    from scipy.stats import truncnorm

    low, high = _SCALES_OF_CLEAR if clip_score > _CLEAR else _SCALES_OF_UNCLEAR
    mean = 1.0 - clip_score
    spread = _SPREAD_BY_REFERENCE * min(max(references, 1), _MOST_REFERENCES)
    place = stream(seed, "adapter scale").random()
    found = truncnorm.ppf(place, (low - mean) / spread, (high - mean) / spread, mean, spread)
    return float(np.clip(found, low, high))


class AdaptiveScales:
    """Scales of jobs, by a CLIP model that tells the classes of their references.

    Args:
        references: with their classes.
        judge: name of the CLIP embedder.
        local_files_only: never ask a hub for it.
    """

    def __init__(self, references: References, judge: str, *, local_files_only: bool) -> None:
        self._references, self._judge = references, judge
        self._local = local_files_only
        self._scores: dict[tuple[str, str], float] = {}
        self._classes: dict[str, Sequence[str]] = {}
        self._embedder: TextEmbedder | None = None

    def of_job(self, source: str, job: Job) -> float:
        """The scale of a job.

        Args:
            source: where its reference is from.
            job: with the class that is meant, and its seed.

        Raises:
            GeneratorError: there are fewer than two classes, or the judge is not to be had.
        """
        entry = self._references.pick(source, job)
        key = (source, entry.path)
        if key not in self._scores:
            self._scores[key] = self._score(source, job, self._references.decode(entry))
        return draw_scale(
            self._scores[key], len(self._references.of_subject(source, job.subject)), job.seed
        )

    def _score(self, source: str, job: Job, image: Image.Image) -> float:
        """The probability of its class among all, as CLIP tells it from "a photo of a ..."."""
        classes = self._known_classes(source)
        if len(classes) < 2 or job.subject not in classes:
            raise GeneratorError(
                "adapter_scale: adaptive needs references in two class folders or more, to tell "
                "how clearly each shows its class: give a number instead."
            )
        embedder = self._load()
        pixels = fit_to_frame(np.array(image), embedder.frame)
        try:
            texts = embedder.encode_text([f"a photo of a {name}" for name in classes])
        except EmbedderError as error:
            raise GeneratorError(f"adapter_scale: adaptive cannot be used: {error}") from error
        logits = _SHARPNESS * (np.asarray(texts, np.float64) @ embedder.encode(pixels[None])[0])
        weights = np.exp(logits - logits.max())
        return float(weights[classes.index(job.subject)] / weights.sum())

    def _known_classes(self, source: str) -> Sequence[str]:
        if source not in self._classes:
            self._classes[source] = self._references.classes_of(source)
        return self._classes[source]

    def _load(self) -> TextEmbedder:
        if self._embedder is None:
            settings = make_settings({"embedder": self._judge, "offline": self._local})
            try:
                found = choose_embedder(settings)
            except EmbedderError as error:
                reason = str(error).partition(": ")[0].rstrip(".")
                raise GeneratorError(
                    f"adapter_scale: adaptive needs a CLIP model to judge references by, but "
                    f"{reason}: give judge, such as clip:local-dir:FOLDER, or a number."
                ) from error
            if not isinstance(found, TextEmbedder):
                raise GeneratorError(
                    f"judge should be a CLIP embedder, which reads texts, not {self._judge}."
                )
            self._embedder = found
        return self._embedder
