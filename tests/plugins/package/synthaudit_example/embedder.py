"""An embedder: the mean colours of a grid of cells."""

import numpy as np

from synthaudit import EmbedderError, Frame, Settings


class Colours:
    """Mean colours of ``cells`` x ``cells`` parts of a picture."""

    device = "cpu"
    batch_size = 64

    def __init__(self, cells: int) -> None:
        self.cells = cells
        self.name = f"colours:{cells}"
        self.fingerprint = f"colours/{cells}/v1"
        self.dimension = 3 * cells * cells + 1
        self.frame = Frame(height=8 * cells, width=8 * cells)

    def encode(self, pixels: np.ndarray) -> np.ndarray:
        """uint8 (B, height, width, 3) to float32 (B, d), rows of length 1."""
        parts = pixels.reshape(len(pixels), self.cells, 8, self.cells, 8, 3)
        means = parts.mean(axis=(2, 4)).reshape(len(pixels), -1) / 127.5 - 1.0
        # A number that is never 0, so that a grey picture has a direction too.
        rows = np.concatenate([means, np.full((len(pixels), 1), 0.1)], axis=1)
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def make_colours(argument: str, settings: Settings) -> Colours:
    """``--embedder colours`` or ``--embedder colours:CELLS``."""
    if argument and not argument.isdigit():
        raise EmbedderError(f"colours:CELLS should have a number of cells, not {argument!r}.")
    return Colours(int(argument or 4))
