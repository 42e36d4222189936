"""Shapes on noise, and tiny detectors whose forward passes answer with where they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from synthaudit.generation.masks.geometry import box_around


class Planted:
    """Shapes on noise; the forward passes of tiny models answer with the truth.

    What they answer lies in the coordinates of the models: boxes relative to the padded square of
    OWLv2, logits at the low resolution of SAM 2. The way back is that of transformers and ours.
    """

    def __init__(self) -> None:
        self.truth: list[Any] = []
        self.size = (0, 0)
        self.told: list[Any] = []

    def draw(self, rng: np.random.Generator, *, shapes: int = 1) -> Image.Image:
        width, height = (int(side) for side in rng.integers(60, 140, 2))
        noise = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        image = Image.fromarray(noise)
        self.size, self.truth = (width, height), []
        for number in range(shapes):
            wide, high = width // (2 * shapes) - 4, height // 2
            left = 2 + number * (width // shapes) + int(rng.integers(0, 4))
            top = int(rng.integers(2, height - high - 2))
            box = (left, top, left + wide, top + high)
            mask = Image.new("L", image.size)
            if rng.random() < 0.5:
                ImageDraw.Draw(mask).ellipse(box, fill=255)
            else:
                ImageDraw.Draw(mask).rectangle(box, fill=255)
            image.paste((255, 40, 40), mask=mask)
            self.truth.append(np.asarray(mask) > 0)
        return image

    def boxes(self, answer: Any) -> Any:
        """One patch a shape; the others are unsure."""
        import torch

        answer.logits[:] = -6.0
        longest = max(self.size)
        for patch, mask in enumerate(self.truth):
            left, top, right, bottom = box_around(mask) or (0, 0, 0, 0)
            centre = [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top]
            answer.pred_boxes[0, patch] = torch.tensor(centre) / longest
            answer.logits[0, patch] = 3.0 - patch
            # A second box of the same object, a little off, as detectors give.
            answer.pred_boxes[0, 30 + patch] = torch.tensor(centre) / longest + 0.004
            answer.logits[0, 30 + patch] = 1.0
        return answer

    def masks(self, answer: Any, told: Any) -> Any:
        """The shape that a hint lies on, at low resolution."""
        import torch

        low = answer.pred_masks.shape[-2:]
        scale = np.array(self.size) / 128
        if (box := told.get("input_boxes")) is not None:
            left, top, right, bottom = (box[0, 0].numpy().reshape(2, 2) * scale).ravel()
            at = ((left + right) / 2, (top + bottom) / 2)
            self.told.append((left, top, right, bottom))
        else:
            at = tuple(told["input_points"][0, 0, 0].numpy() * scale)
        mask = next(own for own in self.truth if own[int(at[1]), int(at[0])])
        small = Image.fromarray(mask).convert("L").resize(low[::-1], Image.Resampling.BILINEAR)
        answer.pred_masks[:] = torch.tensor(np.asarray(small, np.float32)) / 12.75 - 10.0
        return answer


def plant(monkeypatch: pytest.MonkeyPatch) -> Planted:
    """Models of transformers answer with the truth from here on."""
    import transformers

    own = Planted()
    find, outline = transformers.Owlv2ForObjectDetection.forward, transformers.Sam2Model.forward

    def found(self: Any, **told: Any) -> Any:
        return own.boxes(find(self, **told))

    def outlined(self: Any, **told: Any) -> Any:
        return own.masks(outline(self, **told), told)

    monkeypatch.setattr(transformers.Owlv2ForObjectDetection, "forward", found)
    monkeypatch.setattr(transformers.Sam2Model, "forward", outlined)
    return own
