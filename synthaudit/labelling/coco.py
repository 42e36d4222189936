"""Boxes and masks in COCO's format (Lin et al. 2014; cocodataset.org/#format-data)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from synthaudit.generation.masks.finding import FoundObject
from synthaudit.generation.masks.geometry import run_lengths
from synthaudit.version import installed_version


@dataclass(frozen=True, kw_only=True)
class LabelledImage:
    """An image and the objects in it.

    Attributes:
        file_name: as the file of labels calls it.
        size: width and height.
        category: what the objects are.
        objects: with boxes and masks.
    """

    file_name: str
    size: tuple[int, int]
    category: str
    objects: Sequence[FoundObject]


def coco(images: Sequence[LabelledImage], description: str) -> dict[str, Any]:
    """The contents of an annotation file: images, categories, and an annotation an object.

    Masks are uncompressed run lengths, boxes left, top, width, height; ids count from 1.
    """
    names = sorted({image.category for image in images})
    number: Mapping[str, int] = {name: position for position, name in enumerate(names, start=1)}
    annotations: list[dict[str, Any]] = []
    for position, image in enumerate(images, start=1):
        annotations += [
            {
                "id": len(annotations) + offset,
                "image_id": position,
                "category_id": number[image.category],
                "bbox": box_of(own),
                "area": int(own.mask.sum()),
                "segmentation": run_lengths(own.mask),
                "iscrowd": 0,
                "score": round(own.score, 6),
            }
            for offset, own in enumerate(image.objects, start=1)
        ]
    return {
        "info": {"description": description, "version": f"synthaudit {installed_version()}"},
        "images": [
            {
                "id": position,
                "file_name": image.file_name,
                "width": image.size[0],
                "height": image.size[1],
            }
            for position, image in enumerate(images, start=1)
        ],
        "categories": [{"id": own, "name": name} for name, own in number.items()],
        "annotations": annotations,
    }


def box_of(own: FoundObject) -> list[float]:
    """Left, top, width, height."""
    left, top, right, bottom = own.box
    return [left, top, right - left, bottom - top]
