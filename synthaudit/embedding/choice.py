"""From an embedder's name to the embedder, and what ``auto`` decides."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from synthaudit.embedding import clip, hub, timm_model
from synthaudit.embedding.builtin import BuiltinEmbedder
from synthaudit.embedding.protocol import Embedder
from synthaudit.embedding.torch_model import Placement
from synthaudit.errors import EmbedderError
from synthaudit.progress import LOGGER
from synthaudit.settings import Settings

_FORMS: Final = (
    "auto, builtin, clip, clip:MODEL:TAG, clip:local-dir:FOLDER, timm:MODEL or "
    "timm:local-dir:FOLDER"
)


def choose_embedder(settings: Settings) -> Embedder:
    """Load the embedder that the settings name.

    Raises:
        EmbedderError: there is no such embedder, or its weights cannot be had.
    """
    name = (
        resolve_auto(local_files_only=settings.local_files_only)
        if (settings.embedder == "auto")
        else settings.embedder
    )
    kind, _, rest = name.partition(":")
    first, _, second = rest.partition(":")
    if name == "builtin":
        return BuiltinEmbedder(batch_size=settings.batch_size)
    placement = Placement(
        device=settings.device,
        precision=settings.precision,
        batch_size=settings.batch_size,
        compiled=settings.compiled,
    )
    if kind in ("clip", "timm") and first == "local-dir" and second:
        load_folder = clip.load_clip_folder if kind == "clip" else timm_model.load_timm_folder
        return load_folder(Path(second).expanduser(), placement=placement)
    if kind == "clip" and (not rest or (first and second)):
        return clip.load_clip(
            first or clip.DEFAULT_MODEL,
            second or clip.DEFAULT_TAG,
            placement=placement,
            local_files_only=settings.local_files_only,
        )
    if kind == "timm" and rest:
        return timm_model.load_timm(
            rest, placement=placement, local_files_only=settings.local_files_only
        )
    raise EmbedderError(f"there is no embedder {name!r}: use {_FORMS}.")


def resolve_auto(*, local_files_only: bool) -> str:
    """``clip`` where its weights are at hand or can be fetched, else ``builtin``; says which.

    Takes no longer than ``hub.PATIENCE_SECONDS`` to find out.
    """
    repository, files = clip.DEFAULT_REPOSITORY, clip.WEIGHT_FILES
    if hub.find_cached(repository, files) is not None:
        LOGGER.info("embedder: clip, from weights in the local cache.")
        return "clip"
    if not local_files_only and hub.find_on_hub(repository, files) is not None:
        LOGGER.info("embedder: clip, whose weights are downloaded once.")
        return "clip"
    LOGGER.warning(
        "embedder: builtin, since the CLIP weights are neither in the local cache nor to be "
        "fetched; it sees style and forensic traces, not meaning."
    )
    return "builtin"
