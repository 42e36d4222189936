"""What ``auto`` decides, how fast, and that it says so."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from synthaudit.embedding import hub
from synthaudit.embedding.choice import choose_embedder, resolve_auto
from synthaudit.errors import EmbedderError
from synthaudit.settings import Settings


def test_auto_without_weights_is_builtin_and_says_so(caplog: Any) -> None:
    embedder = choose_embedder(Settings())
    assert embedder.name == "builtin"
    assert "embedder: builtin, since the CLIP weights are neither" in caplog.text


def test_auto_takes_cached_weights(monkeypatch: Any, caplog: Any) -> None:
    monkeypatch.setattr(hub, "find_cached", lambda *_: Path("/somewhere"))
    with caplog.at_level(logging.INFO):
        assert resolve_auto(local_files_only=True) == "clip"
    assert "from weights in the local cache" in caplog.text


def test_auto_takes_weights_that_the_hub_has(monkeypatch: Any) -> None:
    monkeypatch.setattr(hub, "find_on_hub", lambda *_: "open_clip_model.safetensors")
    assert resolve_auto(local_files_only=False) == "clip"
    assert resolve_auto(local_files_only=True) == "builtin"


def test_a_hub_that_never_answers_is_not_waited_for(monkeypatch: Any) -> None:
    import huggingface_hub

    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr(hub, "PATIENCE_SECONDS", 0.3)
    never = threading.Event()
    monkeypatch.setattr(
        huggingface_hub, "get_hf_file_metadata", lambda *_, **__: never.wait(30), raising=True
    )
    began = time.monotonic()
    assert resolve_auto(local_files_only=False) == "builtin"
    assert time.monotonic() - began < 5
    never.set()


def test_patience_is_within_the_promise() -> None:
    assert hub.PATIENCE_SECONDS < 10


def test_a_real_hub_without_a_network(monkeypatch: Any) -> None:
    """The client's own code against an address where nothing listens."""
    import huggingface_hub.constants

    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    template = "http://127.0.0.1:9/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    assert hub.find_on_hub("someone/something", ["model.safetensors"]) is None


@pytest.mark.parametrize("value", ["1", "ON", "true"])
def test_offline_is_respected(monkeypatch: Any, value: str) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", value)
    assert hub.is_offline()


@pytest.mark.parametrize("device", ["banana", "cuda:99"])
def test_a_device_that_is_not_here_is_refused_by_every_embedder(device: str) -> None:
    with pytest.raises(EmbedderError, match=rf"device '{device}' is not at hand .*: try cpu"):
        choose_embedder(Settings(embedder="builtin", device=device))
