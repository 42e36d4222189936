"""The most memory that a piece of work needs."""

from __future__ import annotations

import sys
from typing import Self


class MemoryPeak:
    """Around a piece of work.

    On a GPU it is what the work allocates there, elsewhere what the process has held since it began
    (0 on Windows).

    Args:
        device: where the work is done.

    Attributes:
        bytes: the peak, once the work is done.
    """

    def __init__(self, device: str) -> None:
        self.device, self.bytes = device, 0

    def __enter__(self) -> Self:
        """Begin."""
        if self.device.startswith("cuda"):
            import torch

            torch.cuda.reset_peak_memory_stats(self.device)
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        if self.device.startswith("cuda"):
            import torch

            self.bytes = int(torch.cuda.max_memory_allocated(self.device))
            return
        if sys.platform == "win32":
            return  # its own interface is of no library that is here
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        self.bytes = peak if sys.platform == "darwin" else peak * 1024
