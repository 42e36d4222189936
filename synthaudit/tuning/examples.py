"""What a model is taught with: latents of images, read once, and what is drawn of them a step."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageOps

from synthaudit.errors import DataError
from synthaudit.images.collection import ImageEntry
from synthaudit.images.decoding import UnreadableImage, open_rgb
from synthaudit.progress import LOGGER
from synthaudit.tuning.network import Base, refuse_out_of_memory

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class Examples:
    """Images as the autoencoder sees them, and the texts that go with them.

    Attributes:
        means: (N, c, h, w) of the latents, on the CPU.
        spreads: (N, c, h, w) their standard deviations.
        texts: of each.
    """

    means: torch.Tensor
    spreads: torch.Tensor
    texts: Sequence[str]

    def __len__(self) -> int:
        """How many there are."""
        return len(self.texts)

    def draw(self, rows: Sequence[int], generator: torch.Generator) -> torch.Tensor:
        """Latents of some images, drawn as the autoencoder draws them."""
        import torch

        own = torch.as_tensor(list(rows))
        noise = torch.randn(self.means[own].shape, generator=generator)
        return self.means[own] + self.spreads[own] * noise


def read_examples(
    base: Base, entries: Sequence[ImageEntry], texts: Sequence[str], *, max_pixels: int
) -> Examples:
    """Encode images, cut to squares.

    Raises:
        DataError: none can be read.
    """
    import torch

    decoder = base.pipeline.inner.vae
    kind = decoder.dtype
    if kind == torch.float16:
        decoder.to(torch.float32)  # the autoencoder of XL overflows in fp16
    means, spreads, kept = [], [], []
    try:
        for entry, text in zip(entries, texts, strict=True):
            try:
                image = open_rgb(entry.location.read(), max_pixels=max_pixels)
            except (OSError, UnreadableImage) as error:
                LOGGER.warning("%s is left out: %s.", entry.path, error)
                continue
            pixels = _square(image, base.resolution)[None].to(decoder.device, decoder.dtype)
            with torch.no_grad():
                found = decoder.encode(pixels).latent_dist
            means.append(found.mean.float().cpu())
            spreads.append(found.std.float().cpu())
            kept.append(text)
    except torch.OutOfMemoryError as error:
        raise refuse_out_of_memory(base, error) from error
    finally:
        if kind == torch.float16:
            decoder.to(kind)
    if not kept:
        raise DataError("none of the images to learn from can be read: mend them.")
    scale = float(decoder.config.scaling_factor)
    return Examples(means=torch.cat(means) * scale, spreads=torch.cat(spreads) * scale, texts=kept)


def _square(image: Image.Image, edge: int) -> Any:
    import torch

    fitted = ImageOps.fit(image, (edge, edge), Image.Resampling.LANCZOS)
    pixels = np.asarray(fitted, np.float32) / 127.5 - 1.0
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy())


def rows_of_step(count: int, step: int, size: int, seed: int) -> list[int]:
    """Which of ``count`` images a step takes: each once before any is taken again.

    >>> sorted(rows_of_step(4, 0, 2, 7) + rows_of_step(4, 1, 2, 7))
    [0, 1, 2, 3]
    """
    rows = []
    for position in range(step * size, (step + 1) * size):
        epoch, place = divmod(position, count)
        order = np.random.default_rng([seed, epoch]).permutation(count)
        rows.append(int(order[place]))
    return rows


def seed_of_step(seed: int, step: int, part: str) -> int:
    """A seed of its own for each draw of each step, so that a step is the same after a kill."""
    digest = hashlib.sha256(f"{seed}\0{step}\0{part}".encode()).digest()
    return int.from_bytes(digest[:6])
