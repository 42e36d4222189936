"""Who searches among the vectors of an audit."""

from __future__ import annotations

from functools import partial

from synthaudit.distributing.gpu_searching import candidates_on_gpu
from synthaudit.distributing.searching import candidates_on_ray
from synthaudit.measures.neighbours import CandidateSearch, is_exact
from synthaudit.settings import Settings


def choose_search(settings: Settings, rows: int) -> CandidateSearch | None:
    """Who searches: the cluster where one is asked for, a GPU for very many rows, or nobody else.

    Args:
        settings: the engine and the device.
        rows: how many images there are.
    """
    if settings.engine == "ray":
        return candidates_on_ray
    device = settings.device
    if is_exact(rows, rows // 2) or not (device == "auto" or device.startswith("cuda")):
        return None
    import torch

    if not torch.cuda.is_available():
        return None
    return partial(candidates_on_gpu, device="cuda" if device == "auto" else device)
