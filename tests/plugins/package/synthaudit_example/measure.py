"""A measure of single images: how bright they are."""

import numpy as np

from synthaudit import Column, ImageMeasure


def _brightness(pixels: np.ndarray) -> np.ndarray:
    return pixels.reshape(len(pixels), -1).mean(axis=1, keepdims=True) / 255.0


BRIGHTNESS = ImageMeasure(
    measure=_brightness,
    columns=(Column(name="brightness", description="mean of all pixels, 0 black to 1 white"),),
    height=32,
    width=32,
)
