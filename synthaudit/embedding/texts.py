"""Texts to vectors, a portion at a time: a model may be given more than fit at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from synthaudit.arrays import Singles
from synthaudit.embedding.protocol import TextEmbedder

_AT_ONCE: Final = 256


def encode_texts(embedder: TextEmbedder, texts: Sequence[str]) -> Singles:
    """Texts, one or more, to float32 (n, d) with rows of length 1.

    Raises:
        EmbedderError: its tokenizer cannot be had.
    """
    starts = range(0, len(texts), _AT_ONCE)
    return np.concatenate([embedder.encode_text(texts[n : n + _AT_ONCE]) for n in starts])
