"""SAM 3: finds what a text names and outlines it at once (Meta 2025); its licence is its own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from synthaudit.generation.masks.protocol import Detection, ModelChoice
from synthaudit.generation.masks.transformers_model import TransformersModel

_USUAL = "facebook/sam3"


class Sam3Detector:
    """SAM 3 through transformers, for who has accepted its licence.

    Args:
        choice: which weights, and where.
    """

    usual_threshold = 0.5

    def __init__(self, choice: ModelChoice) -> None:
        self._model = TransformersModel("Sam3Model", "Sam3Processor", _USUAL, choice)

    def identity(self) -> str:
        """Kind and digest."""
        return self._model.identity()

    def find(self, image: Image.Image, text: str, *, threshold: float) -> Sequence[Detection]:
        """See ``Detector``; what it finds comes with its outline."""
        processor = self._model.processor
        inputs = processor(images=image, text=text, return_tensors="pt")
        sizes = inputs["original_sizes"].tolist()
        found = processor.post_process_instance_segmentation(
            self._model.run(inputs), threshold=threshold, target_sizes=sizes
        )[0]
        own = [
            Detection(
                box=tuple(box), score=float(score), mask=np.asarray(mask.cpu().numpy(), dtype=bool)
            )
            for box, score, mask in zip(
                found["boxes"].tolist(), found["scores"].tolist(), found["masks"], strict=True
            )
        ]
        return sorted(own, key=lambda each: -each.score)
