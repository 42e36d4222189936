"""Who searches among the vectors of an audit, and who cross-validates."""

from __future__ import annotations

from functools import partial

from synthaudit.backends.gpu_cross_validation import cross_validate_on_gpu
from synthaudit.backends.gpu_search import candidates_on_gpu
from synthaudit.backends.ray_cross_validation import cross_validate_on_ray
from synthaudit.backends.ray_search import candidates_on_ray
from synthaudit.measures.detection.cross_validation import (
    SINGLE_FROM,
    CrossValidate,
    cross_validate,
)
from synthaudit.measures.search.neighbours import CandidateSearch, find_candidates, is_exact
from synthaudit.settings import Settings


def choose_search(settings: Settings, rows: int) -> CandidateSearch:
    """The cluster where one is asked for, a GPU for very many rows, or else this machine's cores.

    Args:
        settings: the engine and the device.
        rows: how many images there are.
    """
    if settings.engine == "ray":
        return candidates_on_ray
    device = None if is_exact(rows, rows // 2) else _gpu(settings)
    return find_candidates if device is None else partial(candidates_on_gpu, device=device)


def choose_cross_validation(settings: Settings, rows: int) -> CrossValidate:
    """The cluster where one is asked for, a GPU for very many rows, or else this machine's cores.

    Args:
        settings: the engine and the device.
        rows: how many images there are.
    """
    if settings.engine == "ray":
        return cross_validate_on_ray
    device = None if rows <= SINGLE_FROM else _gpu(settings)
    return cross_validate if device is None else partial(cross_validate_on_gpu, device=device)


def _gpu(settings: Settings) -> str | None:
    """The GPU that the settings allow, if there is one."""
    device = settings.device
    if not (device == "auto" or device.startswith("cuda")):
        return None
    import torch

    if not torch.cuda.is_available():
        return None
    return "cuda" if device == "auto" else device
