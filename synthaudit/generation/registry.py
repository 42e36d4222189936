"""Generators by name: a line each, a file each; other packages add theirs by entry points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from synthaudit.errors import PlanError
from synthaudit.generation.jobs import Generator
from synthaudit.generation.references import References
from synthaudit.registry import Registry

GENERATORS: Final[Registry[Callable[[References], Generator]]] = Registry(
    "generator",
    "synthaudit.generators",
    {
        "diffusers": "synthaudit.generation.diffusion:DiffusionGenerator",
        "folder": "synthaudit.generation.existing:ExistingImages",
        "openai": "synthaudit.generation.openai_server:OpenAIGenerator",
        "comfyui": "synthaudit.generation.comfyui_server:ComfyGenerator",
        "command": "synthaudit.generation.command:CommandGenerator",
        "augment": "synthaudit.generation.augmentation:AugmentationGenerator",
        "gaussian": "synthaudit.generation.gaussian:GaussianGenerator",
    },
    error=PlanError,
)
"""Factories: the real images, which some start from, to a generator."""
