"""A linear image-and-text model: every word is a pattern, a picture the sum of what it shows.

It reads both as a pretrained model would: a text is near to the pictures that show its words.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from synthaudit.arrays import Singles
from synthaudit.images.decoding import Frame, Pixels
from synthaudit.measures.prompts.prompt_words import words_of

GRID = 8
CLASSES = ("frog", "ship", "truck", "horse", "cat")


@cache
def pattern(word: str) -> np.ndarray:
    """(GRID, GRID, 3) of a word: the same everywhere."""
    rng = np.random.default_rng(zlib.crc32(word.encode()))
    return rng.normal(size=(GRID, GRID, 3))


def picture_of(words: Sequence[str], rng: np.random.Generator, noise: float = 12.0) -> Image.Image:
    """A picture of 32 pixels that shows some words."""
    own = sum((pattern(word) for word in words), np.zeros((GRID, GRID, 3)))
    grid = 128.0 + 16.0 * own + noise * rng.normal(size=own.shape)
    large = np.repeat(np.repeat(grid, 4, axis=0), 4, axis=1) + rng.normal(size=(32, 32, 3))
    return Image.fromarray(np.clip(large, 0, 255).astype(np.uint8))


class LinearTextModel:
    """See the module."""

    name = "linear"
    dimension = GRID * GRID * 3
    fingerprint = "linear/1"
    frame = Frame(height=32, width=32)
    device = "cpu"
    batch_size = 64

    def encode(self, pixels: Pixels) -> Singles:
        """What a picture shows, less grey."""
        cells = pixels.reshape(len(pixels), GRID, 4, GRID, 4, 3).mean(axis=(2, 4)) - 128.0
        return _unit(cells.reshape(len(pixels), -1))

    def encode_text(self, texts: Sequence[str]) -> Singles:
        """The sum of the patterns of the words."""
        rows = [sum((pattern(w) for w in words_of(text)), pattern("text")) for text in texts]
        return _unit(np.stack(rows).reshape(len(texts), -1))


def _unit(rows: np.ndarray) -> Singles:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def write_set(
    folder: Path,
    asked: Callable[[int, str, np.random.Generator], tuple[str, Sequence[str]]],
    *,
    seed: int,
    each: int = 40,
    classes: Sequence[str] = CLASSES,
) -> list[dict[str, object]]:
    """Pictures in class folders with a ``metadata.jsonl``: number and class to prompt and words."""
    rng, rows = np.random.default_rng(seed), []
    for name in classes:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(each):
            prompt, words = asked(number, name, rng)
            file = f"{name}/{number:03d}.png"
            picture_of(words, rng).save(folder / file)
            if prompt:
                rows.append({"file_name": file, "text": prompt, "seed": number})
    if rows:
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / "metadata.jsonl").write_text(text)
    return rows
