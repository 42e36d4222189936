"""Embedders by name: a line each, a file each; other packages add theirs by entry points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from synthaudit.embedding.protocol import Embedder
from synthaudit.errors import EmbedderError
from synthaudit.registry import Registry
from synthaudit.settings import Settings

EMBEDDERS: Final[Registry[Callable[[str, Settings], Embedder]]] = Registry(
    "embedder",
    "synthaudit.embedders",
    {
        "builtin": "synthaudit.embedding.builtin:make_builtin",
        "clip": "synthaudit.embedding.clip:make_clip",
        "timm": "synthaudit.embedding.timm_model:make_timm",
        "torchscript": "synthaudit.embedding.torchscript_model:make_torchscript",
    },
    error=EmbedderError,
)
"""Factories: what follows the first colon of the name, and the settings, to an embedder."""
