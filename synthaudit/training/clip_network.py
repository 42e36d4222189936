"""Fine-tuning of CLIP as practitioners do with few images: last block and head, others frozen.

The head starts as zero-shot classification by an ensemble of prompts (Radford et al., ICML 2021),
from which few images lead less far astray than from random weights (Wortsman et al., CVPR 2022).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch import nn

from synthaudit.embedding.clip import ClipEmbedder, make_clip
from synthaudit.measures.usefulness.zero_shot import TEMPLATES, prompt_ensemble
from synthaudit.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

_SCALE: Final = 100.0
"""Of cosines: what CLIP's own training ends with."""


class ClipClassifier(nn.Module):
    """An image tower with a linear head on directions.

    Args:
        embedder: the tower, and what it expects of pixels.
        names: of the classes.
        given: mean and deviation that pixels come normalised by.
    """

    factor: torch.Tensor
    offset: torch.Tensor

    def __init__(
        self,
        embedder: ClipEmbedder,
        names: Sequence[str],
        given: tuple[Sequence[float], Sequence[float]],
    ) -> None:
        super().__init__()
        self.visual: nn.Module = embedder.model.visual
        spoken = [name.replace("_", " ").replace("-", " ") for name in names]
        texts = [embedder.encode_text([line.format(name) for name in spoken]) for line in TEMPLATES]
        head = torch.from_numpy(_SCALE * prompt_ensemble(np.stack(texts))).float()
        self.head = nn.Linear(head.shape[1], len(names))
        with torch.no_grad():
            self.head.weight.copy_(head)
            self.head.bias.zero_()
        (mean, deviation), (own_mean, own_deviation) = given, embedder.normalisation
        shape = (1, 3, 1, 1)
        factor = torch.tensor(deviation) / torch.tensor(own_deviation)
        offset = (torch.tensor(mean) - torch.tensor(own_mean)) / torch.tensor(own_deviation)
        self.register_buffer("factor", factor.reshape(shape))
        self.register_buffer("offset", offset.reshape(shape))
        self.visual.requires_grad_(requires_grad=False)
        for module in last_parts(self.visual):
            module.requires_grad_(requires_grad=True)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """(n, K) scores of the classes."""
        features = self.visual(pixels * self.factor + self.offset)
        scores: torch.Tensor = self.head(nn.functional.normalize(features, dim=-1))
        return scores

    def train(self, mode: bool = True) -> ClipClassifier:  # noqa: FBT001, FBT002 - torch calls it so
        """What is frozen keeps its running means."""
        super().train(mode)
        self.visual.eval()
        return self


def last_parts(visual: nn.Module) -> Iterator[nn.Module]:
    """The last block of a tower, and what comes after it."""
    trunk = getattr(visual, "trunk", visual)
    blocks = getattr(getattr(trunk, "transformer", trunk), "resblocks", None)
    blocks = getattr(trunk, "blocks", None) if blocks is None else blocks
    if blocks is None:  # a convolutional tower
        yield [own for own in trunk.children() if any(True for _ in own.parameters())][-1]
        return
    yield blocks[-1]
    after = [own for name, own in trunk.named_children() if name in ("ln_post", "norm", "fc_norm")]
    yield from after


def load_clip_classifier(
    argument: str,
    names: Sequence[str],
    device: torch.device,
    given: tuple[Sequence[float], Sequence[float]],
) -> ClipClassifier:
    """``clip``, ``clip:MODEL:TAG`` or ``clip:local-dir:FOLDER`` as a classifier.

    Raises:
        EmbedderError: the weights cannot be had.
    """
    return ClipClassifier(_embedder(argument, device), names, given)


def clip_edge(argument: str) -> int:
    """The edge in pixels that the tower takes.

    Raises:
        EmbedderError: the weights cannot be had.
    """
    return _embedder(argument, torch.device("cpu")).frame.height


def _embedder(argument: str, device: torch.device) -> ClipEmbedder:
    return make_clip(argument, Settings(embedder="clip", device=str(device), precision="fp32"))
