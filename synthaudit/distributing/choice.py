"""Who searches among the vectors of an audit, and who cross-validates."""

from __future__ import annotations

from functools import partial

from synthaudit.distributing.gpu_searching import candidates_on_gpu
from synthaudit.distributing.searching import candidates_on_ray
from synthaudit.distributing.validating import cross_validate_on_ray
from synthaudit.measures.detection.cross_validation import CrossValidate, cross_validate
from synthaudit.measures.neighbours import CandidateSearch, find_candidates, is_exact
from synthaudit.settings import Settings


def choose_search(settings: Settings, rows: int) -> CandidateSearch:
    """The cluster where one is asked for, a GPU for very many rows, or else this machine's cores.

    Args:
        settings: the engine and the device.
        rows: how many images there are.
    """
    if settings.engine == "ray":
        return candidates_on_ray
    device = settings.device
    if is_exact(rows, rows // 2) or not (device == "auto" or device.startswith("cuda")):
        return find_candidates
    import torch

    if not torch.cuda.is_available():
        return find_candidates
    return partial(candidates_on_gpu, device="cuda" if device == "auto" else device)


def choose_cross_validation(settings: Settings) -> CrossValidate:
    """The cluster where one is asked for, or else this machine."""
    return cross_validate_on_ray if settings.engine == "ray" else cross_validate
