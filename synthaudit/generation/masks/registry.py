"""Detectors and segmenters by name: a line each, a file each; other packages add theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from synthaudit.errors import PlanError
from synthaudit.generation.masks.protocol import Detector, ModelChoice, Segmenter
from synthaudit.registry import Registry

DETECTORS: Final[Registry[Callable[[ModelChoice], Detector]]] = Registry(
    "detector",
    "synthaudit.detectors",
    {
        "owlv2": "synthaudit.generation.masks.owlv2:Owlv2Detector",
        "grounding-dino": "synthaudit.generation.masks.grounding_dino:GroundingDinoDetector",
        "sam3": "synthaudit.generation.masks.sam3:Sam3Detector",
    },
    error=PlanError,
)
"""Factories: which weights, to a detector."""

SEGMENTERS: Final[Registry[Callable[[ModelChoice], Segmenter]]] = Registry(
    "segmenter",
    "synthaudit.segmenters",
    {
        "sam2": "synthaudit.generation.masks.sam2:Sam2Segmenter",
        "box": "synthaudit.generation.masks.whole_box:WholeBox",
    },
    error=PlanError,
)
"""Factories: which weights, to a segmenter."""

LICENCES: Final = {
    "owlv2": "google/owlv2-base-patch16-ensemble, Apache 2.0",
    "grounding-dino": "IDEA-Research/grounding-dino-tiny, Apache 2.0",
    "sam3": "facebook/sam3, SAM License: to be accepted",
    "sam2": "facebook/sam2.1-hiera-tiny, Apache 2.0",
    "box": "needs no weights",
}
"""What each takes unless other weights are named, and under which licence that is."""

TO_BE_ACCEPTED: Final = frozenset({"sam3"})
"""Whose licence is no free one: they are used once the user says that it is accepted."""
