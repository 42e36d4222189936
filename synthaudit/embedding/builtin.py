"""The ``builtin`` embedder: a hand-made, weightless image descriptor that sees style, not meaning.

Five blocks, each scaled to unit length and weighted, joined and scaled again. The cosine of two
descriptors is led by colour layout and gradients, which survive re-encoding, resizing and mild
edits; the standardising detector weighs all blocks alike and so also sees the forensic ones
(spectrum and residuals), where generators leave traces.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

import numpy as np

from synthaudit.arrays import Singles
from synthaudit.errors import EmbedderError
from synthaudit.images.decoding import Frame, Pixels
from synthaudit.settings import Settings

Array = Singles

VERSION: Final = 1
"""Part of the fingerprint: raise it whenever a number of the descriptor changes."""

_SIDE: Final = 64
_CELLS: Final = 8
_ORIENTATIONS: Final = 8
_SPECTRUM_BINS: Final = 45
_COLOUR_LEVELS: Final = 4
_RESIDUAL_THRESHOLDS: Final = (0.004, 0.012, 0.04)
_WEIGHTS: Final = {
    "layout": 1.0,
    "gradients": 1.0,
    "histogram": 0.5,
    "spectrum": 0.25,
    "residuals": 0.25,
}
_BATCH: Final = 256
# Bounded working memory, and planes that stay in the processor's cache.
_CHUNK: Final = 16


def make_builtin(argument: str, settings: Settings) -> BuiltinEmbedder:
    """``builtin``.

    Raises:
        EmbedderError: something follows the name.
    """
    if argument:
        raise EmbedderError(f"there is no embedder 'builtin:{argument}': builtin takes nothing.")
    return BuiltinEmbedder(batch_size=settings.batch_size)


class BuiltinEmbedder:
    """Deterministic descriptor of 897 numbers; no weights, no randomness, no device.

    Each image is described on its own, so a vector does not depend on its batch.

    Args:
        batch_size: how many images to take at once; None for a size that suits.
    """

    name = "builtin"
    dimension = 192 + 512 + _COLOUR_LEVELS**3 + _SPECTRUM_BINS + 84
    fingerprint = f"builtin/v{VERSION}"
    blocks: ClassVar[Mapping[str, slice]] = {
        "colour layout": slice(0, 192),
        "outlines": slice(192, 704),
        "colours": slice(704, 768),
        "coarse to fine texture": slice(768, 813),
        "noise": slice(813, 897),
    }
    """What each part of a vector describes, in words."""
    frame = Frame(height=_SIDE, width=_SIDE, fit="shortest", interpolation="bicubic")
    device = "cpu"

    def __init__(self, *, batch_size: int | None = None) -> None:
        self.batch_size = batch_size or _BATCH

    def encode(self, pixels: Pixels) -> Array:
        """Describe a batch: uint8 (B, 64, 64, 3) to float32 (B, 897), rows of length 1."""
        if len(pixels) == 0:
            return np.empty((0, self.dimension), np.float32)
        chunks = [
            _describe(pixels[start : start + _CHUNK]) for start in range(0, len(pixels), _CHUNK)
        ]
        return np.concatenate(chunks)


def _describe(pixels: Pixels) -> Array:
    luma, blue, red = _to_ycc(pixels)
    blocks = {
        "layout": _colour_layout(luma, blue, red),
        "gradients": _gradient_histograms(luma),
        "histogram": _colour_histogram(pixels),
        "spectrum": _radial_spectrum(luma),
        "residuals": np.concatenate(
            [_residual_statistics(plane) for plane in (luma, blue, red)], axis=1
        ),
    }
    joined = [np.float32(_WEIGHTS[name]) * _to_unit(block) for name, block in blocks.items()]
    return _to_unit(np.concatenate(joined, axis=1))


def _to_unit(rows: Array) -> Array:
    length = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))[:, None]
    unit: Array = (rows / np.maximum(length, 1e-12)).astype(np.float32)
    return unit


def _to_ycc(pixels: Pixels) -> tuple[Array, Array, Array]:
    """Luma in [0, 1] and the two colour differences of JPEG (BT.601), each (B, 64, 64)."""
    red, green, blue = (pixels[..., c].astype(np.float32) / np.float32(255) for c in range(3))
    luma = np.float32(0.299) * red + np.float32(0.587) * green + np.float32(0.114) * blue
    return luma, (blue - luma) * np.float32(0.564), (red - luma) * np.float32(0.713)


def _colour_layout(*planes: Array) -> Array:
    """Mean colour of 8 x 8 blocks: (B, 192).

    Luma is centred on the image's own mean: a brighter copy keeps its layout, and a white backdrop
    does not make all product photos alike.
    """
    step = _SIDE // _CELLS
    means = [
        plane.reshape(len(plane), _CELLS, step, _CELLS, step).mean(axis=(2, 4)) for plane in planes
    ]
    means[0] = means[0] - means[0].mean(axis=(1, 2), keepdims=True)
    return np.stack(means, axis=-1).reshape(len(planes[0]), -1)


def _gradient_histograms(luma: Array) -> Array:
    """Oriented gradients in 8 x 8 cells, each normalised by its 3 x 3 neighbours: (B, 512).

    After Dalal and Triggs, Histograms of oriented gradients for human detection, CVPR 2005.
    """
    count = len(luma)
    dx, dy = np.zeros_like(luma), np.zeros_like(luma)
    dx[:, :, 1:-1] = luma[:, :, 2:] - luma[:, :, :-2]
    dy[:, 1:-1] = luma[:, 2:] - luma[:, :-2]
    magnitude = np.sqrt(dx * dx + dy * dy)
    angle = np.arctan2(dy, dx) * np.float32(_ORIENTATIONS / np.pi) + np.float32(_ORIENTATIONS)
    lower = angle.astype(np.int32)
    upper_share = angle - lower
    position = np.arange(_SIDE) // (_SIDE // _CELLS)
    cell = (position[:, None] * _CELLS + position).astype(np.int32)
    base = (np.arange(count, dtype=np.int32)[:, None, None] * _CELLS**2 + cell) * _ORIENTATIONS
    bins = count * _CELLS**2 * _ORIENTATIONS
    upper_weight = magnitude * upper_share
    first = base + lower % _ORIENTATIONS
    second = base + (lower + 1) % _ORIENTATIONS
    histogram = np.bincount(first.ravel(), (magnitude - upper_weight).ravel(), bins)
    histogram += np.bincount(second.ravel(), upper_weight.ravel(), bins)
    cells = histogram.reshape(count, _CELLS, _CELLS, _ORIENTATIONS)
    energy = np.pad(np.square(cells).sum(-1), ((0, 0), (1, 1), (1, 1)), mode="edge")
    around = sum(
        energy[:, i : i + _CELLS, j : j + _CELLS] for i in range(3) for j in range(3)
    ) / np.float64(9)
    normalised = np.minimum(cells / np.sqrt(around + 0.1)[..., None], 0.6)
    return normalised.reshape(count, -1).astype(np.float32)


def _colour_histogram(pixels: Pixels) -> Array:
    """Square root (Hellinger) of the joint histogram of 4 x 4 x 4 colours: (B, 64)."""
    count, bins = len(pixels), _COLOUR_LEVELS**3
    quantised = (pixels >> 6).astype(np.int32)
    code = quantised[..., 0] * 16 + quantised[..., 1] * 4 + quantised[..., 2]
    code += (np.arange(count, dtype=np.int32) * bins)[:, None, None]
    histogram = np.bincount(code.ravel(), minlength=count * bins).reshape(count, bins)
    return np.sqrt(histogram / float(_SIDE**2)).astype(np.float32)


def _radial_spectrum(luma: Array) -> Array:
    """Mean log power at each spatial frequency of the windowed luma: (B, 45).

    Upsampling in generators leaves its mark here: Durall, Keuper and Keuper, CVPR 2020.
    """
    window = np.hanning(_SIDE).astype(np.float32)
    centred = (luma - luma.mean(axis=(1, 2), keepdims=True)) * (window[:, None] * window)
    spectrum = np.fft.rfft2(centred)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    rows, columns = np.fft.fftfreq(_SIDE)[:, None], np.fft.rfftfreq(_SIDE)[None]
    ring = np.minimum(np.hypot(rows, columns) * _SIDE, _SPECTRUM_BINS).astype(np.int64)
    bins = _SPECTRUM_BINS + 1
    index = (ring.ravel() + bins * np.arange(len(luma))[:, None]).ravel()
    total = np.bincount(index, power.ravel(), bins * len(luma)).reshape(len(luma), bins)
    mean = total / np.bincount(ring.ravel(), minlength=bins)
    return np.log10(mean[:, 1:] + 1e-4).astype(np.float32)


def _residual_statistics(plane: Array) -> Array:
    """Shape of four high-pass residuals, which hold noise and resampling traces: (B, 28).

    The filters are the simplest of Fridrich and Kodovsky, Rich models for steganalysis, 2012.
    """
    right, below = plane[:, :, 1:] - plane[:, :, :-1], plane[:, 1:] - plane[:, :-1]
    horizontal = right[:, :, 1:] - right[:, :, :-1]
    vertical = below[:, 1:] - below[:, :-1]
    diagonal = below[:, :, 1:] - below[:, :, :-1]
    laplacian = horizontal[:, 1:-1] + vertical[:, :, 1:-1]
    return np.concatenate(
        [_moments(np.ascontiguousarray(r)) for r in (horizontal, vertical, diagonal, laplacian)],
        axis=1,
    )


def _moments(residual: Array) -> Array:
    values = residual.reshape(len(residual), -1)
    size = values.shape[1]
    absolute, square = np.abs(values), values * values
    mean = absolute.sum(axis=1) / size + np.float32(1e-6)
    deviation = np.sqrt(square.sum(axis=1) / size) + np.float32(1e-6)
    third = np.einsum("ij,ij->i", square, values) / size / deviation**3
    fourth = np.einsum("ij,ij->i", square, square) / size / deviation**4
    small = [np.count_nonzero(absolute < t, axis=1) / size for t in _RESIDUAL_THRESHOLDS]
    columns = [
        np.log10(deviation + 1e-4),
        mean / deviation,
        third,
        np.log(fourth + 1e-3),
        *small,
    ]
    return np.stack(columns, axis=1).astype(np.float32)
