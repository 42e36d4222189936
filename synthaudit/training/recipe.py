"""How networks are trained: one recipe for all arms of a comparison."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from synthaudit.settings import validated


class Recipe(BaseModel):
    """Options of ``train``, frozen; unknown names are refused.

    Attributes:
        model: ``small`` (four convolutions, for images of some 32 pixels), ``torchvision:NAME``,
            ``timm:NAME``, ``timm:local-dir:FOLDER``; or ``clip``, ``clip:MODEL:TAG``,
            ``clip:local-dir:FOLDER``, of which the last block and a head learn.
        weights: None from scratch; ``pretrained`` those that come with the model; or a file of
            weights of this model, whose last layer is left out where its classes differ.
        image_size: edge of the square that images are brought to; None for the median shorter edge
            of the real images, at least 32 and at most 224.
        steps: of one batch each, the same for every arm, however many images it has.
        batch_size: images a step.
        learning_rate: at its highest (AdamW, one cycle); None for 1e-3 from scratch, 1e-4 from
            weights, 1e-5 for CLIP.
        weight_decay: of AdamW.
        seeds: networks an arm; a seed is a start, an order, and a draw of the real images.
        shares: of the real images, each trained on alone and with all synthetic ones.
        seed: the first seed.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        confidence: of the intervals.
        max_pixels: larger images are refused before they are decoded.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, protected_namespaces=())

    model: str = Field(default="torchvision:resnet18", min_length=1)
    weights: str | None = None
    image_size: int | None = Field(default=None, ge=8, le=1024)
    steps: int = Field(default=1000, ge=1, le=10_000_000)
    batch_size: int = Field(default=64, ge=2, le=65_536)
    learning_rate: float | None = Field(default=None, gt=0.0, le=10.0, allow_inf_nan=False)
    weight_decay: float = Field(default=0.05, ge=0.0, le=10.0, allow_inf_nan=False)
    seeds: int = Field(default=3, ge=1, le=1000)
    shares: tuple[float, ...] = Field(default=(1.0,), min_length=1)
    seed: int = Field(default=0, ge=0, lt=2**31)
    device: str = Field(default="auto", min_length=1)
    confidence: float = Field(default=0.95, gt=0.5, lt=1.0)
    max_pixels: int = Field(default=200_000_000, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _take_lists(cls, options: Any) -> Any:
        if isinstance(options, dict) and isinstance(options.get("shares"), list):
            return {**options, "shares": tuple(options["shares"])}
        return options

    @model_validator(mode="after")
    def _shares_are_shares(self) -> Self:
        wrong = next((own for own in self.shares if not 0.0 < own <= 1.0), None)
        if wrong is not None:
            raise ValueError(f"shares should be above 0 and at most 1, not {wrong:g}")
        if len(set(self.shares)) < len(self.shares):
            raise ValueError("shares should differ from one another")
        return self

    @property
    def peak_rate(self) -> float:
        """The highest learning rate."""
        if self.learning_rate is not None:
            return self.learning_rate
        if self.model.startswith("clip"):
            return 1e-5
        return 1e-3 if self.weights is None else 1e-4

    def deciding(self) -> dict[str, Any]:
        """What a single run depends on."""
        left_out = {"seeds", "shares", "seed", "device", "confidence", "max_pixels"}
        return self.model_dump(mode="json", exclude=left_out)


def make_recipe(options: dict[str, Any]) -> Recipe:
    """Validate options by name.

    Raises:
        SettingsError: in one sentence, with the nearest known name for an unknown one.
    """
    return validated(Recipe, options)
