"""Whether an embedder of another package, or of the caller, keeps to what it promises."""

from __future__ import annotations

import inspect
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

import numpy as np

from synthaudit.arrays import Singles
from synthaudit.embedding.protocol import Embedder
from synthaudit.errors import EmbedderError, blaming
from synthaudit.images.decoding import Frame

_OURS: Final = __name__.partition(".")[0]
MEMBERS: Final = ("name", "dimension", "fingerprint", "frame", "device", "batch_size", "encode")
"""What an embedder cannot do without."""


def verify_embedder(given: Any) -> Embedder:
    """The embedder, if its members are what ``Embedder`` says.

    Raises:
        EmbedderError: one is not, in a sentence.
    """
    if inspect.isclass(given):
        raise EmbedderError(f"embedder should be an object, not the class {given.__name__}.")
    embedder: Embedder = given
    for name in ("name", "fingerprint", "device"):
        found: Any = getattr(embedder, name)
        if not isinstance(found, str) or not found:
            _refuse(embedder, name, "a text that is not empty", found)
    for name in ("dimension", "batch_size"):
        found = getattr(embedder, name)
        if not isinstance(found, int | np.integer) or isinstance(found, bool) or found < 1:
            _refuse(embedder, name, "a whole number of at least 1", found)
    frame: Any = embedder.frame
    if not isinstance(frame, Frame) or min(frame.height, frame.width) < 1:
        _refuse(embedder, "frame", "a synthaudit.Frame of at least 1 by 1 pixel", frame)
    encode: Any = embedder.encode
    if not callable(encode):
        _refuse(embedder, "encode", "a method", encode)
    return embedder


def verify_vectors(vectors: Any, embedder: Embedder, count: int) -> Singles:
    """What an embedder made of ``count`` images, if it is a vector each.

    Raises:
        EmbedderError: it is something else.
    """
    found = np.asarray(vectors)
    if found.shape != (count, embedder.dimension) or found.dtype.kind not in "fiub":
        raise EmbedderError(
            f"the embedder {embedder.name!r} should make {(count, embedder.dimension)} numbers of "
            f"{count} images, but made {found.shape} of kind {found.dtype}: mend its encode or its "
            "dimension."
        )
    return found.astype(np.float32, copy=False)


def blame_embedder(embedder: Embedder) -> AbstractContextManager[None]:
    """Inside it, whatever an embedder that is not ours raises is told as its failure."""
    if type(embedder).__module__.partition(".")[0] == _OURS:
        return nullcontext()
    return blaming(f"the embedder {embedder.name!r}", EmbedderError)


def _refuse(embedder: Embedder, member: str, expected: str, found: Any) -> None:
    raise EmbedderError(
        f"the {member} of the embedder {type(embedder).__name__} should be {expected}, not "
        f"{found!r}."
    )
