"""From an image and words to the objects in it: detected, outlined, and kept for the next time."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from synthaudit.arrays import Flags
from synthaudit.generation.masks.geometry import (
    box_around,
    box_mask,
    distinct,
    of_run_lengths,
    run_lengths,
)
from synthaudit.generation.masks.hints import HintedObject, read_hints
from synthaudit.generation.masks.options import MaskOptions
from synthaudit.generation.masks.protocol import (
    Box,
    Detection,
    Detector,
    Hint,
    ModelChoice,
    Segmenter,
)
from synthaudit.generation.masks.registry import DETECTORS, SEGMENTERS
from synthaudit.leftovers import draft_prefix

_OTHERWISE_USUAL: Final = 0.3
_FORMAT: Final = 1
_REMEMBERED: Final = 256


@dataclass(frozen=True, kw_only=True)
class FoundObject:
    """An object in an image.

    Attributes:
        box: around its mask.
        mask: (height, width) its pixels.
        score: of the detector; 1 where a person said so.
    """

    box: Box
    mask: Flags
    score: float


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What is in an image.

    Attributes:
        objects: best first; joined or one alone as the options say.
        found: how many there were before.
        share: of the image that they cover together.
        why: why they are of no use (nothing found, or too much); None where they are of use.
    """

    objects: Sequence[FoundObject]
    found: int
    share: float
    why: str | None = None


