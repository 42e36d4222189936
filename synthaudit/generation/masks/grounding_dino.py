"""Grounding DINO: a detector of whatever a text names (Liu et al. 2023)."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from synthaudit.generation.masks.owlv2 import detections
from synthaudit.generation.masks.protocol import Detection, ModelChoice
from synthaudit.generation.masks.transformers_model import TransformersModel

_USUAL = "IDEA-Research/grounding-dino-tiny"


class GroundingDinoDetector:
    """Grounding DINO through transformers.

    Args:
        choice: which weights, and where.
    """

    usual_threshold = 0.3

    def __init__(self, choice: ModelChoice) -> None:
        self._model = TransformersModel(
            "GroundingDinoForObjectDetection", "GroundingDinoProcessor", _USUAL, choice
        )

    def identity(self) -> str:
        """Kind and digest."""
        return self._model.identity()

    def find(self, image: Image.Image, text: str, *, threshold: float) -> Sequence[Detection]:
        """See ``Detector``; the score is the sigmoid of the match of box and likeliest word."""
        processor = self._model.processor
        # The model was taught phrases in small letters that end with a full stop.
        phrase = text.strip().lower().rstrip(".") + "."
        inputs = processor(text=phrase, images=image, return_tensors="pt")
        found = processor.post_process_grounded_object_detection(
            self._model.run(inputs),
            inputs["input_ids"],
            threshold=threshold,
            text_threshold=threshold,
            target_sizes=[(image.height, image.width)],
        )[0]
        return detections(found)
