"""What a plan or a call says of masks: what is looked for, by whom, and what is painted anew."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field, field_validator, model_validator

from synthaudit.generation.jobs import GeneratorOptions
from synthaudit.generation.masks.registry import DETECTORS, SEGMENTERS, TO_BE_ACCEPTED
from synthaudit.registry import Registry, nearest_name

_MOST_PIXELS: Final = 512


class MaskOptions(GeneratorOptions):
    """Where the object of an image is, and what of the image is painted anew.

    Attributes:
        find: what to look for, in words; in a plan, ``{subject}`` stands for the class.
        folder: ready masks instead, white where the object is, named like the images.
        hints: a JSON file with boxes and points of a person; what it says of an image goes before
            what a detector finds.
        paint: what is painted anew; the other is kept.
        margin: pixels by which the object grows before anything is painted; below 0, shrinks.
        feather: pixels over which the new picture fades in, inside of what is painted.
        objects: all that are found ``joined``, the ``largest`` alone, or ``each`` by itself.
        detector: a name, or ``name:FOLDER-or-repository``; likewise the segmenter.
        threshold: scores below it are no finds; None for what is usual with the detector.
        overlap: boxes that share more than this with a better one are the same object.
        most: more objects than this are too many.
        least_share, most_share: of the image that the objects cover together.
        confirm: look for the object again in what was made, and refuse the image where it is not
            found at its place; None does so where the object is painted.
        accept: detectors whose licence is accepted, such as ``sam3``.
    """

    find: str | None = Field(default=None, min_length=1)
    folder: str | None = Field(default=None, min_length=1)
    hints: str | None = Field(default=None, min_length=1)
    paint: Literal["background", "object"] = "background"
    margin: int = Field(default=0, ge=-_MOST_PIXELS, le=_MOST_PIXELS)
    feather: int = Field(default=2, ge=0, le=_MOST_PIXELS)
    objects: Literal["joined", "largest", "each"] = "joined"
    detector: str = "owlv2"
    segmenter: str = "sam2"
    threshold: float | None = Field(default=None, ge=0.0, le=1.0)
    overlap: float = Field(default=0.5, ge=0.0, le=1.0)
    most: int = Field(default=10, ge=1, le=1000)
    least_share: float = Field(default=0.005, ge=0.0, le=1.0)
    most_share: float = Field(default=0.9, gt=0.0, le=1.0)
    confirm: bool | None = None
    accept: list[str] = Field(default_factory=list)

    @field_validator("detector")
    @classmethod
    def _is_a_detector(cls, name: str) -> str:
        return _known(name, DETECTORS)

    @field_validator("segmenter")
    @classmethod
    def _is_a_segmenter(cls, name: str) -> str:
        return _known(name, SEGMENTERS)

    @model_validator(mode="after")
    def _says_where_to_look(self) -> MaskOptions:
        if self.folder is not None and (self.find or self.hints) is not None:
            raise ValueError("masks come from a folder, or are found by find and hints: drop one")
        if self.folder is None and self.find is None and self.hints is None:
            raise ValueError(
                "masks should say what to find, such as '{subject}', or where a person has said "
                "so: add find or hints"
            )
        if self.folder is not None and self.confirm:
            raise ValueError("confirm needs words to look for, which a folder does not give")
        detector = self.detector.partition(":")[0]
        if self.find is not None and detector in TO_BE_ACCEPTED and detector not in self.accept:
            raise ValueError(
                f"detector {detector} has a licence of its own, which has to be accepted: read it, "
                f"then say accept: [{detector}] (on the command line --accept {detector}), or use "
                "another detector"
            )
        if not self.least_share < self.most_share:
            raise ValueError(
                f"least_share should be below most_share, not {self.least_share:g} and "
                f"{self.most_share:g}"
            )
        return self

    @property
    def confirms(self) -> bool:
        """Whether the object is looked for again in what was made."""
        if self.find is None:
            return False
        return self.paint == "object" if self.confirm is None else self.confirm


def _known(name: str, registry: Registry[Any]) -> str:
    kind = name.partition(":")[0]
    if kind not in registry.names:
        raise ValueError(
            f"there is no {registry.kind} {kind!r}; {nearest_name(kind, registry.names)}"
        )
    return name