class ObjectFinder:
    """Finds the objects of images, and remembers them.

    Args:
        options: what to look for, and by whom; those of what is painted are of no account here.
        device: where the models compute.
        local_files_only: never ask a hub.
        kept: folder in which finds are kept; None to keep none.
    """

    def __init__(
        self,
        options: MaskOptions,
        *,
        device: str = "auto",
        local_files_only: bool = False,
        kept: Path | None = None,
    ) -> None:
        self.options = options
        self._kept = kept
        self._choice = ModelChoice(device=device, local_files_only=local_files_only)
        self._models: dict[str, Any] = {}
        self._known: dict[str, Finding] = {}
        self._hints: Mapping[str, Sequence[HintedObject]] = (
            {} if options.hints is None else read_hints(options.hints)
        )

    def identity(self) -> dict[str, Any]:
        """What decides the finds, besides the image and a person's hints."""
        return self._deciding(self.options.find)

    def find(self, image: Image.Image, path: str, text: str | None = None) -> Finding:
        """The objects of an image.

        Args:
            image: upright, RGB.
            path: of the image, under which a person's hints speak of it.
            text: what to look for; None for what the options say.

        Raises:
            GeneratorError: a model is not to be had, or fails.
        """
        words = text or self.options.find
        hints = [own.model_dump() for own in self._hints.get(path, ())]
        if words is None and not hints:
            return Finding(objects=(), found=0, share=0.0, why="no hint speaks of it")
        asked = {"words": words, "hints": hints, **self._deciding(words)}
        digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode())
        digest.update(f"{image.size}".encode())
        digest.update(image.tobytes())
        key = digest.hexdigest()
        if key not in self._known:
            found = self._read(key)
            if found is None:
                found = self._look(image, words, self._hints.get(path, ()))
                self._write(key, found)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = found
        return self._known[key]

    def detect(self, image: Image.Image, text: str) -> Sequence[Detection]:
        """What the detector finds, each object once."""
        usual = getattr(self._detector, "usual_threshold", _OTHERWISE_USUAL)
        threshold = usual if self.options.threshold is None else self.options.threshold
        found = [
            own
            for own in self._detector.find(image, text, threshold=threshold)
            if own.score >= threshold
        ]
        inside = [(_clipped(own.box, image.size), own) for own in found]
        inside = [(box, own) for box, own in inside if box[0] < box[2] and box[1] < box[3]]
        kept = distinct([box for box, _ in inside], most_overlap=self.options.overlap)
        return [
            Detection(box=inside[n][0], score=inside[n][1].score, mask=inside[n][1].mask)
            for n in kept
        ]

    def _look(
        self, image: Image.Image, words: str | None, hints: Sequence[HintedObject]
    ) -> Finding:
        objects = self._outlined(image, self._detections(image, words, hints), hints)
        apart = [_clipped_box(own, image.size) for own in hints if own.label == 0]
        if apart:
            objects = [
                (mask & ~np.logical_or.reduce([box_mask(box, image.size) for box in apart]), score)
                for mask, score in objects
            ]
        return self._judged([(mask, score) for mask, score in objects if mask.any()], image.size)

    def _detections(
        self, image: Image.Image, words: str | None, hints: Sequence[HintedObject]
    ) -> Sequence[Detection]:
        """None where a person says where the object is: that goes before."""
        if words is None or any(own.label == 1 for own in hints):
            return ()
        return self.detect(image, words)

    def _outlined(
        self, image: Image.Image, found: Sequence[Detection], hints: Sequence[HintedObject]
    ) -> list[tuple[Flags, float]]:
        told = [Hint(box=own.box) for own in found if own.mask is None]
        told += [
            Hint(
                box=None if own.box is None else _clipped_box(own, image.size),
                points=[(point[0], point[1]) for point in own.points],
                labels=[point[2] == 1 for point in own.points],
            )
            for own in hints
            if own.label == 1
        ]
        masks = iter(self._segmenter.outline(image, told) if told else ())
        objects = [(next(masks) if own.mask is None else own.mask, own.score) for own in found]
        return objects + [(mask, 1.0) for mask in masks]

    def _judged(self, objects: list[tuple[Flags, float]], size: tuple[int, int]) -> Finding:
        """Joined or apart, and whether they are of use."""
        options = self.options
        union = np.zeros((size[1], size[0]), dtype=bool)
        for mask, _ in objects:
            union |= mask
        share, count = float(union.mean()), len(objects)
        why = None
        if not objects:
            why = "nothing was found"
        elif count > options.most:
            why = f"{count} objects were found, more than most ({options.most})"
        elif options.objects == "largest":
            objects = [max(objects, key=lambda own: int(own[0].sum()))]
            union = objects[0][0]
            share = float(union.mean())
        why = why or why_share(share, options)
        if options.objects == "joined" and objects:
            objects = [(union, max(score for _, score in objects))]
        return Finding(
            objects=[
                FoundObject(box=box, mask=mask, score=score)
                for mask, score in objects
                if (box := box_around(mask)) is not None
            ],
            found=count,
            share=share,
            why=why,
        )

    @property
    def _detector(self) -> Detector:
        found: Detector = self._model(self.options.detector, DETECTORS)
        return found

    @property
    def _segmenter(self) -> Segmenter:
        found: Segmenter = self._model(self.options.segmenter, SEGMENTERS)
        return found

    def _model(self, called: str, registry: Any) -> Any:
        key = f"{registry.kind} {called}"
        if key not in self._models:
            name, _, model = called.partition(":")
            choice = ModelChoice(
                model=model or None,
                device=self._choice.device,
                local_files_only=self._choice.local_files_only,
            )
            with registry.blaming(name):
                self._models[key] = registry.load(name)(choice)
        return self._models[key]

    def _deciding(self, words: str | None) -> dict[str, Any]:
        options = self.options
        own: dict[str, Any] = {
            "format": _FORMAT,
            **options.model_dump(
                include={"objects", "threshold", "overlap", "most", "least_share", "most_share"}
            ),
        }
        if words is not None:
            own["detector"] = self._once("detector", self._detector.identity)
        own["segmenter"] = self._once("segmenter", self._segmenter.identity)
        return own

    def _once(self, name: str, ask: Any) -> str:
        key = f"identity of {name}"
        if key not in self._models:
            self._models[key] = ask()
        return str(self._models[key])

    def _read(self, key: str) -> Finding | None:
        if self._kept is None:
            return None
        try:
            told = json.loads((self._kept / key[:2] / f"{key}.json").read_text("utf-8"))
            return Finding(
                objects=[
                    FoundObject(
                        box=tuple(own["box"]), mask=of_run_lengths(own["mask"]), score=own["score"]
                    )
                    for own in told["objects"]
                ],
                found=told["found"],
                share=told["share"],
                why=told["why"],
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None  # not there yet, or cut short by a full disk: it is found anew

    def _write(self, key: str, found: Finding) -> None:
        """Keep a find; a disk that is full keeps none, which costs time alone."""
        if self._kept is None:
            return
        told = {
            "objects": [
                {"box": list(own.box), "mask": run_lengths(own.mask), "score": own.score}
                for own in found.objects
            ],
            "found": found.found,
            "share": found.share,
            "why": found.why,
        }
        folder = self._kept / key[:2]
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            draft = folder / f"{draft_prefix()}{key}"
            try:
                draft.write_text(json.dumps(told), encoding="utf-8")
                os.replace(draft, folder / f"{key}.json")
            finally:
                draft.unlink(missing_ok=True)


def why_share(share: float, options: MaskOptions) -> str | None:
    """Why so large a share of an image is of no use; None where it is of use."""
    if share < options.least_share:
        return f"only {share:.2%} of it is the object, less than least_share"
    if share > options.most_share:
        return f"{share:.0%} of it is the object, more than most_share"
    return None


def _clipped(box: Box, size: tuple[int, int]) -> Box:
    width, height = size
    left, top, right, bottom = box
    return max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height))


def _clipped_box(own: HintedObject, size: tuple[int, int]) -> Box:
    assert own.box is not None
    return _clipped((own.box[0], own.box[1], own.box[2], own.box[3]), size)
