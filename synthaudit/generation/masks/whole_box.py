"""The box itself as the outline: needs no weights, and paints more than the object."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from synthaudit.arrays import Flags
from synthaudit.errors import GeneratorError
from synthaudit.generation.masks.geometry import box_mask
from synthaudit.generation.masks.protocol import Hint, ModelChoice


class WholeBox:
    """Everything in the box.

    Args:
        choice: of no account.
    """

    def __init__(self, choice: ModelChoice) -> None:
        self._choice = choice

    def identity(self) -> str:
        """Always the same."""
        return "box"

    def outline(self, image: Image.Image, hints: Sequence[Hint]) -> Sequence[Flags]:
        """See ``Segmenter``.

        Raises:
            GeneratorError: only points are known.
        """
        if any(hint.box is None for hint in hints):
            raise GeneratorError("segmenter box needs boxes, not points alone: use sam2.")
        return [
            np.zeros((image.height, image.width), dtype=bool)
            if hint.box is None
            else box_mask(hint.box, image.size)
            for hint in hints
        ]
