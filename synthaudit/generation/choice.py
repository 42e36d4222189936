"""From a generator's name to the generator."""

from __future__ import annotations

from synthaudit.generation.augmentation import AugmentationGenerator
from synthaudit.generation.command import CommandGenerator
from synthaudit.generation.diffusion import DiffusionGenerator
from synthaudit.generation.existing import ExistingImages
from synthaudit.generation.gaussian import GaussianGenerator
from synthaudit.generation.jobs import Generator
from synthaudit.generation.references import References


def choose_generator(name: str, references: References) -> Generator:
    """The generator of that name.

    Args:
        name: one of ``diffusers``, ``folder``, ``command``, ``augment``, ``gaussian``.
        references: the real images.
    """
    match name:
        case "diffusers":
            return DiffusionGenerator(references)
        case "folder":
            return ExistingImages()
        case "command":
            return CommandGenerator()
        case "augment":
            return AugmentationGenerator(references)
    return GaussianGenerator(references)
