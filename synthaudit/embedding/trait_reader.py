"""File traits by the road of the vectors, so that they are cached, parallel and refused alike."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from synthaudit.images.traits import TRACE_FRAME, TRAITS, TRAITS_VERSION


class TraitReader:
    """An embedder whose vectors are the traits that ``trait_chunk`` has already read."""

    name = "traits"
    dimension = len(TRAITS)
    fingerprint = f"traits/v{TRAITS_VERSION}"
    frame = TRACE_FRAME
    device = "cpu"
    batch_size = 256

    def encode(self, pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Hand on the traits (B, d)."""
        return np.asarray(pixels, np.float32)
