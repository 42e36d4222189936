"""Labels of images that were made by repainting: known by construction, from their references."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from synthaudit.generation.jobs import Generator, Job
from synthaudit.labelling.coco import LabelledImage, box_of, coco
from synthaudit.result.writing import json_text, write_files

LABELS_FILE: Final = "labels.json"


def labels_of(generator: Generator, jobs: Iterable[tuple[str, Job]]) -> list[LabelledImage]:
    """The objects of images that a generator has made, where it knows them.

    Args:
        generator: one with ``objects(job)`` knows the objects of its images.
        jobs: of each image its path and its job.
    """
    ask = getattr(generator, "objects", None)
    if ask is None:
        return []
    found = []
    for path, job in jobs:
        objects = ask(job)
        if objects:
            height, width = objects[0].mask.shape
            category = job.subject or "object"
            found.append(
                LabelledImage(
                    file_name=path, size=(width, height), category=category, objects=objects
                )
            )
    return found


def write_labels(folder: Path, images: Sequence[LabelledImage], inner: str = "images") -> None:
    """Write ``labels.json``: boxes and masks as COCO; what an earlier run left is replaced.

    Args:
        folder: beside whose images they belong.
        images: with their objects; without any, nothing is left there.
        inner: folder of the images in it.

    Raises:
        StorageError: there is no room.
    """
    if not images:
        (folder / LABELS_FILE).unlink(missing_ok=True)
        return
    shown = [replace(own, file_name=f"{inner}/{own.file_name}") for own in images]
    write_files(folder, {LABELS_FILE: json_text(coco(shown, f"labels of {len(shown)} images"))})


def as_columns(image: LabelledImage | None) -> Mapping[str, Any]:
    """The objects of an image as the library datasets reads them from ``metadata.jsonl``."""
    if image is None:
        return {"bbox": [], "category": []}
    return {
        "bbox": [box_of(own) for own in image.objects],
        "category": [image.category] * len(image.objects),
    }
