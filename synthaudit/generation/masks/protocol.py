"""What finds objects by words, what outlines them, and what both are told and answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from PIL import Image

from synthaudit.arrays import Flags

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, in pixels from the upper left corner of the image."""


@dataclass(frozen=True, kw_only=True)
class Detection:
    """An object that was found.

    Attributes:
        box: where it is.
        score: how sure the detector is, in [0, 1]; no probability, and not comparable between
            detectors.
        mask: (height, width) its outline, of detectors that know it; None of others.
    """

    box: Box
    score: float
    mask: Flags | None = None


@dataclass(frozen=True, kw_only=True)
class Hint:
    """What a segmenter is told of one object: a box, points, or both.

    Attributes:
        box: around it; None where only points are known.
        points: (x, y) in pixels.
        labels: of each point, whether it lies on the object.
    """

    box: Box | None = None
    points: Sequence[tuple[float, float]] = ()
    labels: Sequence[bool] = ()


@dataclass(frozen=True, kw_only=True)
class ModelChoice:
    """Which weights a detector or a segmenter takes, and where it computes.

    Attributes:
        model: a folder or a repository of the hub; None for the usual one.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        local_files_only: never ask a hub.
    """

    model: str | None = None
    device: str = "auto"
    local_files_only: bool = False


class Detector(Protocol):
    """Finds objects by words.

    One with ``usual_threshold`` says by it which scores usually are finds; 0.3 of the others.
    """

    def identity(self) -> str:
        """What decides its answers: its kind and a digest of its weights.

        Raises:
            GeneratorError: they are neither here nor to be had.
        """

    def find(self, image: Image.Image, text: str, *, threshold: float) -> Sequence[Detection]:
        """All objects in an RGB image that a text names, with at least that score, best first."""


class Segmenter(Protocol):
    """Outlines objects."""

    def identity(self) -> str:
        """As of a detector."""

    def outline(self, image: Image.Image, hints: Sequence[Hint]) -> Sequence[Flags]:
        """(height, width) the pixels of each object."""
