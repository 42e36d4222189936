"""OWLv2: a detector of whatever a text names (Minderer, Gritsenko, Houlsby 2023)."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from synthaudit.errors import GeneratorError
from synthaudit.generation.masks.protocol import Detection, ModelChoice
from synthaudit.generation.masks.transformers_model import TransformersModel

_USUAL = "google/owlv2-base-patch16-ensemble"


class Owlv2Detector:
    """OWLv2 through transformers.

    Args:
        choice: which weights, and where.
    """

    usual_threshold = 0.2

    def __init__(self, choice: ModelChoice) -> None:
        self._model = TransformersModel("Owlv2ForObjectDetection", "Owlv2Processor", _USUAL, choice)

    def identity(self) -> str:
        """Kind and digest."""
        return self._model.identity()

    def find(self, image: Image.Image, text: str, *, threshold: float) -> Sequence[Detection]:
        """See ``Detector``; the score is the sigmoid of the match of box and text."""
        processor = self._model.processor
        most = processor.tokenizer.model_max_length
        if len(processor.tokenizer(text)["input_ids"]) > most:
            raise GeneratorError(
                f"OWLv2 reads {most} tokens, which {text!r} exceeds: say it in fewer words."
            )
        inputs = processor(text=[[text]], images=image, return_tensors="pt")
        found = processor.post_process_grounded_object_detection(
            self._model.run(inputs),
            threshold=threshold,
            target_sizes=[(image.height, image.width)],
        )[0]
        return detections(found)


def detections(found: dict[str, object]) -> list[Detection]:
    """The boxes and scores that the processors of transformers give, best first."""
    boxes, scores = found["boxes"].tolist(), found["scores"].tolist()  # type: ignore[attr-defined]
    own = [Detection(box=tuple(b), score=float(s)) for b, s in zip(boxes, scores, strict=True)]
    return sorted(own, key=lambda each: -each.score)
