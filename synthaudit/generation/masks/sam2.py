"""SAM 2: outlines what a box or points lead to (Ravi et al. 2024)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from synthaudit.arrays import Flags
from synthaudit.generation.masks.protocol import Hint, ModelChoice
from synthaudit.generation.masks.transformers_model import TransformersModel

_USUAL = "facebook/sam2.1-hiera-tiny"


class Sam2Segmenter:
    """SAM 2 through transformers.

    Args:
        choice: which weights, and where.
    """

    def __init__(self, choice: ModelChoice) -> None:
        self._model = TransformersModel("Sam2Model", "Sam2Processor", _USUAL, choice)

    def identity(self) -> str:
        """Kind and digest."""
        return self._model.identity()

    def outline(self, image: Image.Image, hints: Sequence[Hint]) -> Sequence[Flags]:
        """See ``Segmenter``; of the three masks for a point, the one that it trusts most."""
        return [self._outline(image, hint) for hint in hints]

    def _outline(self, image: Image.Image, hint: Hint) -> Flags:
        processor = self._model.processor
        told: dict[str, Any] = {}
        if hint.box is not None:
            told["input_boxes"] = [[list(hint.box)]]
        if hint.points:
            told["input_points"] = [[[list(point) for point in hint.points]]]
            told["input_labels"] = [[[int(label) for label in hint.labels]]]
        inputs = processor(images=image, return_tensors="pt", **told)
        sizes = inputs.pop("original_sizes")
        # A box means one object; a point alone may mean a part of one or the whole.
        is_open = hint.box is None and len(hint.points) == 1
        answer = self._model.run(inputs, multimask_output=is_open)
        best = int(answer.iou_scores[0, 0].argmax())
        masks = processor.post_process_masks(answer.pred_masks.cpu(), sizes)[0]
        return np.asarray(masks[0, best].numpy(), dtype=bool)
