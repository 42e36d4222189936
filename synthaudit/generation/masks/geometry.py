"""Masks as arrays: boxes around them, joined, grown, feathered, and as run lengths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import ndimage

from synthaudit.arrays import Flags, Floats
from synthaudit.generation.masks.protocol import Box


def box_around(mask: Flags) -> Box | None:
    """The smallest box that holds a (height, width) mask; None of an empty one.

    >>> box_around(np.array([[0, 0, 0], [0, 1, 1]], dtype=bool))
    (1.0, 1.0, 3.0, 2.0)
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if len(rows) == 0:
        return None
    left, top = float(columns[0]), float(rows[0])
    return left, top, float(columns[-1]) + 1.0, float(rows[-1]) + 1.0


def box_mask(box: Box, size: tuple[int, int]) -> Flags:
    """(height, width) the pixels whose centres lie in a box, of an image of (width, height)."""
    width, height = size
    across, down = np.arange(width) + 0.5, np.arange(height) + 0.5
    return np.asarray(
        ((down >= box[1]) & (down < box[3]))[:, None]
        & ((across >= box[0]) & (across < box[2]))[None, :]
    )


def overlap(first: Box, second: Box) -> float:
    """Intersection over union of two boxes, 0 (apart) to 1 (the same)."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    shared = max(width, 0.0) * max(height, 0.0)
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (first, second))
    return shared / (areas - shared) if areas > shared else 0.0


def likeness_of_boxes(mask: Flags, boxes: Sequence[Box]) -> float:
    """Intersection over union of what some boxes cover and of the boxes around a mask.

    A mask of several objects apart has several boxes; one object in parts has one: what is more
    alike counts.

    >>> mask = np.zeros((4, 9), dtype=bool)
    >>> mask[:, :2] = mask[:, 7:] = True
    >>> likeness_of_boxes(mask, [(0, 0, 2, 4), (7, 0, 9, 4)])
    1.0
    """
    size = (mask.shape[1], mask.shape[0])
    whole = box_around(mask)
    if whole is None or not boxes:
        return 0.0
    found = np.logical_or.reduce([box_mask(box, size) for box in boxes])
    labels = ndimage.label(mask)[0]
    apart = np.zeros_like(found)
    for part in ndimage.find_objects(labels):
        apart[part] = True
    return max(
        float((found & own).sum() / (found | own).sum()) for own in (apart, box_mask(whole, size))
    )


def distinct(boxes: Sequence[Box], *, most_overlap: float) -> list[int]:
    """Positions of the boxes, best first, that overlap no better one by more than that.

    Detectors name one object many times; see Girshick et al. 2014 on non-maximum suppression.

    >>> distinct([(0, 0, 9, 9), (0, 0, 9, 10), (20, 0, 29, 9)], most_overlap=0.5)
    [0, 2]
    """
    kept: list[int] = []
    for position, box in enumerate(boxes):
        if all(overlap(box, boxes[other]) <= most_overlap for other in kept):
            kept.append(position)
    return kept


def grown(mask: Flags, pixels: int) -> Flags:
    """A mask with all pixels at most so far (Euclidean) from it; below 0 it is shrunk."""
    if pixels == 0 or not mask.any():
        return mask
    if pixels < 0:
        if mask.all():
            return mask
        return np.asarray(ndimage.distance_transform_edt(mask) > -pixels)
    return np.asarray(ndimage.distance_transform_edt(~mask) <= pixels)


def opacity(painted: Flags, feather: int) -> Floats:
    """(height, width) how much of the new picture shows: 0 outside, rising to 1 inside.

    It rises with the distance from the outside, so that no pixel outside is touched.

    Args:
        painted: (height, width) the pixels to paint anew.
        feather: over how many pixels it rises; 0 for a hard edge.

    >>> opacity(np.array([[False, True, True, True]]), 1).round(2).tolist()
    [[0.0, 0.5, 1.0, 1.0]]
    """
    if feather == 0 or painted.all():
        return painted.astype(np.float64)
    distance = np.asarray(ndimage.distance_transform_edt(painted))
    return np.minimum(distance / (feather + 1.0), 1.0)


def run_lengths(mask: Flags) -> dict[str, Any]:
    """A mask as COCO's uncompressed run lengths: column by column, zeros first.

    >>> run_lengths(np.array([[0, 1], [1, 1]], dtype=bool))
    {'size': [2, 2], 'counts': [1, 3]}
    """
    flat = mask.ravel(order="F")
    changes = np.flatnonzero(np.diff(flat)) + 1
    ends = np.concatenate([[0], changes, [len(flat)]])
    counts = np.diff(ends).tolist()
    if len(flat) and flat[0]:
        counts = [0, *counts]
    return {"size": [int(mask.shape[0]), int(mask.shape[1])], "counts": [int(n) for n in counts]}


def of_run_lengths(found: dict[str, Any]) -> Flags:
    """The mask again."""
    height, width = found["size"]
    counts = found["counts"]
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, counts).reshape((height, width), order="F")
