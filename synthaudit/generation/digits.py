"""The demo's image sets: handwritten digits, and digits drawn from a model fitted on the spot."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from synthaudit.arrays import Floats
from synthaudit.errors import StorageError, UsageError

_MARKER: Final = ".synthaudit-demo"
_REAL_PER_CLASS: Final = 60
_DRAWN_PER_CLASS: Final = 54
_COPIES: Final = 20
_REPEATED: Final = 10
_TIMES: Final = 4
_SIDE: Final = 64


@dataclass(frozen=True, kw_only=True)
class DigitSets:
    """What was written: images on each side, and the faults planted among the synthetic ones."""

    real: int
    synthetic: int
    copies: int
    repeats: int


def write_digit_sets(folder: Path, *, seed: int) -> DigitSets:
    """Write ``real/`` and ``synthetic/`` with a sub-folder for each digit.

    The real images are part of scikit-learn's handwritten digits. The synthetic ones are drawn
    from a Gaussian per class in the principal axes of the other part; some are then replaced by
    real images, slightly brightened, and by repeats of one another, re-encoded.

    Raises:
        UsageError: the folder holds something else.
        StorageError: it cannot be written.
    """
    _clear(folder)
    try:
        return _write(folder, np.random.default_rng(seed))
    except OSError as error:
        raise StorageError(f"the demo cannot be written to {folder}: {error}.") from error


def _clear(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file: give the demo a folder of its own.")
    if folder.exists() and any(folder.iterdir()) and not (folder / _MARKER).exists():
        raise UsageError(f"{folder} holds something else: give the demo an empty folder.")
    for part in ("real", "synthetic", "audit"):
        shutil.rmtree(folder / part, ignore_errors=True)


def _write(folder: Path, rng: np.random.Generator) -> DigitSets:
    from sklearn.datasets import load_digits

    folder.mkdir(parents=True, exist_ok=True)
    (folder / _MARKER).touch()
    digits = load_digits()
    pictures, classes = digits.data / 16.0, digits.target
    synthetic = 0
    for digit in range(10):
        rows = rng.permutation(np.flatnonzero(classes == digit))
        real, rest = pictures[rows[:_REAL_PER_CLASS]], pictures[rows[_REAL_PER_CLASS:]]
        drawn = _draw(rest, _DRAWN_PER_CLASS, rng)
        copies = np.clip(real[: _COPIES // 10] * 1.1, 0.0, 1.0)
        repeats = np.repeat(drawn[: _REPEATED // 10], _TIMES, axis=0)
        repeats = np.clip(repeats + rng.normal(0.0, 0.01, repeats.shape), 0.0, 1.0)
        faked = np.concatenate([drawn, copies, repeats])
        _save(folder / "real" / str(digit), real)
        _save(folder / "synthetic" / str(digit), faked)
        synthetic += len(faked)
    return DigitSets(
        real=10 * _REAL_PER_CLASS,
        synthetic=synthetic,
        copies=_COPIES,
        repeats=_REPEATED * _TIMES,
    )


def _draw(pictures: Floats, count: int, rng: np.random.Generator) -> Floats:
    """Sample a Gaussian fitted to the leading principal axes of some pictures."""
    mean = pictures.mean(axis=0)
    _, spread, axes = np.linalg.svd(pictures - mean, full_matrices=False)
    kept = 20
    deviation = spread[:kept] / np.sqrt(len(pictures) - 1)
    noise = rng.standard_normal((count, kept)) * deviation
    drawn: Floats = np.clip(mean + noise @ axes[:kept], 0.0, 1.0)
    return drawn


def _save(folder: Path, pictures: Floats) -> None:
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(pictures):
        values = np.rint(255.0 * (1.0 - picture)).astype(np.uint8).reshape(8, 8)
        image = Image.fromarray(values).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
        image.save(folder / f"{number:03d}.png")
