"""Licences of weights, as timm's table and the cards of a model hub tell them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from synthaudit.embedding import hub

UNKNOWN: Final = "unknown"


def licence_of(embedder: str, *, may_ask: bool) -> str | None:
    """The licence of an embedder's weights.

    Args:
        embedder: its name.
        may_ask: whether the hub may be asked where no card is at hand, which takes some seconds.

    Returns:
        Its short name, such as ``mit``; ``unknown`` where nobody here can tell; None where there
        are no weights, or they are the user's own.
    """
    kind, _, argument = embedder.partition(":")
    if kind not in ("clip", "timm") or argument.startswith("local-dir:"):
        return None
    told, repository = _of_timm(argument) if kind == "timm" else (None, _of_clip(argument))
    if told or repository is None:
        return told or UNKNOWN
    return _of_card(repository, may_ask=may_ask) or UNKNOWN


def _of_timm(model: str) -> tuple[str | None, str | None]:
    """What timm's own table says, and the repository of the weights."""
    import timm

    entry = timm.get_pretrained_cfg(model) if timm.is_model(model) else None
    return (None, None) if entry is None else (entry.license, entry.hf_hub_id)


def _of_clip(argument: str) -> str | None:
    """The repository of the weights."""
    from synthaudit.embedding.clip import DEFAULT_REPOSITORY

    if not argument:
        return DEFAULT_REPOSITORY
    from open_clip import get_pretrained_cfg

    model, _, tag = argument.partition(":")
    found = (get_pretrained_cfg(model, tag) or {}).get("hf_hub") or ""
    return "/".join(found.split("/")[:2]) or None


def _of_card(repository: str, *, may_ask: bool) -> str | None:
    card = hub.find_cached(repository, (hub.CARD,))
    if card is None and may_ask:
        card = hub.fetch_beside(repository, hub.CARD)
    return None if card is None else _read(card)


def _read(card: Path) -> str | None:
    """The licence that stands at the head of a card."""
    from huggingface_hub import ModelCardData
    from huggingface_hub.repocard import metadata_load

    try:
        data = ModelCardData(**(metadata_load(card) or {}))
    # A card is written by anybody.
    except Exception:  # noqa: BLE001
        return None
    found = data.get("license_name") or data.license
    return str(found) if found else None
