"""From an embedder's name, or an object that is one, to the embedder; and what ``auto`` decides."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, cast

from synthaudit.embedding import clip, hub
from synthaudit.embedding.protocol import Embedder
from synthaudit.embedding.registry import EMBEDDERS
from synthaudit.embedding.torch_model import placement_of
from synthaudit.embedding.verification import MEMBERS, verify_embedder
from synthaudit.errors import EmbedderError
from synthaudit.progress import LOGGER
from synthaudit.registry import nearest_name
from synthaudit.settings import Settings

_FORMS: Final = (
    "auto, builtin, clip, clip:MODEL:TAG, clip:local-dir:FOLDER, timm:MODEL, "
    "timm:local-dir:FOLDER or torchscript:FILE"
)

_KINDS: Final = (
    "embedder should be a name, a pair of a torch module and its transform, or an object"
)


def choose_embedder(settings: Settings) -> Embedder:
    """Load the embedder that the settings name.

    Raises:
        EmbedderError: there is no such embedder, or its weights or the device cannot be had.
    """
    if settings.device not in ("auto", "cpu"):
        # An embedder that needs none would let a wrong one pass unnoticed.
        placement_of(settings).resolve()
    name = settings.embedder
    if name == "auto":
        name = resolve_auto(local_files_only=settings.offline)
    if len(split_embedders(name)) > 1:
        raise EmbedderError(
            f"several embedders ({name}) are for score alone, where each judges the set: name one."
        )
    kind, _, argument = name.partition(":")
    if kind not in EMBEDDERS.names:
        others = f"use {_FORMS}, or install the package that brings it."
        hint = nearest_name(kind, EMBEDDERS.names, otherwise=others)
        mark = ":" if hint == others else ";"
        raise EmbedderError(f"there is no embedder {name!r}{mark} {hint}")
    with EMBEDDERS.blaming(kind):
        made = EMBEDDERS.load(kind)(argument, settings)
        return verify_embedder(_having_members(made, f"what {kind!r} makes should be an object"))


def split_embedders(given: Any) -> list[Any]:
    """Names parted at commas, or the members of a list.

    A comma that no embedder's name follows belongs to a path.

    >>> split_embedders("builtin,timm:local-dir:a,b,clip")
    ['builtin', 'timm:local-dir:a,b', 'clip']
    """
    if isinstance(given, list):
        return given
    if not isinstance(given, str):
        return [given]
    kinds = "|".join(re.escape(name) for name in ("auto", *EMBEDDERS.names))
    return re.split(rf",\s*(?=(?:{kinds})(?:[:,]|$))", given)


def take_embedder(options: Mapping[str, Any]) -> tuple[dict[str, Any], Embedder | None]:
    """Options with an embedder by its name, and the object, if an object was given.

    Raises:
        EmbedderError: it is no embedder, nor a torch module with its transform.
    """
    given = options.get("embedder", "auto")
    if isinstance(given, str):
        return dict(options), None
    if isinstance(given, tuple) and len(given) == 2:
        from synthaudit.embedding.torch_module import ModuleEmbedder

        given = ModuleEmbedder(
            *given,
            device=options.get("device", "auto"),
            precision=options.get("precision", "auto"),
            batch_size=options.get("batch_size"),
        )
    embedder = verify_embedder(_having_members(given, _KINDS))
    return {**options, "embedder": embedder.name}, embedder


def _having_members(given: Any, expected: str) -> Embedder:
    lacking = [name for name in MEMBERS if not hasattr(given, name)]
    if lacking:
        raise EmbedderError(
            f"{expected} with the members of synthaudit.Embedder, not {type(given).__name__}, "
            f"which lacks {', '.join(lacking)}."
        )
    return cast(Embedder, given)


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
