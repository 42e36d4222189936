"""Products on a GPU with all digits of float32, whatever the program around us has chosen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def full_precision() -> Iterator[None]:
    """No TensorFloat-32 inside: it has the digits of float16, and would swap near neighbours."""
    import torch

    is_allowed = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = is_allowed
